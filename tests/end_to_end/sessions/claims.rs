//! What a token claims is so at the moment at which its session's row says that it was issued:
//! whoever changes a user, and whoever issues a token, meet at the user's row.

use super::model::deadlocks;
use super::{claims, let_pass};
use crate::authorization::key;
use crate::introspection::introspect;
use crate::logins::wait_for_locks;
use crate::revocations;
use crate::support::{TestServer, Tokens, form, problem};
use gatepost::Caller;
use gatepost::domain::UserId;
use gatepost::users::Change;
use reqwest::Method;
use reqwest::blocking::Response;
use serde_json::json;
use std::sync::Barrier;

/// What is answered to a request that meets these statements, which are committed once it waits.
fn meet(
    server: &TestServer,
    statements: &str,
    request: impl FnOnce() -> Response + Send,
) -> Response {
    let mut sql = server.sql();
    let mut change = sql.transaction().unwrap();
    change.batch_execute(statements).unwrap();
    std::thread::scope(|scope| {
        let request = scope.spawn(request);
        wait_for_locks(&mut server.sql(), 1);
        change.commit().unwrap();
        request.join().unwrap()
    })
}

/// A demotion as `set_admin` does it.
const DEMOTION: &str = "UPDATE gatepost.users SET admin = false;
                        UPDATE gatepost.sessions SET revoked_at = clock_timestamp()";

#[test]
fn a_login_that_meets_a_demotion_claims_no_admin() {
    let server = TestServer::start();
    server.register_admin("root");
    let tokens =
        Tokens::of(meet(&server, DEMOTION, || server.log_in("root", crate::support::PASSWORD)));
    assert_eq!(claims(&tokens.access)["admin"], false);
}

#[test]
fn a_refresh_that_meets_a_demotion_claims_no_admin() {
    let server = TestServer::start();
    server.register_admin("root");
    let first = server.tokens("root");
    let second = Tokens::of(meet(&server, DEMOTION, || server.refresh(&first.refresh)));
    assert_eq!(claims(&second.access)["admin"], false);
    // Within the grace too.
    server.sql().batch_execute("UPDATE gatepost.users SET admin = true").unwrap();
    let again = Tokens::of(meet(&server, DEMOTION, || server.refresh(&first.refresh)));
    assert_eq!((&again.refresh, &claims(&again.access)["admin"]), (&second.refresh, &json!(false)));
}

#[test]
fn a_refresh_that_meets_a_change_of_password_claims_the_new_version() {
    let server = TestServer::start();
    server.register("alice");
    let first = server.tokens("alice");
    let change = "UPDATE gatepost.users SET token_version = 7;
                  UPDATE gatepost.sessions SET revoked_at = clock_timestamp()";
    let second = Tokens::of(meet(&server, change, || server.refresh(&first.refresh)));
    assert_eq!(claims(&second.access)["token_version"], 7);
    assert_eq!(server.get("/sessions", &second.access).status(), 200);
}

#[test]
fn a_demotion_lists_sessions_that_were_idle_for_longer_than_tokens_live() {
    let server = TestServer::start();
    let root = UserId::parse(server.register_admin("root")).unwrap();
    let token = server.token("root");
    let_pass(&server, 3_600);
    gatepost::users::set_admin(server.app(), &Caller::Trusted, root, false).unwrap();
    let listed = revocations::list(&server, "/revocations");
    let sid = &claims(&token)["sid"];
    assert_eq!(listed["revoked"], json!([{"sid": sid, "token_version": 1, "admin": false}]));
}

#[test]
fn a_session_that_ends_while_its_change_waits_changes_nothing() {
    let server = TestServer::start();
    let id = server.register("alice");
    let token = server.token("alice");
    let end = "SELECT FROM gatepost.users FOR UPDATE;
               UPDATE gatepost.sessions SET ended_at = now()";
    let target = format!("/user?id={id}");
    problem(meet(&server, end, || server.delete(&target, &token)), 401, "unauthenticated");
    problem(server.log_out(&token, &json!({})), 401, "unauthenticated");
    Tokens::of(server.log_in("alice", crate::support::PASSWORD));
}

#[test]
fn a_revocation_that_meets_a_change_of_password_leaves_the_session_that_goes_on() {
    let server = TestServer::start();
    server.register("alice");
    let asker = key(&server, "introspect").1;
    let tokens = server.tokens("alice");
    let change = "UPDATE gatepost.users SET token_version = token_version + 1;
                  UPDATE gatepost.sessions SET revoked_at = clock_timestamp()";
    let revoke = || {
        let request = server.request(Method::POST, "/revoke");
        form(request, &[("token", &tokens.access)]).send().unwrap()
    };
    assert_eq!(meet(&server, change, revoke).status(), 200);
    assert_eq!(introspect(&server, &asker, &tokens.refresh)["active"], true);
}

#[test]
fn two_who_change_each_other_at_once_do_not_deadlock() {
    let server = TestServer::start();
    let [one, two] = ["one", "two"].map(|login| {
        let id = UserId::parse(server.register_admin(login)).unwrap();
        (id, Caller::bearer(server.app(), &server.token(login)).unwrap())
    });
    let (app, barrier) = (server.app(), Barrier::new(2));
    let change = |whom: UserId, caller: &Caller| {
        for round in 0..60 {
            barrier.wait();
            if round % 2 == 0 {
                let mut change = Change::default();
                change.expires_at = Some(None);
                gatepost::users::change(app, caller, whom, &change).unwrap();
            } else {
                gatepost::users::set_admin(app, caller, whom, true).unwrap();
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| change(two.0, &one.1));
        scope.spawn(|| change(one.0, &two.1));
    });
    let database = server.database.clone();
    drop(server);
    assert_eq!(deadlocks(&database), 0);
}
