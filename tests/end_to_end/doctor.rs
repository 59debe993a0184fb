//! `gatepost doctor`: a healthy installation has no fault, and each check finds the fault it is for.

use crate::support::program::{Home, run, success};
use crate::support::{APP_PASSWORD, CLUSTER, OWNER_PASSWORD, conninfo, new_database};
use postgres::{Client, NoTls};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// An installation on a database of its own.
struct Installation {
    home: Home,
    database: String,
    variables: Vec<(String, String)>,
}

impl Installation {
    fn new() -> Self {
        let mut installation =
            Self { home: Home::new(), database: new_database(), variables: Vec::new() };
        let url = installation.url("gatepost_app", APP_PASSWORD);
        installation.set("DATABASE_URL", &url);
        let url = installation.url("gatepost_owner", OWNER_PASSWORD);
        installation.set("DATABASE_OWNER_URL", &url);
        installation
    }

    fn url(&self, role: &str, password: &str) -> String {
        conninfo(&CLUSTER, role, password, &self.database)
    }

    fn set(&mut self, name: &str, value: &str) {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    fn unset(&mut self, name: &str) {
        self.variables.retain(|(known, _)| known != name);
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.home.command(arguments);
        command
            .envs(self.variables.iter().map(|(name, value)| (format!("GATEPOST_{name}"), value)));
        command
    }

    fn admin(&self) -> Client {
        CLUSTER.admin(&self.database).connect(NoTls).unwrap()
    }

    /// What each check says, as its status and all its text.
    fn examine(&self) -> Vec<(String, String, String)> {
        let output = run(&mut self.command(&["doctor", "--json"]), "");
        let text = String::from_utf8(output.stdout).unwrap();
        let found: Vec<(String, String, String)> = text
            .lines()
            .map(|line| {
                let one: Value = serde_json::from_str(line).unwrap();
                let word = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
                if one["status"] == "fault" {
                    assert!(!word("why").is_empty() && !word("do").is_empty(), "{line}");
                }
                (word("check"), word("status"), word("found") + " | " + &word("do"))
            })
            .collect();
        let faults = found.iter().filter(|(_, status, _)| status == "fault").count();
        assert_eq!(output.status.code(), Some(i32::from(faults > 0)), "{text}");
        let (durability, others): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|(check, ..)| check == "durability");
        // The tests' cluster does without, and this check is right to say so.
        assert!(durability.iter().all(|(_, status, text)| status == "fault"
            && text.contains("fsync")
            && text.contains("ALTER SYSTEM SET ")));
        others
    }

    /// The one check that finds a fault, and its text.
    #[track_caller]
    fn only_fault(&self) -> (String, String) {
        let found = self.examine();
        let mut faults = found.iter().filter(|(_, status, _)| status == "fault");
        let (check, _, text) = faults.next().expect("there is no fault");
        assert_eq!(faults.next(), None, "{found:?}");
        (check.clone(), text.clone())
    }

    #[track_caller]
    fn finds(&self, check: &str, words: &[&str]) {
        let (found, text) = self.only_fault();
        assert_eq!(found, check, "{text}");
        for word in words {
            assert!(text.contains(word), "{word}: {text}");
        }
    }
}

fn write(path: &Path, text: &str, mode: u32) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_healthy_installation_has_no_fault_and_a_broken_one_says_what_to_type() {
    let mut installation = Installation::new();
    let found = installation.examine();
    let status = |check: &str| {
        let of_name = |(name, ..): &&(String, String, String)| name == check;
        found.iter().find(of_name).unwrap_or_else(|| panic!("no {check}: {found:?}")).1.clone()
    };
    for check in [
        "configuration",
        "limits",
        "database-role",
        "database-owner",
        "database-grants",
        "schema",
        "clock",
    ] {
        assert_eq!(status(check), "ok", "{check}");
    }
    assert_eq!((status("certificate"), status("proxy")), ("skipped".into(), "skipped".into()));
    installation.set("SERVER_WORKERS", "0");
    let output = run(&mut installation.command(&["doctor"]), "");
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(text.starts_with("WRONG   configuration: server.workers"), "{text}");
    assert!(text.contains("\n        why: ") && text.contains("\n        do:  mend"), "{text}");
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        told,
        "gatepost: one thing is wrong
"
    );
}

