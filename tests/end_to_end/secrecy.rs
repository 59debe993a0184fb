//! A secret that was put in the wrong form, or in the wrong place, is not told to anybody.

use crate::support::program::{Home, failure};
use std::path::Path;
use std::process::Command;

/// What no message may hold.
const SECRET: &str = "hunter2-SECRET";

/// Connection strings that are none, each with a secret somewhere in it.
fn connection_strings() -> Vec<String> {
    let url = |scheme: &str, rest: &str| format!("{scheme}://u:{SECRET}@db.invalid/g{rest}");
    vec![
        url("pgsql", "?charset=utf8"),
        url("postgres", "?charset=utf8"),
        url("postgres", &format!("?{SECRET}=1")),
        url("postgres", &format!("?sslmode={SECRET}")),
        url("jdbc:postgresql", ""),
        url(" postgres", ""),
        url("\u{feff}postgres", ""),
        format!("\"{}\"", url("postgres", "")),
        format!("'{}'", url("postgres", "")),
        format!("postgres://u:{SECRET}"),
        format!("postgres://u:{SECRET}@h:{SECRET}/g"),
        format!("postgres://u:p@{SECRET}@db.invalid/g"),
        format!("postgres://u:p@db.invalid/{SECRET}@h/g"),
        format!("host=h password=x {SECRET}=y"),
        format!("host=h password='{SECRET}"),
        format!("host=h password=x {SECRET}"),
        format!("host=h port={SECRET} password=x"),
        SECRET.to_owned(),
    ]
}

#[track_caller]
fn kept_secret(command: &mut Command, code: i32, names: &str) {
    let text = failure(&command.output().unwrap(), code);
    let lower = text.to_lowercase();
    for part in ["hunter2", "secret=", "-secret"] {
        assert!(!lower.contains(part), "{part}: {text}");
    }
    assert!(text.contains(names), "{names}: {text}");
}

