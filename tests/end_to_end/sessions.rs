//! Sessions: refreshing, its races and thefts, logging out, listing, sweeping.

use crate::support::program::{Home, Running};
use crate::support::{
    APP_PASSWORD, CLUSTER, PASSWORD, TestServer, Tokens, client, config, conninfo, new_database,
    problem,
};
use gatepost::config::AccessMode;
use gatepost::{Caller, Password, Service, UserId};
use reqwest::Method;
use reqwest::blocking::Response;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write;
use std::net::TcpStream;
use std::sync::Barrier;
use std::time::Duration;

/// Makes the retirements of all sessions older than they are, as if that time had passed.
fn let_pass(server: &TestServer, seconds: i32) {
    let mut sql = server.sql();
    for row in sql.query("SELECT id, retired FROM gatepost.sessions", &[]).unwrap() {
        let (id, bytes): (i64, Vec<u8>) = (row.get(0), row.get(1));
        let older = |chunk: &[u8; 8]| i64::from_be_bytes(*chunk) - i64::from(seconds) * 1_000;
        let bytes: Vec<u8> =
            bytes.as_chunks().0.iter().flat_map(|c| older(c).to_be_bytes()).collect();
        let update = "UPDATE gatepost.sessions SET retired = $2 WHERE id = $1";
        sql.execute(update, &[&id, &bytes]).unwrap();
    }
    let update = "UPDATE gatepost.sessions
                  SET created_at = created_at - $1 * interval '1 second',
                      last_used_at = last_used_at - $1 * interval '1 second',
                      expires_at = expires_at - $1 * interval '1 second'";
    sql.execute(update, &[&f64::from(seconds)]).unwrap();
}

fn status(server: &TestServer, id: i64, token: &str) -> u16 {
    server.get(&format!("/user?id={id}"), token).status().as_u16()
}

fn count(server: &TestServer, what: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM gatepost.sessions WHERE {what}");
    server.sql().query_one(&sql, &[]).unwrap().get(0)
}

#[test]
fn a_refresh_gives_a_new_pair_and_retires_the_old_token() {
    let server = TestServer::start();
    let id = server.register("alice");
    let first = server.tokens("alice");
    let response = server.refresh(&first.refresh);
    assert_eq!(response.status(), 200);
    let body: Value = response.json().unwrap();
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(900)));
    assert_eq!((body["user_id"].as_i64(), body.as_object().unwrap().len()), (Some(id), 5));
    let second = body["refresh_token"].as_str().unwrap();
    assert_ne!(second, first.refresh);
    let access = body["access_token"].as_str().unwrap();
    assert_ne!(access, first.access);
    // Both access tokens are good, of one session, until their own end.
    assert_eq!((status(&server, id, access), status(&server, id, &first.access)), (200, 200));
    let third = Tokens::of(server.refresh(second));
    assert_eq!(status(&server, id, &third.access), 200);
    assert_eq!(count(&server, "ended_at IS NULL AND counter = 2"), 1);
}

#[test]
fn a_refresh_token_that_is_unknown_malformed_or_foreign_is_refused() {
    let server = TestServer::start();
    server.register("alice");
    let tokens = server.tokens("alice");
    let other = TestServer::start();
    other.register("alice");
    let foreign = other.tokens("alice").refresh;
    let changed = format!("{}A", &tokens.refresh[..tokens.refresh.len() - 1]);
    let changed_again = format!("{}Q", &tokens.refresh[..tokens.refresh.len() - 1]);
    let long = "A".repeat(8_000);
    for bad in ["", " ", "nonsense", "é", &tokens.access, &foreign, &long, &format!("{} ", foreign)]
    {
        problem(server.refresh(bad), 400, "invalid_grant");
    }
    for bad in [changed, changed_again].iter().filter(|bad| **bad != tokens.refresh) {
        problem(server.refresh(bad), 400, "invalid_grant");
    }
    for body in [json!({}), json!({"refresh_token": 5}), json!({"refresh_token": null})] {
        problem(server.post("/token", &body), 400, "invalid_request");
    }
    let more = json!({"refresh_token": tokens.refresh, "grant_type": "refresh_token"});
    problem(server.post("/token", &more), 400, "invalid_request");
    // None of that has harmed the session.
    Tokens::of(server.refresh(&tokens.refresh));
}

