//! What came from outside reaches no terminal and no log as it is: no escapes, no forged lines.

use crate::support::program::{Home, Running, failure, run, success};
use crate::support::{APP_PASSWORD, CLUSTER, TestServer, conninfo, new_database};
use postgres::NoTls;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Output};

/// What a terminal obeys, and what makes one line two, or reads backwards.
const HOSTILE: &str = "a\u{1b}[2J\u{9b}31m\r\nforged: all is well\u{7}\u{2028}\u{202e}z";

/// That nothing hostile is in the text, and that it has so many lines.
#[track_caller]
fn harmless(text: &str, lines: usize) {
    let is_hostile = |c: &char| {
        c.is_control() && !matches!(c, '\n' | '\t') || matches!(c, '\u{2028}' | '\u{202e}')
    };
    assert_eq!(text.chars().find(is_hostile), None, "{text:?}");
    assert!(!text.lines().any(|line| line.starts_with("forged")), "{text:?}");
    assert_eq!(text.lines().count(), lines, "{text:?}");
}

#[track_caller]
fn harmless_failure(output: &Output, code: i32) {
    let text = failure(output, code);
    harmless(&text, 1);
    assert!(text.contains("\\u{1b}"), "{text}");
}

fn on_cluster(home: &Home, server: &TestServer, arguments: &[&str]) -> Command {
    let mut command = home.command(arguments);
    let url = conninfo(&CLUSTER, "gatepost_app", APP_PASSWORD, &server.database);
    command.env("GATEPOST_DATABASE_URL", url);
    command
}

#[test]
fn an_import_file_cannot_write_to_the_terminal() {
    let (home, server) = (Home::new(), TestServer::start());
    let hostile = serde_json::to_string(HOSTILE).unwrap();
    let lines = [
        format!("{{{hostile}:1}}"),
        format!("{{\"login\":{hostile},\"password_hash\":\"x\"}}"),
        format!("{{\"login\":\"a\",\"password_hash\":{hostile}}}"),
        format!("{{\"login\":\"a\",\"password_hash\":\"x\",\"created_at\":{hostile}}}"),
        format!("{{\"login\":\"a\",{hostile}}}"),
        HOSTILE.replace('\n', " "),
    ];
    let output = run(&mut on_cluster(&home, &server, &["user", "import", "-"]), &lines.join("\n"));
    let errors = String::from_utf8(output.stderr).unwrap();
    harmless(&errors, lines.len() + 1);
    assert!(errors.contains("unknown field `a\\u{1b}[2J"), "{errors}");
    // The name of the file stands before each of its lines.
    let file = home.path().join(HOSTILE);
    std::fs::write(&file, &lines[0]).unwrap();
    let mut command = on_cluster(&home, &server, &["user", "import"]);
    harmless(&String::from_utf8(command.arg(&file).output().unwrap().stderr).unwrap(), 2);
    let mut command = on_cluster(&home, &server, &["user", "import"]);
    harmless_failure(&command.arg(home.path().join(format!("{HOSTILE}?"))).output().unwrap(), 1);
}

#[test]
fn an_argument_is_not_echoed_raw() {
    let home = Home::new();
    let option = format!("--{HOSTILE}");
    for arguments in [
        &[option.as_str()][..],
        &["user", &option],
        &["user", "list", &option],
        &[HOSTILE],
        &["user", "create", "a", HOSTILE],
        &["completions", HOSTILE],
        &["selftest", "timing", "--tries", HOSTILE],
    ] {
        harmless(&failure(&home.run(arguments, ""), 2), 1);
    }
    harmless_failure(&home.run(&["--config", HOSTILE, "check-config"], ""), 1);
    let mut command = home.command(&["user", "list"]);
    let unreadable = [b"\xff", HOSTILE.as_bytes()].concat();
    harmless(&failure(&command.arg(OsStr::from_bytes(&unreadable)).output().unwrap(), 2), 1);
}

