//! What `gatepost doctor proxy` says of the examples, whole and with something missing.

use super::site::{CADDY, HAPROXY, NGINX, Proxy, Site, TRAEFIK, is_here};
use crate::support::PASSWORD;
use crate::support::program::{Home, run};
use serde_json::Value;

/// What the doctor says of each check, through the example without these texts.
fn doctor(proxy: &Proxy, without: &[&str], path: &str, more: &[&str]) -> Vec<(String, String)> {
    let mut site = Site::start(proxy, without);
    site.server.register("alice");
    // The program stops, and the doctor takes its place.
    let address = site.program.stop();
    let home = Home::new();
    let file = site.directory.path().join("gatepost.toml").display().to_string();
    let (program, port) = (address.to_string(), site.port);
    let connect = format!("127.0.0.1:{port}");
    let url = site.url("app", path);
    let mut arguments = vec!["--config", &file, "doctor", "proxy", &url];
    arguments.extend(["--connect", &connect, "--program", &program, "--json"]);
    arguments.extend(more);
    let mut command = home.command(&arguments);
    command.env("SSL_CERT_FILE", site.directory.path().join("certificate.pem"));
    let output = run(&mut command, &format!("{PASSWORD}\n"));
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    let told = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let told = told.map(|one| {
        let word = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
        (word("check"), format!("{}: {}", word("status"), word("found")))
    });
    let told: Vec<(String, String)> = told.collect();
    assert!(told.len() >= 7, "{text}{errors}");
    told
}

#[test]
fn the_doctor_finds_nothing_in_the_examples_and_each_defence_that_is_missing() {
    for proxy in [&NGINX, &CADDY, &TRAEFIK, &HAPROXY] {
        if !is_here(proxy.program) {
            continue;
        }
        let told = |without: &[&str], path: &str, more: &[&str]| doctor(proxy, without, path, more);
        for (check, verdict) in told(&[], "/x", &["--as", "alice"]) {
            let expected = if check == "program" { "skipped" } else { "ok" };
            assert!(verdict.starts_with(expected), "{}: {check}: {verdict}", proxy.program);
        }
        for (defences, name) in proxy.defences {
            let found = told(defences, "/public", &[]);
            let (_, verdict) = found.iter().find(|(check, _)| check == "identity").unwrap();
            assert!(verdict.contains(&format!("{name}: forged")), "{}: {verdict}", proxy.program);
        }
    }
}

#[test]
fn the_doctor_says_what_is_wrong_before_the_program_is_reached() {
    const OPEN: &str = "proxy_http_version 1.1; => proxy_http_version 1.1; server { \
                        listen 443 ssl default_server; location / { proxy_pass http://program; } }";
    const TRUSTING: &[&str] = &[
        "authResponseHeaders: => trustForwardHeader: true\n        authResponseHeaders:",
        "address: \":443\" => address: \":443\"\n    forwardedHeaders:\n      insecure: true",
    ];
    for (proxy, without, check, expected) in [
        (
            &NGINX,
            &["auth_request /.gatepost/ask;"][..],
            "gate",
            "fault: a request without a cookie gets through",
        ),
        (&NGINX, &["error_page 401 = @sign_in;"][..], "gate", "fault: a browser gets 401"),
        (&TRAEFIK, TRUSTING, "question", "fault: the gate believes a client's X-Forwarded-Uri"),
        (
            &NGINX,
            &["add_header Set-Cookie $gate_cookie;"][..],
            "cookies",
            "fault: the cookie for the way back",
        ),
        (
            &NGINX,
            &["location = /gate => location = /never"][..],
            "gate-hidden",
            "warning: https://login.example.com:",
        ),
        (
            &NGINX,
            &[OPEN][..],
            "other-ways",
            "fault: the program is reached without the gate by another host",
        ),
    ] {
        if !is_here(proxy.program) {
            continue;
        }
        let found = doctor(proxy, without, "/x", &[]);
        let (_, verdict) = found.iter().find(|(known, _)| known == check).unwrap();
        assert!(verdict.starts_with(expected), "without {without:?}: {found:#?}");
    }
}

#[test]
fn what_a_client_forges_is_not_hidden_by_a_lesser_fault() {
    if is_here("nginx") {
        let without = [
            "proxy_set_header Cookie $cookie_of_program;",
            "proxy_set_header Remote-Name $gate_name;",
        ];
        let found = doctor(&NGINX, &without, "/x", &["--as", "alice"]);
        let (_, verdict) = found.iter().find(|(check, _)| check == "identity").unwrap();
        assert!(
            verdict.starts_with("fault") && verdict.contains("Remote-Name: forged"),
            "{verdict}"
        );
        let found = doctor(&NGINX, &without[..1], "/x", &["--as", "alice"]);
        let (_, verdict) = found.iter().find(|(check, _)| check == "identity").unwrap();
        assert!(verdict.starts_with("warning: the program gets Gatepost's cookies"), "{verdict}");
    }
}