/// A file with this in it.
fn file(home: &Home, text: &str) -> String {
    let path = home.path().join("a-file");
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[test]
fn a_connection_string_that_is_none_is_not_quoted() {
    let home = Home::new();
    for text in connection_strings() {
        let named = "database.url: not a connection string";
        let mut command = home.command(&["user", "list"]);
        kept_secret(command.env("GATEPOST_DATABASE_URL", &text), 1, named);
        let mut command = home.command(&["user", "list"]);
        kept_secret(command.env("GATEPOST_DATABASE_URL_FILE", file(&home, &text)), 1, named);
        let toml = file(&home, &format!("[database]\nurl = '''{text}'''\n"));
        kept_secret(&mut home.command(&["--config", &toml, "user", "list"]), 1, named);

        let mut command = home.command(&["database", "migrate"]);
        command.env("GATEPOST_DATABASE_URL", "host=/nowhere");
        command.env("GATEPOST_DATABASE_OWNER_URL", &text);
        kept_secret(&mut command, 1, "database.owner_url: not a connection string");

        let password = file(&home, "x\n");
        let create = ["database", "create", "--owner-password-file", &password];
        let create = [&create[..], &["--app-password-file", &password, "--admin-url", &text]];
        let mut command = home.command(&create.concat());
        kept_secret(&mut command, 1, "--admin-url: not a connection string");
    }
}

#[test]
fn what_form_a_connection_string_has_is_said_and_what_is_wrong_with_this_one() {
    let home = Home::new();
    for (text, said) in [
        ("pgsql://u:p@h/g", "begins with another scheme"),
        ("jdbc:postgresql://h/g", "begins with another scheme"),
        (" postgres://u:p@h/g", "begins with white space"),
        ("\u{feff}postgres://u:p@h/g", "byte order mark"),
        ("\"postgres://u:p@h/g\"", "quotes"),
        ("postgres://u:p@h/g?charset=utf8", "an unknown option"),
        ("postgres://u:p@h/g?sslmode=maybe", "sslmode"),
        ("host=h port=x", "port"),
        ("postgres://u:p@p@h/g", "%40"),
    ] {
        let mut command = home.command(&["user", "list"]);
        let output = command.env("GATEPOST_DATABASE_URL", text).output().unwrap();
        let errors = failure(&output, 1);
        assert!(errors.contains(said), "{said}: {errors}");
        assert!(errors.contains("postgresql://USER:PASSWORD@HOST/DATABASE"), "{errors}");
    }
}

#[test]
fn a_secret_where_the_name_of_its_file_belongs_is_not_quoted() {
    let home = Home::new();
    for setting in [
        "DATABASE_URL",
        "DATABASE_OWNER_URL",
        "PASSWORDS_PEPPER",
        "PASSWORDS_PREVIOUS_PEPPERS",
        "TOKENS_HS256_SECRET",
        "ENCRYPTION_KEY",
        "ENCRYPTION_PREVIOUS_KEY",
    ] {
        let name = format!("GATEPOST_{setting}_FILE");
        let mut command = home.command(&["check-config"]);
        kept_secret(command.env(&name, SECRET), 1, &format!("environment {name}"));
    }
    let toml = file(&home, &format!("[encryption]\nkey_file = '{SECRET}'\n"));
    let mut command = home.command(&["--config", &toml, "check-config"]);
    kept_secret(&mut command, 1, "encryption.key");

    let empty = Path::new(&file(&home, "")).display().to_string();
    for option in ["--owner-password-file", "--app-password-file", "--admin-url-file"] {
        let mut arguments = vec!["database", "create"];
        for other in ["--owner-password-file", "--app-password-file", "--admin-url-file"] {
            // The URL's file comes first, so that it is the one that is read first.
            arguments.extend([other, if other == option { SECRET } else { "/dev/null" }]);
        }
        let text = failure(&home.run(&arguments, ""), 1);
        assert!(!text.contains(SECRET) && text.contains("-file: "), "{text}");
    }
    let mut command = home.command(&["check-config"]);
    kept_secret(command.env("GATEPOST_ENCRYPTION_KEY_FILE", empty), 1, "is empty");
}

#[test]
fn a_private_key_where_the_name_of_its_file_belongs_is_not_quoted() {
    let home = Home::new();
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----\n");
    for command in ["check-config", "serve"] {
        let mut command = home.command(&[command]);
        command.env("GATEPOST_SERVER_TLS_CERTIFICATE", "/nowhere/certificate.pem");
        command.env("GATEPOST_SERVER_TLS_KEY", &pem);
        kept_secret(&mut command, 1, "server.tls_key");
    }
    let mut command = home.command(&["serve"]);
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = file(&home, &certificate.cert.pem());
    command.env("GATEPOST_SERVER_TLS_CERTIFICATE", certificate);
    command.env("GATEPOST_DATABASE_URL", "host=/nowhere");
    kept_secret(command.env("GATEPOST_SERVER_TLS_KEY", SECRET), 1, "server.tls_key");
}

#[test]
fn a_secret_in_broken_toml_or_of_another_type_is_not_quoted() {
    let home = Home::new();
    for text in [
        format!("[database]\nurl = postgres://u:{SECRET}@h/g\n"),
        format!("[database]\nurl = \"postgres://u:{SECRET}@h/g\n"),
        format!("[database]\nurl = ['{SECRET}', 1]\n"),
        format!("[database]\nurl = {{ password = '{SECRET}' }}\n"),
        format!("[encryption]\nkey = {SECRET}\n"),
        format!("[encryption]\nkey = '{SECRET}' '{SECRET}'\n"),
        format!("[encryption]\nkey = '{SECRET}'\nkey = '{SECRET}'\n"),
        format!("[encryption]\nkey = \"{SECRET}\\q\"\n"),
        format!("[passwords]\npepper = '{SECRET}'\nprevious_peppers = ['{SECRET}']\n"),
        format!("postgres://u:{SECRET}@h/g\n"),
        SECRET.to_owned(),
    ] {
        let toml = file(&home, &text);
        let text = failure(&home.run(&["--config", &toml, "check-config"], ""), 1);
        assert!(!text.contains("hunter2") && !text.contains("SECRET"), "{text}");
    }
}

#[test]
fn an_argument_that_nobody_expected_may_be_a_secret_and_is_not_quoted() {
    let home = Home::new();
    let url = format!("postgres://u:{SECRET}@h/g");
    for arguments in [
        &["serve", SECRET][..],
        &["serve", &url],
        &[&url],
        &["check-config", &url],
        &["user", "create", "alice", SECRET],
        &["database", "create", &url],
        &["database", "migrate", SECRET],
        &["api-key", "create", "name", SECRET],
        &["audit", "head", SECRET],
        &["user", "create", "alice", &format!("--admin={SECRET}")],
        &["database", "create", &format!("--owner-password={SECRET}")],
    ] {
        kept_secret(&mut home.command(arguments), 2, " --help");
    }
}

#[test]
fn a_body_that_is_no_object_is_not_quoted() {
    let server = crate::support::TestServer::start();
    for body in [format!("\"{SECRET}\""), format!("[\"{SECRET}\"]"), "4711".to_owned()] {
        let request = server.request(reqwest::Method::POST, "/").body(body);
        let response = request.header("content-type", "application/json").send().unwrap();
        let detail = crate::support::problem(response, 400, "invalid_request");
        assert!(!detail.contains("hunter2") && !detail.contains("4711"), "{detail}");
        assert!(detail.starts_with("the body: "), "{detail}");
    }
}
