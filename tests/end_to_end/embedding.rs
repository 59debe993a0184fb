//! Gatepost inside another program.

use crate::logins::wait_for_query;
use crate::support::program::{Home, run, success};
use crate::support::{PASSWORD, TestServer, config, new_database, problem};
use gatepost::domain::Login;
use gatepost::passwords::Password;
use gatepost::{App, Caller, Error, Service};
use reqwest::Method;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

#[test]
fn several_services_in_one_process_share_a_database_and_its_key() {
    let first = TestServer::start();
    let second = Service::start(config(&first.database)).unwrap();
    let id = first.register("alice");
    let token = first.token("alice");
    let url = format!("http://{}/user?id={id}", second.addr());
    let response = first.client.get(url).bearer_auth(&token).send().unwrap();
    assert_eq!(response.status(), 200);
    second.stop();
    assert_eq!(first.get(&format!("/user?id={id}"), &token).status(), 200);
}

#[test]
fn services_that_start_together_on_an_empty_database_agree_on_the_key() {
    let name = new_database();
    let services: Vec<Service> = std::thread::scope(|scope| {
        let start = |_| scope.spawn(|| Service::start(config(&name)).unwrap());
        let threads: Vec<_> = (0..4).map(start).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let (login, password) = (Login::parse("alice").unwrap(), Password::parse(PASSWORD).unwrap());
    gatepost::users::register(services[0].app(), &Caller::Trusted, &login, &password).unwrap();
    for issuer in &services {
        let token =
            gatepost::sessions::log_in(issuer.app(), &login, &password).unwrap().access_token;
        for verifier in &services {
            Caller::bearer(verifier.app(), &token).unwrap();
        }
    }
}

#[test]
fn operations_need_no_listener() {
    let app = App::open(config(&new_database())).unwrap();
    let (login, password) = (Login::parse("alice").unwrap(), Password::parse(PASSWORD).unwrap());
    let user = gatepost::users::register(&app, &Caller::Anonymous, &login, &password).unwrap();
    let token = gatepost::sessions::log_in(&app, &login, &password).unwrap().access_token;
    let alice = Caller::bearer(&app, &token).unwrap();
    assert_eq!(gatepost::users::show(&app, &alice, user.id).unwrap(), user);
    assert_eq!(gatepost::users::show(&app, &Caller::Anonymous, user.id), Err(Error::TokenMissing));
    assert_eq!(gatepost::users::find(&app, &alice, &login).unwrap(), user);
    let other = Login::parse("bob").unwrap();
    assert_eq!(gatepost::users::find(&app, &alice, &other), Err(Error::Forbidden));
    assert_eq!(gatepost::users::delete(&app, &Caller::Trusted, user.id).unwrap(), user);
    assert_eq!(gatepost::users::show(&app, &Caller::Trusted, user.id), Err(Error::NoSuchUser));
}

#[test]
fn a_stopped_service_gives_its_address_back() {
    // An address of its own, where the machine has one: no other test may take the port meanwhile.
    let host = if cfg!(target_os = "linux") { "127.0.0.2:0" } else { "127.0.0.1:0" };
    let server = TestServer::with(|c| c.server.listen = host.parse().unwrap());
    let addr = server.service.addr().to_string();
    drop(server);
    let name = new_database();
    let mut again = config(&name);
    again.server.listen = addr.parse().unwrap();
    let service = Service::start(again.clone()).unwrap();
    assert_eq!(service.addr().to_string(), addr);
    let Err(Error::Startup(text)) = Service::start(again) else { panic!("started twice") };
    assert!(text.contains(&addr), "{text}");
}

#[test]
fn a_running_request_is_answered_before_the_stop() {
    let server = TestServer::with(|c| {
        c.passwords.iterations = 1_000_000;
        // Hashing gives way to everything else: on a busy machine it takes its time.
        c.server.shutdown_timeout = Duration::from_secs(120);
    });
    let url = server.url("/");
    let client = server.client.clone();
    let running = std::thread::spawn(move || {
        let body = serde_json::json!({"login": "nobody", "password": PASSWORD});
        client.request(Method::POST, url).json(&body).send().unwrap()
    });
    // Until the credentials were looked up, it may not have been received.
    wait_for_query(&mut server.sql(), "gatepost.admit_attempt");
    server.service.stop();
    problem(running.join().unwrap(), 400, "invalid_credentials");
}

#[test]
fn a_stop_waits_for_its_deadline_and_no_longer() {
    let server = TestServer::with(|c| c.server.shutdown_timeout = Duration::from_millis(100));
    let id = server.register("alice");
    let request = server.request(Method::DELETE, &format!("/user?id={id}"));
    let request = request.bearer_auth(server.token("alice"));
    let mut sql = server.sql();
    let mut tx = sql.transaction().unwrap();
    tx.execute("UPDATE gatepost.users SET admin = admin", &[]).unwrap();
    let running = std::thread::spawn(move || request.send());
    wait_for_query(&mut server.sql(), "FOR UPDATE");
    server.service.stop();
    // The row is still locked here: the stop did not wait for the request, which lost its reply.
    assert!(running.join().unwrap().is_err());
    tx.rollback().unwrap();
}

#[test]
fn the_example_runs() {
    let home = Home::new();
    // Cargo builds examples beside the program when it builds the tests.
    let example = Path::new(env!("CARGO_BIN_EXE_gatepost")).with_file_name("examples/embed");
    for word in ["registered alice as user 1", "alice is registered already"] {
        let mut command = Command::new(&example);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).arg(home.data_dir());
        let text = success(&run(&mut command, ""));
        assert!(text.contains(word) && text.contains("logged in as user 1"), "{text}");
    }
    home.wait_until_quiet();
}
