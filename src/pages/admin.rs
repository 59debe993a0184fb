//! Administration: users, keys, the audit log, the outbox and the state of the service.

mod charts;
mod health;
mod keys;
mod log;
mod user;
mod users;

use super::answer::Page;
use super::form::names_password;
use super::member::{act, visit};
use crate::front_door::Lane::{self, Hashing, Ordinary};

/// The page of a path, and who answers it.
pub(super) fn find(method: &str, path: &str, body: &[u8]) -> Option<(Lane, Page)> {
    let lane = if names_password(body) { Hashing } else { Ordinary };
    let page: Page = match (method, path) {
        ("GET", "/admin") => |app, request| visit(app, request, users::show),
        ("GET", "/admin/new") => |app, request| visit(app, request, users::show_new),
        ("POST", "/admin/new") => |app, request| act(app, request, users::create),
        ("GET", "/admin/user") => |app, request| visit(app, request, user::show),
        ("POST", "/admin/user/lock") => |app, request| act(app, request, user::lock),
        ("POST", "/admin/user/expire") => |app, request| act(app, request, user::expire),
        ("POST", "/admin/user/names") => |app, request| act(app, request, user::set_names),
        ("POST", "/admin/user/admin") => |app, request| act(app, request, user::appoint),
        ("POST", "/admin/user/recover") => |app, request| act(app, request, user::recover),
        ("POST", "/admin/user/factors") => |app, request| act(app, request, user::remove_factors),
        ("POST", "/admin/user/session") => |app, request| act(app, request, user::end_session),
        ("POST", "/admin/user/delete") => |app, request| act(app, request, user::delete),
        ("GET", "/admin/api-keys") => |app, request| visit(app, request, keys::show_api_keys),
        ("POST", "/admin/api-keys/new") => |app, request| act(app, request, keys::create),
        ("POST", "/admin/api-keys/revoke") => |app, request| act(app, request, keys::revoke),
        ("GET", "/admin/signing-keys") => {
            |app, request| visit(app, request, keys::show_signing_keys)
        }
        ("POST", "/admin/signing-keys/rotate") => |app, request| act(app, request, keys::rotate),
        ("GET", "/admin/audit") => |app, request| visit(app, request, log::show_audit),
        ("POST", "/admin/audit/verify") => |app, request| act(app, request, log::verify),
        ("GET", "/admin/outbox") => |app, request| visit(app, request, log::show_outbox),
        ("GET", "/admin/health") => |app, request| visit(app, request, health::show),
        _ => return None,
    };
    Some((lane, page))
}
