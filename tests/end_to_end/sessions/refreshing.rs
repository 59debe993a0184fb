//! Refreshing: one successor, however often and wherever it is asked for.

use super::{count, status};
use crate::support::program::{Home, Running};
use crate::support::{
    APP_PASSWORD, CLUSTER, TestServer, Tokens, client, config, conninfo, new_database, problem,
};
use gatepost::Service;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write;
use std::net::TcpStream;
use std::sync::Barrier;

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
    for bad in ["", " ", "nonsense", "é", &tokens.access, &foreign, &long, &format!("{foreign} ")]
    {
        problem(server.refresh(bad), 400, "invalid_grant");
    }
    for bad in [changed, changed_again].iter().filter(|bad| **bad != tokens.refresh) {
        problem(server.refresh(bad), 400, "invalid_grant");
    }
    for body in [json!({}), json!({"refresh_token": 5}), json!({"refresh_token": null})] {
        problem(server.post("/token", &body), 400, "invalid_request");
    }
    let more = json!({"refresh_token": tokens.refresh, "unknown": "x"});
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