#[test]
fn each_fault_of_the_database_is_found_by_its_check() {
    let mut installation = Installation::new();
    let mut admin = installation.admin();
    for (check, broken, mended, words) in [
        (
            "database-grants",
            "GRANT SELECT ON gatepost.users TO PUBLIC",
            "REVOKE SELECT ON gatepost.users FROM PUBLIC",
            &["PUBLIC has SELECT on users", "`REVOKE SELECT ON gatepost.users FROM PUBLIC`"][..],
        ),
        (
            "database-grants",
            "GRANT DELETE ON gatepost.audit TO gatepost_app",
            "REVOKE DELETE ON gatepost.audit FROM gatepost_app",
            &["gatepost_app has DELETE on audit"],
        ),
        (
            "schema",
            "UPDATE gatepost.migrations SET version = -version WHERE version > 9",
            "UPDATE gatepost.migrations SET version = -version WHERE version < 0",
            &["gatepost database migrate"],
        ),
    ] {
        admin.batch_execute(broken).unwrap();
        installation.finds(check, words);
        admin.batch_execute(mended).unwrap();
        assert!(!installation.examine().iter().any(|(_, status, _)| status == "fault"));
    }
    let url = installation.url("gatepost_owner", OWNER_PASSWORD);
    installation.set("DATABASE_URL", &url);
    installation.finds("database-role", &["gatepost_owner", "gatepost_app into database.url"]);
    let url = installation.url("gatepost_app", APP_PASSWORD);
    installation.set("DATABASE_URL", &url);
    installation.set("DATABASE_OWNER_URL", &url);
    installation.finds("database-owner", &["gatepost_owner into database.owner_url"]);
    installation.unset("DATABASE_OWNER_URL");
    let url = installation.url("gatepost_app", "wrong");
    installation.set("DATABASE_URL", &url);
    installation.finds("database", &["database.url"]);
}

#[test]
fn in_production_an_admin_without_a_second_factor_is_warned_of_and_nothing_fails_for_it() {
    let mut installation = Installation::new();
    installation.set("ENCRYPTION_KEY", "0123456789abcdef0123456789abcdef");
    installation.set("TOKENS_ISSUER", "https://auth.example.com");
    let run_in_production = |arguments: &[&str], input: &str| {
        run(installation.command(arguments).env("APP_SETTINGS", "production"), input)
    };
    let warned = || {
        let output = run_in_production(&["doctor"], "");
        let text = String::from_utf8(output.stdout).unwrap();
        let failed = text.lines().filter(|line| line.starts_with("WRONG")).count();
        // The tests' cluster does without durability.
        assert_eq!(failed, 1, "{text}");
        text.contains("warning admins: 1 admins") && text.contains("access.require_mfa")
    };
    assert!(!warned());
    success(&run_in_production(&["user", "create", "root", "--admin"], "a stapler for root\n"));
    assert!(warned());
    installation
        .admin()
        .batch_execute(
            "INSERT INTO gatepost.factors (user_id, kind, name, secret, confirmed_at)
                 SELECT id, 'totp', 'x', '', now() FROM gatepost.users;
             UPDATE gatepost.users SET second_factor = true",
        )
        .unwrap();
    assert!(!warned());
}

