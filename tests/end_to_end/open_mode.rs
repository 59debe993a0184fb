//! Open mode asks nobody who they are, so a page in a browser on the machine must not reach it by
//! a name of its own (DNS rebinding), nor from its own origin.

use crate::support::program::{Home, failure, success};
use crate::support::{TestServer, problem};
use gatepost::Config;
use gatepost::config::AccessMode;
use reqwest::Method;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

fn open(change: impl FnOnce(&mut Config)) -> TestServer {
    TestServer::with(|config| {
        config.access.mode = AccessMode::Open;
        change(config);
    })
}

/// The status of a request with these header lines, and what it was answered.
fn ask(mut stream: impl Read + Write, line: &str, fields: &[&str]) -> (u16, String) {
    let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
    write!(stream, "{line}\r\n{fields}Connection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
}

fn status(server: &TestServer, fields: &[&str]) -> u16 {
    let stream = TcpStream::connect(server.service.addr().to_string()).unwrap();
    ask(stream, "GET /users HTTP/1.1", fields).0
}

#[test]
fn a_name_that_anybody_can_point_here_is_refused() {
    let server = open(|_| ());
    for host in [
        "evil.example",
        "evil.example:8080",
        "evil.example.",
        "localhost.evil.example",
        "evillocalhost",
        "localhost..",
        ".localhost",
        "a..localhost",
        "127.0.0.1.evil.example",
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        "127.0.0.1.",
        "[::1].evil.example",
        "gatepost",
    ] {
        assert_eq!(status(&server, &[&format!("Host: {host}")]), 403, "{host}");
    }
    let request = server.request(Method::GET, "/users").header("host", "evil.example");
    let detail = problem(request.send().unwrap(), 403, "forbidden_origin");
    assert!(detail.contains("access.open_hosts") && !detail.contains("evil"), "{detail}");
}

#[test]
fn addresses_and_localhost_are_answered() {
    let server = open(|_| ());
    for host in [
        "127.0.0.1",
        "127.0.0.1:8080",
        "192.0.2.7:1",
        "[::1]",
        "[::1]:8080",
        "[2001:DB8::1]:443",
        "localhost",
        "LOCALHOST:8080",
        "localhost.",
        "app.localhost",
        "a.B.LocalHost:3000",
        "",
    ] {
        assert_eq!(status(&server, &[&format!("Host: {host}")]), 200, "{host}");
    }
    let connect = || TcpStream::connect(server.service.addr().to_string()).unwrap();
    assert_eq!(ask(connect(), "GET /users HTTP/1.0", &[]).0, 200);
    // An absolute target is what counts (RFC 9112, 3.2.2), whatever the field says.
    let line = "GET http://evil.example/users HTTP/1.1";
    assert_eq!(ask(connect(), line, &["Host: localhost"]).0, 403);
}

#[test]
fn a_page_of_another_origin_is_refused_whatever_the_host() {
    let server = open(|_| ());
    let with = |origin: &str| status(&server, &["Host: 127.0.0.1", &format!("Origin: {origin}")]);
    for origin in [
        "null",
        "",
        "http://evil.example",
        "https://evil.example:8080",
        "http://localhost.evil.example",
        "http://localhost@evil.example",
        "http://evil.example/localhost",
        "http://localhost http://evil.example",
        "localhost",
        "chrome-extension://abcdefgh",
    ] {
        assert_eq!(with(origin), 403, "{origin}");
    }
    for origin in
        ["http://127.0.0.1", "http://localhost:3000", "https://[::1]:8443", "HTTP://App.LocalHost"]
    {
        assert_eq!(with(origin), 200, "{origin}");
    }
    let both = ["Host: a.localhost", "Origin: http://localhost", "Origin: http://evil.example"];
    assert_eq!(status(&server, &both), 403);
}

#[test]
fn a_name_that_is_listed_is_answered_and_counts_as_an_origin() {
    let server = open(|c| c.access.open_hosts = vec!["Auth.Example.net".parse().unwrap()]);
    for fields in [
        &["Host: auth.example.net"][..],
        &["Host: AUTH.example.NET.:8443"],
        &["Host: auth.example.net", "Origin: https://auth.example.net"],
        &["Host: 127.0.0.1", "Origin: https://auth.example.net:8443"],
    ] {
        assert_eq!(status(&server, fields), 200, "{fields:?}");
    }
    for fields in [
        &["Host: example.net"][..],
        &["Host: x.auth.example.net"],
        &["Host: auth.example.net", "Origin: https://x.auth.example.net"],
    ] {
        assert_eq!(status(&server, fields), 403, "{fields:?}");
    }
}

#[test]
fn a_list_that_could_never_match_is_refused() {
    let home = Home::new();
    for names in ["*.example.net", "https://example.net", "example.net:80", "a,127.0.0.1"] {
        let mut command = home.command(&["check-config"]);
        let text = failure(&command.env("GATEPOST_ACCESS_OPEN_HOSTS", names).output().unwrap(), 1);
        assert!(
            text.contains("access.open_hosts: ") && text.contains("auth.example.net"),
            "{text}"
        );
    }
    let mut command = home.command(&["check-config"]);
    command.env("GATEPOST_ACCESS_MODE", "open");
    command.env("GATEPOST_ACCESS_OPEN_HOSTS", "One.Example, two.example.");
    let text = success(&command.output().unwrap());
    assert!(text.contains("\naccess.open_hosts = one.example, two.example  # "), "{text}");
}

#[test]
fn every_path_is_refused_alike() {
    let server = open(|_| ());
    for (method, target) in [
        ("GET", "/livez"),
        ("GET", "/readyz"),
        ("GET", "/openapi.json"),
        ("GET", "/docs"),
        ("GET", "/no-such-path"),
        ("PUT", "/users"),
        ("GET", "/.well-known/jwks.json"),
        ("DELETE", "/user?id=1"),
    ] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = server.request(method, target).header("host", "evil.example");
        problem(request.send().unwrap(), 403, "forbidden_origin");
    }
}

#[test]
fn protected_mode_asks_for_tokens_and_not_for_names() {
    let server = TestServer::start();
    let evil = ["Host: evil.example", "Origin: null"];
    assert_eq!(status(&server, &evil), 401);
}

#[test]
fn who_can_open_a_unix_socket_is_no_page() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("http.sock");
    let _server = open(|c| c.server.listen = format!("unix:{}", path.display()).parse().unwrap());
    let fields = ["Host: evil.example", "Origin: http://evil.example"];
    assert_eq!(ask(UnixStream::connect(path).unwrap(), "GET /users HTTP/1.1", &fields).0, 200);
}
