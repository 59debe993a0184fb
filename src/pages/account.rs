//! My account: what somebody sees and changes of their own.

mod address;
mod data;
mod factors;
mod password;
mod sessions;

use super::answer::{Page, frame, page};
use super::form::names_password;
use super::member::{act, visit};
use super::views::account::Account;
use crate::front_door::Lane::{self, Hashing, Ordinary};
use crate::users;

/// The page of a path, and who answers it.
pub(super) fn find(method: &str, path: &str, body: &[u8]) -> Option<(Lane, Page)> {
    let lane = if names_password(body) { Hashing } else { Ordinary };
    let page: Page = match (method, path) {
        ("GET", "/account") => |app, request| {
            visit(app, request, |member| {
                member.resume()?;
                let user = users::show(app, member.caller(), member.user())?;
                page(200, &Account { frame: frame(app, request, None), user: &user })
            })
        },
        ("GET", "/account/password") => |app, request| visit(app, request, password::show),
        ("POST", "/account/password") => |app, request| act(app, request, password::change),
        ("GET", "/account/email") => |app, request| visit(app, request, address::show),
        ("POST", "/account/email") => |app, request| act(app, request, address::change),
        ("POST", "/account/email/verify") => |app, request| act(app, request, address::verify),
        ("GET", "/account/factors") => |app, request| visit(app, request, factors::show),
        ("POST", "/account/factors/remove") => |app, request| act(app, request, factors::remove),
        ("POST", "/account/factors/app") => |app, request| act(app, request, factors::add_app),
        ("POST", "/account/factors/app-code") => {
            |app, request| act(app, request, factors::confirm_app)
        }
        ("POST", "/account/factors/passkey") => {
            |app, request| act(app, request, factors::begin_passkey)
        }
        ("POST", "/account/factors/passkey-made") => {
            |app, request| act(app, request, factors::add_passkey)
        }
        ("POST", "/account/factors/codes") => |app, request| act(app, request, factors::new_codes),
        ("GET", "/account/sessions") => |app, request| visit(app, request, sessions::show),
        ("POST", "/account/sessions/end") => |app, request| act(app, request, sessions::end),
        ("POST", "/account/sessions/end-all") => {
            |app, request| act(app, request, sessions::end_all)
        }
        ("GET", "/account/data") => |app, request| visit(app, request, data::show),
        ("GET", "/account/export") => |app, request| visit(app, request, data::export),
        ("POST", "/account/delete") => |app, request| act(app, request, data::delete),
        _ => return None,
    };
    Some((lane, page))
}