#[test]
fn keys_that_the_service_did_not_write_and_sessions_of_the_proxy_are_found() {
    let mut installation = Installation::new();
    installation.set("ENCRYPTION_KEY", "0123456789abcdef0123456789abcdef");
    success(&run(&mut installation.command(&["user", "list"]), ""));
    success(&run(&mut installation.command(&["signing-key", "rotate"]), ""));
    let mut admin = installation.admin();
    installation.set("SERVER_TRUSTED_PROXIES", "10.0.0.0/8");
    let session = "INSERT INTO gatepost.sessions (user_id, key_generation, expires_at, address)
                   SELECT 1, 1, now() + '1 day', '10.0.0.7' FROM generate_series(1, 9)";
    admin.batch_execute(session).unwrap();
    installation.finds("proxy", &["10.0.0.7", "X-Forwarded-For"]);
    admin.batch_execute("UPDATE gatepost.sessions SET address = '192.0.2.1' WHERE id = 3").unwrap();
    assert!(!installation.examine().iter().any(|(_, status, _)| status == "fault"));
    admin
        .batch_execute("UPDATE gatepost.signing_keys SET signs_from = signs_from + interval '1 s'")
        .unwrap();
    installation.finds("keys", &["unusable", "rotate --compromised"]);
}

#[test]
fn files_and_certificates_that_strangers_can_use_or_clients_cannot_are_found() {
    let mut installation = Installation::new();
    let dir = installation.home.path().to_owned();
    let url = installation.url("gatepost_app", APP_PASSWORD);
    installation.unset("DATABASE_URL");
    let path = dir.join("url");
    installation.set("DATABASE_URL_FILE", path.to_str().unwrap());
    for (mode, words) in [
        (0o644, &["holds a secret", "chmod o-rwx"][..]),
        (0o620, &["can be changed by others", "chmod go-w"]),
    ] {
        write(&path, &url, mode);
        installation.finds("file-modes", words);
    }
    write(&path, &url, 0o600);
    let config = dir.join("gatepost.toml");
    installation.set("CONFIG", config.to_str().unwrap());
    write(
        &config,
        "[tokens]\nhs256_secret = \"0123456789abcdef0123456789abcdef\"\nalgorithm = \"HS256\"\n",
        0o644,
    );
    installation.finds("file-modes", &["gatepost.toml holds a secret"]);
    write(&config, "[tokens]\nissuer = \"https://auth.example.com\"\n", 0o644);
    assert!(!installation.examine().iter().any(|(_, status, _)| status == "fault"));

    let made = rcgen::generate_simple_self_signed(["example.net".to_owned()]).unwrap();
    write(&dir.join("cert.pem"), &made.cert.pem(), 0o644);
    write(&dir.join("key.pem"), &made.signing_key.serialize_pem(), 0o600);
    installation.set("SERVER_TLS_CERTIFICATE", dir.join("cert.pem").to_str().unwrap());
    installation.set("SERVER_TLS_KEY", dir.join("key.pem").to_str().unwrap());
    let found = installation.examine();
    let faults: Vec<&str> = found
        .iter()
        .filter(|(_, status, _)| status == "fault")
        .map(|(check, ..)| check.as_str())
        .collect();
    assert_eq!(faults, ["certificate-chain", "certificate-name"], "{found:?}");
    write(&dir.join("key.pem"), &made.signing_key.serialize_pem(), 0o644);
    assert!(installation.examine().iter().any(|(check, status, text)| check == "file-modes"
        && status == "fault"
        && text.contains("key.pem")));
}

#[test]
fn a_service_that_is_not_ready_is_found() {
    let home = Home::new();
    let service = home.serve();
    let url = service.url.clone();
    let listen = url.strip_prefix("http://").unwrap();
    let mut command = home.command(&["doctor"]);
    let text = success(&run(command.env("GATEPOST_SERVER_LISTEN", listen), ""));
    assert!(text.contains(&format!("ok      service: ready at {listen}")), "{text}");
    for check in ["disk", "durability", "keys", "database-version"] {
        assert!(text.contains(&format!("ok      {check}: ")), "{text}");
    }
    service.stop();
}
