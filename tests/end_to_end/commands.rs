//! The command line: help, exit codes, configuration, and a PostgreSQL that is not private.

use crate::support::program::{Home, Running, failure, run, success};
use crate::support::{APP_PASSWORD, OWNER_PASSWORD, PASSWORD, conninfo};
use gatepost_test_support::Cluster;
use reqwest::blocking::Client;
use serde_json::json;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::process::Command;

#[test]
fn every_command_explains_itself() {
    let home = Home::new();
    for arguments in [
        &["--help"][..],
        &["-h"],
        &["serve", "--help"],
        &["check-config", "--help"],
        &["database", "--help"],
        &["database", "create", "--help"],
        &["database", "migrate", "--help"],
        &["database", "after-restore", "--help"],
        &["signing-key", "--help"],
        &["user", "--help"],
        &["user", "create", "--help"],
        &["api-key", "--help"],
        &["api-key", "create", "--help"],
        &["user", "import", "--help"],
        &["audit", "--help"],
        &["selftest", "--help"],
        &["passwords", "build-list", "--help"],
    ] {
        let help = success(&home.run(arguments, ""));
        assert!(help.contains("Usage: gatepost"), "{arguments:?}: {help}");
    }
    let version = concat!("gatepost ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(success(&home.run(&["--version"], "")), version);
}

#[test]
fn wrong_usage_exits_with_2_and_one_line() {
    let home = Home::new();
    for arguments in [
        &["frobnicate"][..],
        &["--frobnicate"],
        &["serve", "now"],
        &["serve", "--port", "80"],
        &["check-config", "x"],
        &["database"],
        &["database", "drop"],
        &["database", "create"],
        &["database", "migrate", "--frobnicate"],
        &["database", "after-restore", "now"],
        &["user"],
        &["user", "create"],
        &["user", "create", "a", "b"],
        &["user", "list", "--admin"],
        &["user", "promote"],
        &["api-key"],
        &["signing-key"],
        &["api-key", "rotate"],
        &["api-key", "create"],
        &["api-key", "create", "shop"],
        &["api-key", "create", "--scope", "register"],
        &["api-key", "create", "shop", "--scope", "register", "--scope", "users:read"],
        &["api-key", "list", "--scope", "register"],
        &["api-key", "revoke"],
        &["user", "import"],
        &["audit", "prune"],
        &["selftest"],
        &["selftest", "timing", "--tries", "49"],
        &["user", "export", "--dry-run"],
        &["passwords"],
        &["passwords", "build-list", "x"],
        &["passwords", "build-list", "--output", "x"],
        &["--config"],
    ] {
        let text = failure(&home.run(arguments, ""), 2);
        assert_eq!(text.lines().count(), 1, "{arguments:?}: {text}");
        assert!(text.starts_with("gatepost: ") && text.contains("--help"), "{text}");
    }
}

#[test]
fn a_command_under_its_old_name_is_refused_with_the_new_one() {
    let home = Home::new();
    for (old, new) in [("key", "api-key"), ("keys", "signing-key")] {
        let text = failure(&home.run(&[old, "list"], ""), 2);
        assert!(text.contains(&format!("under {new};")), "{text}");
    }
}

#[test]
fn check_config_shows_every_setting_with_its_origin_and_no_secret() {
    let home = Home::new();
    let file = home.path().join("mine.toml");
    std::fs::write(&file, "[tokens]\naccess_ttl = \"1h\"\n").unwrap();
    let mut command = home.command(&["--config", "mine.toml", "check-config"]);
    command.env("GATEPOST_DATABASE_URL", "postgres://gatepost_app:hunter2@db/gatepost");
    let text = success(&run(&mut command, ""));
    for line in [
        "profile = testing",
        "server.listen = 127.0.0.1:0  # environment GATEPOST_SERVER_LISTEN",
        "database.url = (hidden)  # environment GATEPOST_DATABASE_URL",
        "tokens.access_ttl = 1h  # mine.toml:2",
        "tokens.hs256_secret = (none)  # default",
    ] {
        assert!(text.lines().any(|found| found == line), "{line:?} is missing in\n{text}");
    }
    assert!(!text.contains("hunter2"));
}

#[test]
fn check_config_names_every_fault_and_exits_with_1() {
    let home = Home::new();
    let mut command = home.command(&["check-config"]);
    command.env("APP_SETTINGS", "production").env("GATEPOST_SERVER_LISEN", "x");
    let text = failure(&run(&mut command, ""), 1);
    assert!(text.contains("database.url") && text.contains("GATEPOST_SERVER_LISEN"), "{text}");
    let mut command = home.command(&["check-config"]);
    command.env("APP_SETTINGS", "staging");
    let text = failure(&run(&mut command, ""), 1);
    assert!(text.contains("development, testing, production"), "{text}");
}

#[test]
fn settings_that_cannot_work_are_named_before_anything_starts() {
    let home = Home::new();
    for (name, value) in [
        ("GATEPOST_SERVER_HEADER_TIMEOUT", "0s"),
        ("GATEPOST_SERVER_REQUEST_TIMEOUT", "2h"),
        ("GATEPOST_SERVER_WORKERS", "0"),
        ("GATEPOST_SERVER_WORKERS", "99999999999999999999"),
        ("GATEPOST_SERVER_TLS_KEY", "/x"),
        ("GATEPOST_SERVER_TRUSTED_PROXIES", "10.0.0.0/33"),
        ("GATEPOST_SERVER_LISTEN", "8080"),
        ("GATEPOST_TOKENS_ACCESS_TTL", "0s"),
    ] {
        let text = failure(&run(home.command(&["serve"]).env(name, value), ""), 1);
        let setting = name.to_lowercase().replacen("gatepost_", "", 1).replacen('_', ".", 1);
        assert!(text.contains(&setting), "{setting}: {text}");
    }
    let not_utf8 = std::ffi::OsStr::from_bytes(b"production\xff");
    let text = failure(&run(home.command(&["serve"]).env("APP_SETTINGS", not_utf8), ""), 1);
    assert!(text.contains("APP_SETTINGS: not UTF-8"), "{text}");
    let text = failure(
        &run(home.command(&["serve"]).env("GATEPOST_DATABASE_URL_FILE", "/dev/null"), ""),
        1,
    );
    assert!(text.contains("is empty"), "{text}");
}

#[test]
fn an_operator_sets_up_a_server_of_their_own_as_the_page_on_operations_says() {
    let cluster = Cluster::start();
    let home = Home::new();
    let file = |name: &str, text: &str| {
        let path = home.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let owner = file("owner", &format!("{OWNER_PASSWORD}\n"));
    let app = file("app", &format!("{APP_PASSWORD}\n"));
    let admin = conninfo(&cluster, "postgres", "", "postgres").replace("password=''", "");
    let create = ["database", "create", "--admin-url", &admin];
    let files = ["--owner-password-file", &owner, "--app-password-file", &app];
    let arguments: Vec<&str> = create.into_iter().chain(files).collect();
    let text = success(&home.run(&arguments, ""));
    assert!(text.contains("gatepost_owner: password set\ngatepost_app: password set"), "{text}");
    let text = success(&home.run(&arguments, ""));
    assert!(text.contains("gatepost_app: already has a password"), "{text}");

    let url = file("url", &conninfo(&cluster, "gatepost_app", APP_PASSWORD, "gatepost"));
    let owner_url =
        file("owner_url", &conninfo(&cluster, "gatepost_owner", OWNER_PASSWORD, "gatepost"));
    let command = |arguments: &[&str]| {
        let mut command = home.command(arguments);
        command.env("GATEPOST_DATABASE_URL_FILE", &url);
        command.env("GATEPOST_DATABASE_OWNER_URL_FILE", &owner_url);
        command
    };
    let behind = failure(&run(&mut command(&["serve"]), ""), 1);
    assert!(behind.contains("run `gatepost database migrate`"), "{behind}");
    let dry = success(&run(&mut command(&["database", "migrate", "--dry-run"]), ""));
    assert!(dry.contains("CREATE TABLE gatepost.users"), "{dry}");
    assert!(run(&mut command(&["serve"]), "").status.code() == Some(1), "a dry run did something");
    let text = success(&run(&mut command(&["database", "migrate"]), ""));
    assert!(text.starts_with("applied ") && text.ends_with(" migration(s)\n"), "{text}");
    let dry = success(&run(&mut command(&["database", "migrate", "--dry-run"]), ""));
    assert_eq!(dry, "-- nothing to do\n");

    let service = Running::start(&mut command(&["serve"]));
    success(&run(&mut command(&["user", "create", "root", "--admin"]), PASSWORD));
    let body = json!({"login": "root", "password": PASSWORD});
    assert_eq!(Client::new().post(&service.url).json(&body).send().unwrap().status(), 200);
    service.stop();
    assert!(!home.data_dir().exists(), "a private PostgreSQL was made beside the real one");
}

#[test]
fn the_service_listens_on_a_unix_socket() {
    let home = Home::new();
    let path = home.path().join("http.sock");
    let listen = format!("unix:{}", path.display());
    for _ in 0..2 {
        let mut command = home.command(&["serve"]);
        let service = Running::start(command.env("GATEPOST_SERVER_LISTEN", &listen));
        assert_eq!(service.url, listen);
        let mut stream = UnixStream::connect(&path).unwrap();
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        // The next one finds the socket's file and takes its place.
        service.signal("-KILL");
        service.wait();
        home.wait_until_quiet();
    }
}

#[test]
fn a_certificate_is_read_again_on_sighup_and_a_broken_one_is_not_taken() {
    let home = Home::new();
    let (certificate, key) = (home.path().join("certificate.pem"), home.path().join("key.pem"));
    let issue = || {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        std::fs::write(&certificate, made.cert.pem()).unwrap();
    };
    let serve = || {
        let mut command = home.command(&["serve"]);
        command.env("GATEPOST_SERVER_TLS_CERTIFICATE", &certificate);
        command.env("GATEPOST_SERVER_TLS_KEY", &key);
        command
    };
    let text = failure(&run(&mut serve(), ""), 1);
    assert!(text.contains("certificate.pem"), "{text}");
    issue();
    let service = Running::start(&mut serve());
    assert!(service.url.starts_with("https://127.0.0.1:"), "{}", service.url);
    let plain = Client::new().get(service.url.replace("https", "http")).send().unwrap();
    assert_eq!(plain.status(), 400);
    issue();
    service.signal("-HUP");
    service.wait_for_log("the certificate and its key were reloaded");
    std::fs::write(&certificate, "nonsense").unwrap();
    service.signal("-HUP");
    service.wait_for_log("the old certificate stays in use");
    service.stop();
}

#[test]
fn a_password_does_not_belong_in_an_argument() {
    let home = Home::new();
    let create = ["database", "create", "--owner-password-file", "x", "--app-password-file", "y"];
    let url = ["--admin-url", "postgres://postgres:hunter2@127.0.0.1/postgres"];
    let arguments: Vec<&str> = create.into_iter().chain(url).collect();
    let text = failure(&home.run(&arguments, ""), 2);
    assert!(text.contains("must not hold a password") && !text.contains("hunter2"), "{text}");
}

#[test]
fn the_bootstrap_script_runs_in_psql_as_it_stands() {
    let cluster = Cluster::start();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/sql/bootstrap.sql");
    for _ in 0..2 {
        let output = Command::new("psql")
            .args(["-q", "-v", "ON_ERROR_STOP=1", "-d", "postgres", "-U", "postgres", "-h"])
            .arg(cluster.dir())
            .args(["-f", script])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let mut admin = cluster.admin("gatepost").connect(postgres::NoTls).unwrap();
    let owner = "SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'gatepost'";
    assert_eq!(admin.query_one(owner, &[]).unwrap().get::<_, &str>(0), "gatepost_owner");
}

#[test]
fn everything_works_through_pgbouncer_in_transaction_mode() {
    if Command::new("pgbouncer").arg("--version").output().is_err() {
        // .ci/run installs it and says that it must be there.
        assert!(std::env::var_os("REQUIRE_PGBOUNCER").is_none(), "pgbouncer is missing");
        eprintln!("skipped: there is no pgbouncer on this machine");
        return;
    }
    crate::pgbouncer::check();
}
