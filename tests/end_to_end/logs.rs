//! The log as operators and their programs read it.

use crate::support::client;
use crate::support::program::{Home, Running, failure, run};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;

/// Sends bytes that a client would not, and waits for the end of the answer.
fn send(service: &Running, request: &str) -> String {
    let mut stream = TcpStream::connect(service.url.strip_prefix("http://").unwrap()).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn json_has_one_object_a_line_and_neither_query_nor_login_nor_secret() {
    let home = Home::new();
    let mut command = home.command(&["serve"]);
    let service = Running::start(
        command.env("GATEPOST_LOG_FORMAT", "json").env("GATEPOST_LOG_LEVEL", "debug"),
    );
    let strange = "/a\",\"level\":\"x\\n%0a";
    send(&service, &format!("GET {strange} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    let body = r#"{"login":"alice-of-the-log","password":"hunter2 hunter2"}"#;
    for path in ["/user", "/", "/user?login=in-the-query"] {
        let request = client().post(format!("{}{path}", service.url));
        request.header("content-type", "application/json").body(body).send().unwrap();
    }
    service.wait_for_log("/user 400");
    let log = service.stop();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let paths: Vec<&str> = lines.iter().filter_map(|line| line["path"].as_str()).collect();
    assert_eq!(paths, [strange, "/user", "/", "/user"]);
    for word in ["alice-of-the-log", "hunter2", "in-the-query", "Bearer", "eyJ"] {
        assert!(!log.contains(word), "{word}: {log}");
    }
}

#[test]
fn the_journal_gets_priorities_and_no_time() {
    let home = Home::new();
    let service =
        Running::start_on_a_journal(home.command(&["serve"]).env("GATEPOST_ACCESS_MODE", "open"));
    let log = service.stop();
    assert!(log.contains("<4>WARN  [gatepost::service] access.mode"), "{log}");
    assert!(log.contains("<6>INFO  [gatepost::cli::serve] stopping\n"), "{log}");
    assert!(log.lines().all(|line| line.starts_with('<') && &line[2..3] == ">"), "{log}");

    let service =
        Running::start_on_a_journal(home.command(&["serve"]).env("GATEPOST_LOG_FORMAT", "json"));
    let log = service.stop();
    for line in log.lines() {
        let fields: Value = serde_json::from_str(line.strip_prefix("<6>").unwrap()).unwrap();
        assert!(fields.get("time").is_none(), "{line}");
    }

    // A variable that was inherited from elsewhere: standard error is another file.
    let log = Running::start(home.command(&["serve"]).env("JOURNAL_STREAM", "8:1")).stop();
    assert!(log.lines().all(|line| line.starts_with("20")), "{log}");
}

#[test]
fn requests_can_be_left_out_and_faults_not() {
    // Nothing listens there.
    let home = Home::new();
    let url = "postgres://nobody@127.0.0.1:1/nothing";
    let mut command = home.command(&["serve"]);
    command.env_remove("GATEPOST_DATABASE_DATA_DIR").env("GATEPOST_DATABASE_URL", url);
    command.env("GATEPOST_LOG_REQUESTS", "false").env("GATEPOST_LOG_LEVEL", "debug");
    let service = Running::start(&mut command);
    let get = |target: &str| client().get(format!("{}{target}", service.url)).send().unwrap();
    assert_eq!(get("/livez").status(), 200);
    assert_eq!(get("/nowhere").status(), 404);
    let fault = get("/revocations");
    assert_eq!(fault.status(), 503);
    let log = service.stop();
    let id = fault.headers()["x-request-id"].to_str().unwrap();
    assert!(log.contains(&format!("[gatepost::http::response] {id} ")), "{log}");
    assert!(!log.contains("GET /") && !log.contains("[gatepost::http::server]"), "{log}");
}

#[test]
fn the_id_of_a_request_is_the_trusted_proxys_and_nobody_elses() {
    let home = Home::new();
    let ask = |service: &Running| {
        let request = client().get(format!("{}/users", service.url));
        let answer = request.header("x-request-id", "edge-7.f_2").send().unwrap();
        let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
        let body: Value = answer.json().unwrap();
        assert_eq!(body["request_id"], id);
        service.wait_for_log(&format!(" ms {id} 127.0.0.1\n"));
        // What the front door answers by itself after a complete head.
        let refused = send(
            service,
            "POST / HTTP/1.1\r\nHost: a\r\nX-Request-Id: edge-8\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        );
        (id, refused.contains("X-Request-Id: edge-8\r\n"))
    };
    let mut command = home.command(&["serve"]);
    let service = Running::start(&mut command);
    let (id, taken) = ask(&service);
    assert!(id.len() == 16 && id != "edge-7.f_2" && !taken, "{id}");
    assert!(!service.stop().contains("edge-"));
    let service = Running::start(command.env("GATEPOST_SERVER_TRUSTED_PROXIES", "127.0.0.0/8"));
    assert_eq!(ask(&service), ("edge-7.f_2".to_owned(), true));
    service.stop();
}

#[test]
fn a_trace_stands_in_the_log_and_a_malformed_one_does_not() {
    let home = Home::new();
    let service = home.serve();
    let get = |path: &str, value: &str| {
        let request = client().get(format!("{}{path}", service.url));
        assert_eq!(request.header("traceparent", value).send().unwrap().status(), 404);
    };
    get("/good", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    get("/bad", "00-0af7651916cd43dd8448eb211c80319C-b7ad6b7169203331-01");
    service.wait_for_log("GET /bad 404 ");
    let log = service.stop();
    let good = log.lines().find(|line| line.contains("/good")).unwrap();
    assert!(good.ends_with(" 127.0.0.1 trace_id=0af7651916cd43dd8448eb211c80319c"), "{good}");
    let bad = log.lines().find(|line| line.contains("/bad")).unwrap();
    assert!(bad.ends_with(" 127.0.0.1"), "{bad}");
}

#[test]
fn a_module_has_a_level_of_its_own_and_the_driver_never_says_more_than_warnings() {
    let home = Home::new();
    let started = |levels: &str| {
        let mut command = home.command(&["serve"]);
        let service = Running::start(command.env("GATEPOST_LOG_LEVEL", levels));
        send(&service, "GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        send(&service, "GET /users HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        service.stop()
    };
    // A request that polls is said at debug.
    let log = started("warn,gatepost::http=debug");
    assert!(log.contains("GET /livez 200") && log.contains("GET /users 401"), "{log}");
    assert!(!log.contains("[gatepost::db"), "{log}");
    let log = started("debug,gatepost::http=warn");
    assert!(!log.contains("GET /") && log.contains("DEBUG"), "{log}");
    assert!(!log.contains("[tokio_postgres"), "{log}");

    let mut command = home.command(&["check-config"]);
    let text = failure(&run(command.env("GATEPOST_LOG_LEVEL", "info,tokio_postgres=debug"), ""), 1);
    assert!(text.contains("log.level") && text.contains("password hashes"), "{text}");
    assert!(text.contains("tokio_postgres=debug"), "{text}");
}
