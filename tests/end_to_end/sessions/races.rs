//! What happens to a session at the same moment, in either order.

use super::{count, status};
use crate::logins::wait_for_locks;
use crate::support::{PASSWORD, TestServer, Tokens, problem};
use gatepost::Caller;
use gatepost::domain::UserId;
use gatepost::passwords::Password;
use reqwest::blocking::Response;
use serde_json::json;

/// Sends a refresh and something that ends the session, so that both meet at the session's row.
/// Whichever comes first, nothing of the session is left.
fn race_with_refresh(end: impl Fn(&TestServer, i64, &Tokens) -> Response + Sync) {
    for refresh_first in [true, false] {
        let server = TestServer::start();
        let id = server.register("alice");
        let tokens = server.tokens("alice");
        let mut sql = server.sql();
        let mut held = sql.transaction().unwrap();
        held.execute("SELECT FROM gatepost.sessions FOR UPDATE", &[]).unwrap();
        let mut watch = server.sql();
        let refreshed = std::thread::scope(|scope| {
            let refresh = || server.refresh(&tokens.refresh);
            let end = || end(&server, id, &tokens);
            let (refreshed, ended) = if refresh_first {
                let refreshed = scope.spawn(refresh);
                wait_for_locks(&mut watch, 1);
                (refreshed, scope.spawn(end))
            } else {
                let ended = scope.spawn(end);
                wait_for_locks(&mut watch, 1);
                (scope.spawn(refresh), ended)
            };
            wait_for_locks(&mut watch, 2);
            held.rollback().unwrap();
            assert_eq!(ended.join().unwrap().status(), 200);
            refreshed.join().unwrap()
        });
        if refreshed.status() == 200 {
            let late = Tokens::of(refreshed);
            assert_eq!(status(&server, id, &late.access), 401);
            problem(server.refresh(&late.refresh), 400, "invalid_grant");
        } else {
            problem(refreshed, 400, "invalid_grant");
        }
        problem(server.refresh(&tokens.refresh), 400, "invalid_grant");
        assert_eq!(count(&server, "ended_at IS NULL"), 0);
    }
}

#[test]
fn a_logout_that_meets_a_refresh_leaves_nothing_of_the_session() {
    race_with_refresh(|server, _, tokens| server.log_out(&tokens.access, &json!({})));
    race_with_refresh(|server, _, tokens| server.log_out(&tokens.access, &json!({"all": true})));
}

#[test]
fn a_deletion_that_meets_a_refresh_leaves_nothing_of_the_session() {
    race_with_refresh(|server, id, tokens| {
        server.delete(&format!("/user?id={id}"), &tokens.access)
    });
}

#[test]
fn a_login_that_meets_a_password_change_waits_for_it_and_gets_no_session() {
    let server = TestServer::start();
    server.register("alice");
    let mut sql = server.sql();
    let mut change = sql.transaction().unwrap();
    let update = "UPDATE gatepost.users SET token_version = token_version + 1";
    change.execute(update, &[]).unwrap();
    std::thread::scope(|scope| {
        let login = scope.spawn(|| server.log_in("alice", PASSWORD));
        wait_for_locks(&mut server.sql(), 1);
        change.commit().unwrap();
        problem(login.join().unwrap(), 400, "invalid_credentials");
    });
    assert_eq!(count(&server, "true"), 0);
}

#[test]
fn a_password_change_that_meets_a_login_waits_for_it_and_ends_its_session() {
    let server = TestServer::start();
    let id = server.register("alice");
    let mut sql = server.sql();
    // A login whose session is open and not yet committed.
    let mut login = sql.transaction().unwrap();
    let open = "INSERT INTO gatepost.sessions (user_id, key_generation, expires_at)
                SELECT id, 1, now() + interval '1 day' FROM gatepost.users FOR SHARE";
    login.execute(open, &[]).unwrap();
    std::thread::scope(|scope| {
        let change = scope.spawn(|| {
            let (user, new) = (UserId::parse(id), Password::parse("another password"));
            gatepost::users::change_password(
                server.app(),
                &Caller::Trusted,
                user.unwrap(),
                &new.unwrap(),
            )
        });
        wait_for_locks(&mut server.sql(), 1);
        login.commit().unwrap();
        change.join().unwrap().unwrap();
    });
    assert_eq!((count(&server, "true"), count(&server, "ended_at IS NULL")), (1, 0));
}
