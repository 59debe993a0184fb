//! Users: finding, making and inviting them.

use crate::domain::{Attributes, Email, Login, LoginPrefix, Name, Names, Page};
use crate::error::{Error, Result};
use crate::http::Response;
use crate::http::paging::encoded;
use crate::http::parameters::Parameters;
use crate::pages::answer::{Alert, answer, done, frame};
use crate::pages::form::Form;
use crate::pages::member::{Member, is_for_act};
use crate::pages::views::admin::{NewUserForm, Typed, Users};
use crate::passwords::Password;
use crate::recovery;
use crate::users::{self, Filter, NewUser, User};

/// Users of a page.
const SHOWN: i64 = 50;

/// What was typed to find users.
struct Search {
    typed: [String; 5],
}

const FIELDS: [&str; 5] = ["login_prefix", "email", "role", "group", "locked"];

impl Search {
    fn of(parameters: &mut Parameters) -> Result<Self> {
        let mut typed: [String; 5] = Default::default();
        for (text, name) in typed.iter_mut().zip(FIELDS) {
            *text = parameters.optional_text(name)?.unwrap_or_default();
        }
        Ok(Self { typed })
    }

    /// What of it filters. A field of the form that was left empty does not.
    fn filter(&self) -> Result<Filter> {
        let [login_prefix, email, role, group, locked] = &self.typed;
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Ok(Filter {
            login_prefix: given(login_prefix).map(|it| LoginPrefix::parse(&it)).transpose()?,
            email: given(email).map(|it| Email::parse(&it)).transpose()?,
            role: given(role).map(|it| Name::parse("role", &it)).transpose()?,
            group: given(group).map(|it| Name::parse("group", &it)).transpose()?,
            locked: given(locked).map(|it| it == "true"),
            ..Filter::default()
        })
    }

    fn query(&self) -> String {
        let pairs = FIELDS.iter().zip(&self.typed).filter(|(_, text)| !text.is_empty());
        pairs.map(|(name, text)| format!("{name}={}&", encoded(text))).collect()
    }
}

/// `GET /admin`
pub(super) fn show(member: &mut Member<'_>) -> Result<Response> {
    let mut parameters = member.request.parameters()?;
    let search = Search::of(&mut parameters)?;
    let after = parameters.optional_text("after")?;
    parameters.end()?;
    let found = search.filter().and_then(|filter| find(member, &filter, after.as_deref()));
    let (users, next, alert) = match found {
        Ok((users, next)) => (users, next, None),
        Err(error @ Error::InvalidRequest(_)) => {
            (Vec::new(), None, Some(Alert::of(member.request, &error)))
        }
        Err(error) => return Err(error),
    };
    let next = next.map(|after| format!("{}after={}", search.query(), encoded(&after)));
    answer(alert, |alert| Users {
        frame: frame(member.app, member.request, alert),
        users: &users,
        next,
        typed: &search.typed,
    })
}

fn find(
    member: &Member<'_>,
    filter: &Filter,
    after: Option<&str>,
) -> Result<(Vec<User>, Option<String>)> {
    let (app, caller) = (member.app, member.caller());
    let first = Page::parse(1, SHOWN, None)?;
    let position = after.map(|after| filter.parse_position(after)).transpose()?;
    let (users, more) = users::search(app, caller, filter, first, position.as_ref())?;
    let last = users.last().filter(|_| more).map(|user| filter.position_after(user));
    let next = last.transpose()?.map(|position| position.to_string());
    Ok((users, next))
}

/// The names that were typed, with commas or spaces between them.
pub(super) fn names(field: &str, typed: &str) -> Result<Names> {
    let words = typed.split([',', ' ']).filter(|word| !word.is_empty());
    Names::parse(field, words)
}

fn form(member: &Member<'_>, typed: Typed<'_>, alert: Option<Alert>) -> Result<Response> {
    answer(alert, |alert| NewUserForm { frame: frame(member.app, member.request, alert), typed })
}

/// `GET /admin/new`
pub(super) fn show_new(member: &mut Member<'_>) -> Result<Response> {
    // Others need not see a form that is not for them.
    users::list(member.app, member.caller(), Page::parse(1, 1, None)?)?;
    form(member, Typed::default(), None)
}

/// `POST /admin/new`: with a password, or else an invitation.
pub(super) fn create(member: &mut Member<'_>, sent: &mut Form) -> Result<Response> {
    let (login, email) = (sent.text("login")?, sent.text("email")?);
    let (roles, groups) = (sent.text("roles")?, sent.text("groups")?);
    let password = sent.text("password")?;
    let outcome = Login::parse(&login).and_then(|parsed| {
        let address = (!email.is_empty()).then(|| Email::parse(&email)).transpose()?;
        let new = NewUser {
            admin: false,
            email: address.clone(),
            roles: names("roles", &roles)?,
            groups: names("groups", &groups)?,
            attributes: Attributes::default(),
        };
        match address {
            Some(address) if password.is_empty() => {
                recovery::invite(member.app, member.caller(), &parsed, &address, &new)
            }
            _ => {
                let password = Password::parse(&password)?;
                users::create(member.app, member.caller(), &parsed, &password, &new)
            }
        }
    });
    match outcome {
        Ok(_) if password.is_empty() => {
            done(member.app, member.request, 201, |texts| texts.admin.invited)
        }
        Ok(user) => Ok(member.go_to(&format!("admin/user?id={}", user.id.get()))),
        Err(error) if is_for_act(&error) => Err(error),
        Err(error) => {
            let typed = Typed { login: &login, email: &email, roles: &roles, groups: &groups };
            form(member, typed, Some(Alert::of(member.request, &error)))
        }
    }
}