#[test]
fn a_configuration_is_not_echoed_raw() {
    let home = Home::new();
    let one_line = HOSTILE.replace(['\r', '\n'], " ");
    let file = home.path().join("hostile.toml");
    let key = serde_json::to_string(HOSTILE).unwrap().replace("\\r\\n", "\\n");
    std::fs::write(&file, format!("[server]\n{key} = 1\n")).unwrap();
    let mut command = home.command(&["check-config", "--config"]);
    harmless_failure(&command.arg(&file).output().unwrap(), 1);

    for (name, value) in [
        (format!("GATEPOST_SERVER_{HOSTILE}"), "1"),
        ("GATEPOST_SERVER_WORKERS".to_owned(), HOSTILE),
        ("GATEPOST_SERVER_TRUSTED_PROXIES".to_owned(), HOSTILE),
        ("APP_SETTINGS".to_owned(), HOSTILE),
        ("GATEPOST_CONFIG".to_owned(), HOSTILE),
    ] {
        let mut command = home.command(&["check-config"]);
        harmless_failure(&command.env(&name, value).output().unwrap(), 1);
    }

    // What is valid is shown, a line a setting.
    let plain = success(&home.run(&["check-config"], "")).lines().count();
    let mut command = home.command(&["check-config"]);
    command.env("GATEPOST_PASSWORDS_REFUSED_WORDS", HOSTILE);
    command.env("GATEPOST_TOKENS_ISSUER", &one_line);
    command.env("GATEPOST_SERVER_LISTEN", format!("unix:/{HOSTILE}"));
    harmless(&success(&command.output().unwrap()), plain);
}

#[test]
fn what_somebody_put_into_the_tables_is_not_shown_raw() {
    let (home, server) = (Home::new(), TestServer::start());
    server.register("alice");
    let mut sql = server.sql();
    sql.execute("UPDATE gatepost.users SET login = $1", &[&HOSTILE]).unwrap();
    success(&run(
        &mut on_cluster(&home, &server, &["api-key", "create", "k", "--scope", "register"]),
        "",
    ));
    sql.execute("UPDATE gatepost.api_keys SET name = $1", &[&HOSTILE]).unwrap();
    for arguments in [["user", "list"], ["api-key", "list"]] {
        let text = success(&run(&mut on_cluster(&home, &server, &arguments), ""));
        harmless(&text, 1);
        assert!(text.contains("\\u{1b}[2J"), "{text}");
    }
    let exported = success(&run(&mut on_cluster(&home, &server, &["user", "export"]), ""));
    harmless(&exported, 1);
    let user: serde_json::Value = serde_json::from_str(&exported).unwrap();
    assert_eq!(user["login"], HOSTILE);
}

#[test]
fn a_line_of_the_log_is_one_line() {
    let home = Home::new();
    let mut command = home.command(&["serve"]);
    let quoted = HOSTILE.replace('\'', "\\'");
    let url = conninfo(&CLUSTER, "gatepost_app", APP_PASSWORD, "x");
    let url = url.replace("dbname=x", &format!("dbname='{quoted}'"));
    harmless_failure(&run(command.env("GATEPOST_DATABASE_URL", url), ""), 1);
    // A service that runs warns of its role.
    let mut admin = CLUSTER.admin("postgres").connect(NoTls).unwrap();
    let role = format!("CREATE ROLE \"{HOSTILE}\" SUPERUSER LOGIN PASSWORD 'x'");
    admin.batch_execute(&role).unwrap();
    let url = conninfo(&CLUSTER, "x", "x", &new_database());
    let url = url.replace("user=x", &format!("user='{quoted}'"));
    let service = Running::start(command.env("GATEPOST_DATABASE_URL", url));
    service.wait_for_log("is a superuser");
    let log = service.stop();
    let lines = log.lines().count();
    harmless(&log, lines);
    assert!(log.lines().all(|line| line.starts_with("20")), "{log}");
    assert!(log.contains("\\u{1b}[2J"), "{log}");
}
