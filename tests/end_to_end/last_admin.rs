//! The last admin who is active: not to be locked, ended, deleted or demoted over the API.

use crate::support::{PASSWORD, TestServer, problem};
use gatepost::config::AccessMode;
use gatepost::domain::{Login, UserId};
use gatepost::{Caller, Error};
use serde_json::{Value, json};
use std::sync::Barrier;

const PAST: &str = "2020-01-31T18:00:00Z";
const SOON: &str = "2199-01-31T18:00:00Z";
const LATER: &str = "2199-02-28T18:00:00Z";

fn delete(server: &TestServer, id: i64, token: &str) -> reqwest::blocking::Response {
    server.delete(&format!("/user?id={id}"), token)
}

/// What takes an admin away, if nobody minds.
fn changes(id: i64) -> [Value; 4] {
    [
        json!({"id": id, "locked": true}),
        json!({"id": id, "expires_at": PAST}),
        json!({"id": id, "expires_at": SOON}),
        json!({"id": id, "locked": true, "password": "another password"}),
    ]
}

#[test]
fn the_last_active_admin_cannot_be_locked_ended_or_deleted() {
    let server = TestServer::start();
    let root = server.register_admin("root");
    let (locked, over) = (server.register_admin("locked"), server.register_admin("over"));
    server.register("alice");
    let token = server.token("root");
    // Admins who could not act are no admins who are left.
    let body = json!({"id": locked, "locked": true});
    assert_eq!(server.patch(&body, &token).status(), 200);
    let body = json!({"id": over, "expires_at": PAST});
    assert_eq!(server.patch(&body, &token).status(), 200);
    for body in changes(root) {
        problem(server.patch(&body, &token), 403, "last_admin");
    }
    problem(delete(&server, root, &token), 403, "last_admin");
    // Nothing of it was done.
    assert_eq!(server.log_in("root", PASSWORD).status(), 200);
    assert_eq!(server.get("/users", &token).status(), 200);
    // What takes nothing away goes on.
    let body = json!({"id": root, "locked": false, "expires_at": null});
    assert_eq!(server.patch(&body, &token).status(), 200);
    assert_eq!(delete(&server, locked, &token).status(), 200);
    // With a second one who is active, the first may go.
    let body = json!({"id": over, "expires_at": null});
    assert_eq!(server.patch(&body, &token).status(), 200);
    assert_eq!(delete(&server, root, &token).status(), 200);
    let token = server.token("over");
    problem(delete(&server, over, &token), 403, "last_admin");
}

#[test]
fn an_end_in_the_future_is_judged_by_who_will_be_an_admin_then() {
    let server = TestServer::start();
    let (root, other) = (server.register_admin("root"), server.register_admin("other"));
    let token = server.token("root");
    let end = |id: i64, at: Value| server.patch(&json!({"id": id, "expires_at": at}), &token);
    assert_eq!(end(other, json!(SOON)).status(), 200);
    // At that time the other one is over already, or in the same moment.
    problem(end(root, json!(LATER)), 403, "last_admin");
    problem(end(root, json!(SOON)), 403, "last_admin");
    assert_eq!(end(other, json!(LATER)).status(), 200);
    assert_eq!(end(root, json!(SOON)).status(), 200);
    // Now the other one is the last. A later end takes nothing away, an earlier one does.
    assert_eq!(end(other, json!("2199-03-31T18:00:00Z")).status(), 200);
    problem(end(other, json!(LATER)), 403, "last_admin");
}

#[test]
fn two_admins_who_delete_each_other_at_once_leave_one() {
    let server = TestServer::start();
    for round in 0..20 {
        let logins = [format!("a{round}"), format!("b{round}")];
        let ids = logins.each_ref().map(|login| server.register_admin(login));
        let tokens = logins.each_ref().map(|login| server.token(login));
        let clear = format!("UPDATE gatepost.users SET admin = false WHERE id < {}", ids[0]);
        server.sql().batch_execute(&clear).unwrap();
        let barrier = Barrier::new(2);
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..2)
                .map(|n| {
                    let (server, barrier, tokens) = (&server, &barrier, &tokens);
                    scope.spawn(move || {
                        barrier.wait();
                        delete(server, ids[1 - n], &tokens[n]).status().as_u16()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let sql = "SELECT count(*) FROM gatepost.users WHERE admin";
        let left: i64 = server.sql().query_one(sql, &[]).unwrap().get(0);
        assert_eq!((left, statuses.iter().filter(|s| **s == 200).count()), (1, 1), "{statuses:?}");
    }
}

#[test]
fn two_admins_who_leave_at_once_leave_one() {
    let server = TestServer::start();
    for round in 0..20 {
        let logins = [format!("a{round}"), format!("b{round}")];
        let ids = logins.each_ref().map(|login| server.register_admin(login));
        let tokens = logins.each_ref().map(|login| server.token(login));
        let clear = format!("UPDATE gatepost.users SET admin = false WHERE id < {}", ids[0]);
        server.sql().batch_execute(&clear).unwrap();
        let barrier = Barrier::new(2);
        let mut statuses: Vec<u16> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..2)
                .map(|n| {
                    let (server, barrier, tokens) = (&server, &barrier, &tokens);
                    scope.spawn(move || {
                        barrier.wait();
                        match round % 2 {
                            0 => delete(server, ids[n], &tokens[n]).status().as_u16(),
                            _ => {
                                let body = json!({"id": ids[n], "locked": true});
                                server.patch(&body, &tokens[n]).status().as_u16()
                            }
                        }
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 403], "{round}");
    }
}

#[test]
fn open_mode_and_the_program_itself_are_not_bound() {
    let server = TestServer::with(|c| c.access.mode = AccessMode::Open);
    let root = server.register_admin("root");
    let (alone, open) = (server.register_admin("alone"), json!({"id": root, "locked": true}));
    assert_eq!(
        server.request(reqwest::Method::PATCH, "/user").json(&open).send().unwrap().status(),
        200
    );
    let gone = server.request(reqwest::Method::DELETE, &format!("/user?id={alone}"));
    assert_eq!(gone.send().unwrap().status(), 200);
    let server = TestServer::start();
    let root = UserId::parse(server.register_admin("root")).unwrap();
    let demoted = gatepost::users::set_admin(server.app(), &Caller::Trusted, root, false).unwrap();
    assert!(!demoted.admin);
    gatepost::users::set_admin(server.app(), &Caller::Trusted, root, true).unwrap();
    // A program that passes its user's token on is bound as that user is.
    let caller = Caller::bearer(server.app(), &server.token("root")).unwrap();
    let demoted = gatepost::users::set_admin(server.app(), &caller, root, false);
    assert_eq!(demoted.unwrap_err(), Error::LastAdmin);
    gatepost::users::delete(server.app(), &Caller::Trusted, root).unwrap();
    assert!(
        gatepost::users::find(server.app(), &Caller::Trusted, &Login::parse("root").unwrap())
            .is_err()
    );
}