/// What 64 clients get that send the same refresh at once, spread over some addresses.
fn refresh_64_times(urls: &[String], refresh_token: &str) -> Vec<Tokens> {
    let barrier = Barrier::new(64);
    std::thread::scope(|scope| {
        let refresh = |n: usize| {
            let (barrier, url) = (&barrier, &urls[n % urls.len()]);
            scope.spawn(move || {
                let request = client().post(url).json(&json!({"refresh_token": refresh_token}));
                barrier.wait();
                Tokens::of(request.send().unwrap())
            })
        };
        let threads: Vec<_> = (0..64).map(refresh).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn of_64_refreshes_of_one_token_at_once_all_get_the_same_successor() {
    let server = TestServer::start();
    let id = server.register("alice");
    let tokens = server.tokens("alice");
    let answers = refresh_64_times(&[server.url("/token")], &tokens.refresh);
    let successors: BTreeSet<&str> = answers.iter().map(|it| it.refresh.as_str()).collect();
    assert_eq!(successors.len(), 1);
    for answer in &answers {
        assert_eq!(status(&server, id, &answer.access), 200);
    }
    assert_eq!(count(&server, "ended_at IS NULL AND counter = 1"), 1);
    Tokens::of(server.refresh(successors.first().unwrap()));
}

#[test]
fn of_64_refreshes_at_once_on_two_instances_all_get_the_same_successor() {
    let server = TestServer::start();
    let second = Service::start(config(&server.database)).unwrap();
    server.register("alice");
    let mut token = server.tokens("alice").refresh;
    let urls = [server.url("/token"), format!("http://{}/token", second.addr())];
    for round in 1..=3 {
        let answers = refresh_64_times(&urls, &token);
        let successors: BTreeSet<String> = answers.into_iter().map(|it| it.refresh).collect();
        assert_eq!(successors.len(), 1);
        assert_eq!(count(&server, &format!("ended_at IS NULL AND counter = {round}")), 1);
        token = successors.into_iter().next().unwrap();
    }
}

#[test]
fn within_the_grace_each_retired_token_gets_its_own_successor_again() {
    let server = TestServer::start();
    server.register("alice");
    let first = server.tokens("alice").refresh;
    let second = Tokens::of(server.refresh(&first)).refresh;
    let third = Tokens::of(server.refresh(&second)).refresh;
    let_pass(&server, 9);
    assert_eq!(Tokens::of(server.refresh(&first)).refresh, second);
    assert_eq!(Tokens::of(server.refresh(&second)).refresh, third);
    assert_eq!(Tokens::of(server.refresh(&first)).refresh, second);
    assert_eq!(count(&server, "ended_at IS NULL AND counter = 2"), 1);
}

#[test]
fn a_stolen_token_used_after_the_grace_ends_the_session_for_both() {
    let server = TestServer::start();
    let second = Service::start(config(&server.database)).unwrap();
    let id = server.register("alice");
    let stolen = server.tokens("alice").refresh;
    let owner = Tokens::of(server.refresh(&stolen));
    let_pass(&server, 11);
    // The thief comes to another instance.
    let url = format!("http://{}/token", second.addr());
    let body = json!({"refresh_token": stolen});
    problem(client().post(url).json(&body).send().unwrap(), 400, "invalid_grant");
    problem(server.refresh(&owner.refresh), 400, "invalid_grant");
    problem(server.refresh(&stolen), 400, "invalid_grant");
    problem(server.get(&format!("/user?id={id}"), &owner.access), 401, "unauthenticated");
    // Another session of the same user is nobody's business.
    Tokens::of(server.refresh(&server.tokens("alice").refresh));
}

#[test]
fn a_thief_who_comes_first_is_found_out_when_the_owner_comes() {
    let server = TestServer::start();
    let id = server.register("alice");
    let first = server.tokens("alice").refresh;
    let stolen = Tokens::of(server.refresh(&first)).refresh;
    let mut thief = Tokens::of(server.refresh(&stolen));
    for _ in 0..40 {
        let_pass(&server, 60);
        thief = Tokens::of(server.refresh(&thief.refresh));
    }
    problem(server.refresh(&first), 400, "invalid_grant");
    problem(server.refresh(&thief.refresh), 400, "invalid_grant");
    assert_eq!(status(&server, id, &thief.access), 401);
}

#[test]
fn the_grace_is_a_setting_and_without_one_a_second_use_ends_the_session() {
    let server = TestServer::with(|c| c.sessions.refresh_grace = Duration::ZERO);
    server.register("alice");
    let first = server.tokens("alice").refresh;
    let second = Tokens::of(server.refresh(&first)).refresh;
    let_pass(&server, 1);
    problem(server.refresh(&first), 400, "invalid_grant");
    problem(server.refresh(&second), 400, "invalid_grant");
}

/// The program on a database of the shared cluster.
fn program(home: &Home, database: &str) -> Running {
    let mut command = home.command(&["serve"]);
    let url = conninfo(&CLUSTER, "gatepost_app", APP_PASSWORD, database);
    command.env("GATEPOST_DATABASE_URL", url);
    Running::start(&mut command)
}

#[test]
fn a_client_whose_server_is_killed_between_commit_and_answer_succeeds_when_it_tries_again() {
    let (home, database) = (Home::new(), new_database());
    let server = TestServer::on(&database);
    let id = server.register("alice");
    let tokens = server.tokens("alice");
    let killed = program(&home, &database);
    // A client that never reads: for it the answer is lost, wherever the kill strikes.
    let mut socket = TcpStream::connect(killed.url.trim_start_matches("http://")).unwrap();
    let body = json!({"refresh_token": tokens.refresh}).to_string();
    let head = "POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    write!(socket, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    while count(&server, "counter = 1") == 0 {
        std::thread::yield_now();
    }
    killed.signal("-KILL");
    assert_eq!(killed.wait().0, None);
    let again = program(&home, &database);
    let retry = client().post(format!("{}/token", again.url)).json(&json!({
        "refresh_token": tokens.refresh
    }));
    let retried = Tokens::of(retry.send().unwrap());
    assert_eq!(status(&server, id, &retried.access), 200);
    Tokens::of(server.refresh(&retried.refresh));
    assert_eq!(count(&server, "ended_at IS NULL AND counter = 2"), 1);
    again.stop();
}

#[test]
fn a_session_that_is_not_used_ends_and_so_do_its_access_tokens() {
    let server = TestServer::with(|c| c.sessions.idle_timeout = Duration::from_secs(600));
    let id = server.register("alice");
    let first = server.tokens("alice");
    let_pass(&server, 590);
    let second = Tokens::of(server.refresh(&first.refresh));
    let_pass(&server, 590);
    assert_eq!(status(&server, id, &second.access), 200);
    let_pass(&server, 11);
    assert_eq!(status(&server, id, &second.access), 401);
    problem(server.refresh(&second.refresh), 400, "invalid_grant");
}

#[test]
fn a_session_ends_at_its_lifetime_however_much_it_is_used() {
    let server = TestServer::with(|c| {
        c.sessions.lifetime = Duration::from_secs(1_000);
        c.sessions.idle_timeout = Duration::from_secs(600);
    });
    server.register("alice");
    let mut token = server.tokens("alice").refresh;
    let_pass(&server, 500);
    token = Tokens::of(server.refresh(&token)).refresh;
    let_pass(&server, 400);
    let response = server.refresh(&token);
    let body: Value = response.json().unwrap();
    // An access token does not outlive its session.
    let left = body["expires_in"].as_i64().unwrap();
    assert!((90..=100).contains(&left), "{left}");
    let_pass(&server, 101);
    problem(server.refresh(body["refresh_token"].as_str().unwrap()), 400, "invalid_grant");
}

#[test]
fn logging_out_ends_the_session_at_once_and_no_other() {
    let server = TestServer::start();
    let id = server.register("alice");
    let (here, there) = (server.tokens("alice"), server.tokens("alice"));
    let response = server.log_out(&here.access, &json!({}));
    assert_eq!(response.status(), 200);
    assert_eq!(response.text().unwrap(), "{}");
    assert_eq!((status(&server, id, &here.access), status(&server, id, &there.access)), (401, 200));
    problem(server.refresh(&here.refresh), 400, "invalid_grant");
    problem(server.log_out(&here.access, &json!({})), 401, "unauthenticated");
    Tokens::of(server.refresh(&there.refresh));
    // A body is not needed.
    let request = server.request(Method::POST, "/logout").bearer_auth(&there.access);
    assert_eq!(request.send().unwrap().status(), 200);
    problem(server.refresh(&there.refresh), 400, "invalid_grant");
}

#[test]
fn logging_out_everywhere_ends_all_sessions_of_the_user_and_of_nobody_else() {
    let server = TestServer::start();
    let id = server.register("alice");
    let bob = server.register("bob");
    let (here, there, bobs) =
        (server.tokens("alice"), server.tokens("alice"), server.tokens("bob"));
    assert_eq!(server.log_out(&here.access, &json!({"all": true})).status(), 200);
    assert_eq!((status(&server, id, &here.access), status(&server, id, &there.access)), (401, 401));
    problem(server.refresh(&there.refresh), 400, "invalid_grant");
    assert_eq!(status(&server, bob, &bobs.access), 200);
}

#[test]
fn logging_out_needs_a_token_and_a_sensible_body() {
    let server = TestServer::start();
    server.register("alice");
    let token = server.token("alice");
    problem(server.post("/logout", &json!({})), 401, "unauthenticated");
    for body in [json!({"all": "true"}), json!({"all": 1}), json!({"everything": true})] {
        problem(server.log_out(&token, &body), 400, "invalid_request");
    }
}

fn listed(response: Response) -> Vec<Value> {
    assert_eq!(response.status(), 200);
    response.json::<Value>().unwrap()["sessions"].as_array().unwrap().clone()
}

#[test]
fn a_user_sees_and_ends_the_own_sessions() {
    let server = TestServer::start();
    let id = server.register("alice");
    let (here, there) = (server.tokens("alice"), server.tokens("alice"));
    let body = json!({"login": "alice", "password": PASSWORD});
    let login = server.request(Method::POST, "/").header("user-agent", "a browser").json(&body);
    Tokens::of(login.send().unwrap());
    let sessions = listed(server.get("/sessions", &here.access));
    assert_eq!(sessions.len(), 3);
    let third = &sessions[2];
    assert_eq!((&third["user_id"], &third["user_agent"]), (&json!(id), &json!("a browser")));
    assert_eq!(third["address"], "127.0.0.1");
    for time in ["created_at", "last_used_at", "expires_at"] {
        assert_eq!(third[time].as_str().unwrap().len(), 20, "{time}");
    }
    assert_eq!(third.as_object().unwrap().len(), 7);
    let ended = server.delete(&format!("/session?id={}", sessions[1]["id"]), &here.access);
    assert_eq!(ended.status(), 200);
    assert_eq!(ended.json::<Value>().unwrap(), sessions[1]);
    assert_eq!((status(&server, id, &here.access), status(&server, id, &there.access)), (200, 401));
    assert_eq!(listed(server.get(&format!("/sessions?user_id={id}"), &here.access)).len(), 2);
}

#[test]
fn sessions_of_others_are_for_admins() {
    let server = TestServer::start();
    let alice = server.register("alice");
    let bob = server.register("bob");
    server.register_admin("root");
    let (alices, bobs, roots) =
        (server.tokens("alice"), server.tokens("bob"), server.tokens("root"));
    let target = format!("/sessions?user_id={bob}");
    problem(server.get(&target, &alices.access), 403, "forbidden");
    problem(server.get("/sessions?user_id=4711", &alices.access), 403, "forbidden");
    problem(server.get("/sessions?user_id=4711", &roots.access), 404, "not_found");
    problem(server.request(Method::GET, "/sessions").send().unwrap(), 401, "unauthenticated");
    let sessions = listed(server.get(&target, &roots.access));
    assert_eq!(sessions.len(), 1);
    let session = format!("/session?id={}", sessions[0]["id"]);
    problem(server.delete(&session, &alices.access), 403, "forbidden");
    problem(server.delete("/session?id=4711", &alices.access), 403, "forbidden");
    problem(server.delete("/session?id=4711", &roots.access), 404, "not_found");
    for bad in ["/session", "/session?id=0", "/session?id=x"] {
        problem(server.delete(bad, &roots.access), 400, "invalid_request");
    }
    assert_eq!(status(&server, bob, &bobs.access), 200);
    assert_eq!(server.delete(&session, &roots.access).status(), 200);
    assert_eq!(
        (status(&server, bob, &bobs.access), status(&server, alice, &alices.access)),
        (401, 200)
    );
    problem(server.delete(&session, &roots.access), 404, "not_found");
}

#[test]
fn a_list_of_sessions_has_pages() {
    let server = TestServer::start();
    let id = server.register("alice");
    let token = server.token("alice");
    for _ in 0..4 {
        server.token("alice");
    }
    let mut target = format!("/sessions?user_id={id}&page_size=2");
    let mut ids = Vec::new();
    loop {
        let response = server.get(&target, &token);
        let link = response.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
        ids.extend(listed(response).iter().map(|session| session["id"].as_i64().unwrap()));
        let Some(link) = link else { break };
        target = link.trim_start_matches('<').split('>').next().unwrap().to_owned();
    }
    assert_eq!(ids.len(), 5);
    assert!(ids.is_sorted());
}

#[test]
fn a_user_has_so_many_sessions_and_a_further_login_ends_the_oldest() {
    let server = TestServer::with(|c| c.sessions.per_user = 2);
    let id = server.register("alice");
    let tokens: Vec<Tokens> = (0..3).map(|_| server.tokens("alice")).collect();
    let statuses: Vec<u16> = tokens.iter().map(|it| status(&server, id, &it.access)).collect();
    assert_eq!(statuses, [401, 200, 200]);
    problem(server.refresh(&tokens[0].refresh), 400, "invalid_grant");
}

#[test]
fn a_password_change_ends_all_sessions_but_the_own_which_can_be_refreshed() {
    let server = TestServer::start();
    let id = server.register("alice");
    let (own, other) = (server.tokens("alice"), server.tokens("alice"));
    let body = json!({"id": id, "password": "another password"});
    assert_eq!(server.patch(&body, &own.access).status(), 200);
    // A thief may hold the access token as well.
    assert_eq!((status(&server, id, &own.access), status(&server, id, &other.access)), (401, 401));
    problem(server.refresh(&other.refresh), 400, "invalid_grant");
    let renewed = Tokens::of(server.refresh(&own.refresh));
    assert_eq!(status(&server, id, &renewed.access), 200);
}

#[test]
fn a_password_change_by_somebody_else_ends_all_sessions() {
    let server = TestServer::start();
    let id = server.register("alice");
    server.register_admin("root");
    let root = server.token("root");
    let body = json!({"id": id, "password": "another password"});
    let tokens = server.tokens("alice");
    assert_eq!(server.patch(&body, &root).status(), 200);
    problem(server.refresh(&tokens.refresh), 400, "invalid_grant");
    let tokens = Tokens::of(server.log_in("alice", "another password"));
    let (user, password) = (UserId::parse(id).unwrap(), Password::parse(PASSWORD).unwrap());
    gatepost::change_password(server.app(), &Caller::Trusted, user, &password).unwrap();
    problem(server.refresh(&tokens.refresh), 400, "invalid_grant");
    // The admin's own session goes on.
    assert_eq!(server.get("/users", &root).status(), 200);
}

#[test]
fn a_deletion_ends_all_sessions() {
    let server = TestServer::start();
    let id = server.register("alice");
    let (own, other) = (server.tokens("alice"), server.tokens("alice"));
    assert_eq!(server.delete(&format!("/user?id={id}"), &own.access).status(), 200);
    problem(server.refresh(&own.refresh), 400, "invalid_grant");
    problem(server.refresh(&other.refresh), 400, "invalid_grant");
    assert_eq!(count(&server, "ended_at IS NULL"), 0);
}

#[test]
fn in_open_mode_sessions_work_and_logging_out_takes_the_token_of_the_session() {
    let server = TestServer::with(|c| c.access.mode = AccessMode::Open);
    let id = server.register("alice");
    let tokens = server.tokens("alice");
    let renewed = Tokens::of(server.refresh(&tokens.refresh));
    let anybody = |method, target: &str| server.request(method, target).send().unwrap();
    problem(anybody(Method::GET, "/sessions"), 400, "invalid_request");
    let sessions = listed(anybody(Method::GET, &format!("/sessions?user_id={id}")));
    assert_eq!(sessions.len(), 1);
    problem(anybody(Method::POST, "/logout"), 401, "unauthenticated");
    assert_eq!(server.log_out(&renewed.access, &json!({})).status(), 200);
    problem(server.refresh(&renewed.refresh), 400, "invalid_grant");
    let tokens = server.tokens("alice");
    let session = listed(anybody(Method::GET, &format!("/sessions?user_id={id}")));
    let target = format!("/session?id={}", session[0]["id"]);
    assert_eq!(anybody(Method::DELETE, &target).status(), 200);
    problem(server.refresh(&tokens.refresh), 400, "invalid_grant");
}

#[test]
fn sessions_that_are_over_are_swept_by_the_running_service() {
    let server = TestServer::with(|c| c.sessions.sweep_interval = Duration::from_secs(1));
    let second = Service::start({
        let mut config = config(&server.database);
        config.sessions.sweep_interval = Duration::from_secs(1);
        config
    })
    .unwrap();
    let id = server.register("alice");
    let fill = "INSERT INTO gatepost.sessions (user_id, key_generation, expires_at)
                SELECT $1, 1, now() - interval '1 second' FROM generate_series(1, 5000)";
    server.sql().execute(fill, &[&id]).unwrap();
    let live = server.tokens("alice");
    let ended = server.tokens("alice");
    assert_eq!(server.log_out(&ended.access, &json!({})).status(), 200);
    while count(&server, "true") > 2 {
        std::thread::sleep(Duration::from_millis(50));
    }
    // What was ended stays for as long as its access tokens are good for others.
    assert_eq!(count(&server, "ended_at IS NOT NULL"), 1);
    Tokens::of(server.refresh(&live.refresh));
    let_pass(&server, 901);
    while count(&server, "ended_at IS NOT NULL") > 0 {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(count(&server, "true"), 1);
    drop(second);
}

#[test]
fn a_sweep_from_several_sides_removes_each_session_once() {
    let server = TestServer::start();
    let id = server.register("alice");
    let fill = "INSERT INTO gatepost.sessions (user_id, key_generation, expires_at)
                SELECT $1, 1, now() - interval '1 second' FROM generate_series(1, 5000)";
    server.sql().execute(fill, &[&id]).unwrap();
    let swept: u64 = std::thread::scope(|scope| {
        let sweep = |_| scope.spawn(|| gatepost::sweep_sessions(server.app()).unwrap());
        let threads: Vec<_> = (0..4).map(sweep).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!((swept, count(&server, "true")), (5_000, 0));
}
