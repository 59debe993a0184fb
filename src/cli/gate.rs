//! `gatepost gate …`: what the gate would say.

#[cfg(feature = "pages")]
use super::output::print_line;
use super::{Context, Failure, Outcome};
use clap::Subcommand;

/// Try the rules of the gate
#[derive(Subcommand)]
pub(super) enum Command {
    /// Say which rule decides about a request, and why
    ///
    /// Exits with 0 if the request is let through, and with 1 if it is not. With --as it is a request of this
    /// user, signed in with a second factor if the user has one; without, of somebody who is not signed in.
    Test {
        /// The address, such as <https://app.example.com/admin>
        url: String,
        /// The user's login
        #[arg(long = "as", value_name = "LOGIN")]
        login: Option<String>,
        /// The method of the request
        #[arg(long, value_name = "METHOD", default_value = "GET")]
        method: String,
    },
}

#[cfg(not(feature = "pages"))]
pub(super) fn command(_: &Context, _: &Command) -> Outcome {
    Err(Failure::Failed("this binary was built without the feature pages".to_owned()))
}

#[cfg(feature = "pages")]
pub(super) fn command(context: &Context, command: &Command) -> Outcome {
    let Command::Test { url, login, method } = command;
    let asked = gatepost::gate::Asked::new(method, url)?;
    let config = context.load()?;
    if config.gate.rules.0.is_empty() {
        return Err(Failure::Failed(
            "there are no gate.rules, so the gate lets nobody through".to_owned(),
        ));
    }
    test(config, &asked, login.as_deref())
}

#[cfg(feature = "pages")]
fn test(config: gatepost::Config, asked: &gatepost::gate::Asked, login: Option<&str>) -> Outcome {
    use gatepost::domain::{Login, Timestamp};
    use gatepost::gate::{Lack, Ruling, lack, ruling};
    use gatepost::{App, Caller, factors, users};

    let rules = config.gate.rules.clone();
    let is_known = config.gate.origins.contains(&asked.origin)
        || config.pages.origin.as_ref() == Some(&asked.origin);
    let denied = |text: &str| Err(Failure::Failed(text.to_owned()));
    let rule = match ruling(&rules, asked) {
        Ruling::Rule(number, rule) => {
            print_line(&format!("rule {number} decides: {rule}"))?;
            rule
        }
        Ruling::Ambiguous => {
            return denied(
                "denied: programs could read the ; in the path in two ways, for which two rules are",
            );
        }
        _ => return denied("denied: no rule is for this host, path and method"),
    };
    if rule.public {
        return print_line("let through: it is public");
    }
    if !is_known {
        return denied(&format!(
            "denied: {} is neither pages.origin nor one of gate.origins, so nobody can be signed in there",
            asked.origin
        ));
    }
    let Some(login) = login else {
        return denied("denied: one must be signed in; --as says as whom");
    };
    let login = Login::parse(login)?;
    let app = App::open(config)?;
    let user = users::find(&app, &Caller::Trusted, &login)?;
    if user.locked || user.expires_at.is_some_and(Timestamp::is_past) {
        return denied("denied: the account is locked or has expired");
    }
    let mfa = !factors::list(&app, &Caller::Trusted, Some(user.id))?.factors.is_empty();
    let one_of = |names: &[String]| names.join(" or ");
    match lack(rule, &user, mfa) {
        None => print_line("let through: the user has all that the rule asks"),
        Some(Lack::Role(roles)) => {
            denied(&format!("denied: the user lacks the role {}", one_of(roles)))
        }
        Some(Lack::Group(groups)) => {
            denied(&format!("denied: the user is not in the group {}", one_of(groups)))
        }
        Some(_) => denied("denied: the user has no second factor"),
    }
}
