//! What the command line says of a slip, and the forms of what it prints.

use crate::support::program::{Home, failure, run, success};
use crate::support::{APP_PASSWORD, CLUSTER, OWNER_PASSWORD, PASSWORD, conninfo, new_database};
use serde_json::Value;
use std::process::Command;

#[test]
fn a_slip_is_answered_with_the_nearest_right_word() {
    let home = Home::new();
    for (arguments, said) in [
        (&["usr", "list"][..], "there is no command \"usr\" (did you mean user?)"),
        (&["user", "lst"], "(did you mean list?)"),
        (&["user", "create", "--admn", "x"], "unknown option --admn (did you mean --admin?)"),
        (&["user", "list", "--admin"], "--admin goes with user create"),
        (&["signing-key", "list", "--compromised"], "goes with signing-key rotate"),
        (&["completions", "bsh"], "takes one of bash, zsh, fish (did you mean bash?)"),
        (&["--cofig", "x"], "(did you mean --config?)"),
        (&["user"], "user needs a command: create, list, show"),
        (&["user", "create"], "user create needs <LOGIN>"),
        (&["api-key", "create", "shop"], "api-key create needs --scope"),
        (&["selftest", "timing", "--tries", "x"], "--tries <N> takes a whole number"),
    ] {
        let text = failure(&home.run(arguments, ""), 2);
        assert!(text.contains(said), "{arguments:?}: {text}");
    }
}

#[test]
fn what_may_be_a_secret_is_not_repeated() {
    let home = Home::new();
    for arguments in [
        &["user", "set-password", "alice", "hunter2"][..],
        &["user", "create", "alice", "--password=hunter2"],
        &["user", "create", "alice", "-phunter2"],
        &["user", "create", "alice", "-p", "hunter2"],
        &["postgres://gatepost:hunter2@db/gatepost"],
        &["completions", "hunter2"],
        &["passwords", "build-list", "--output", "x", "y", "--min-count", "hunter2"],
        &["selftest", "timing", "--tries=hunter2"],
        &["user", "list", "--json=hunter2"],
    ] {
        let text = failure(&home.run(arguments, ""), 2);
        assert!(!text.contains("hunter2"), "{arguments:?}: {text}");
    }
}

#[test]
fn every_command_that_prints_records_prints_them_as_json() {
    let (home, database) = (Home::new(), new_database());
    let url = |role: &str, password: &str| conninfo(&CLUSTER, role, password, &database);
    let objects = |arguments: &[&str]| -> Vec<Value> {
        let mut command = home.command(arguments);
        command.env("GATEPOST_DATABASE_URL", url("gatepost_app", APP_PASSWORD));
        command.env("GATEPOST_DATABASE_OWNER_URL", url("gatepost_owner", OWNER_PASSWORD));
        let text = success(&run(&mut command, PASSWORD));
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let created = objects(&["user", "create", "Ärger", "--admin", "--json"]);
    assert_eq!(created[0]["login"], "Ärger");
    assert_eq!(created[0]["admin"], true);
    objects(&["user", "create", "bob", "--json"]);
    let listed = objects(&["user", "list", "--json"]);
    assert_eq!((listed.len(), &listed[0]), (2, &created[0]));
    assert_eq!(objects(&["user", "lock", "bob", "--json"])[0]["locked"], true);
    let end = "2999-01-31T18:00:00Z";
    assert_eq!(objects(&["user", "expire", "bob", end, "--json"])[0]["expires_at"], end);
    for command in ["show", "unlock", "promote", "demote", "set-password", "delete"] {
        assert_eq!(objects(&["user", command, "bob", "--json"])[0]["login"], "bob", "{command}");
    }
    let scope = "users:read,register";
    let key = &objects(&["api-key", "create", "shop", "--scope", scope, "--json"])[0];
    assert!(key["key"].as_str().is_some_and(|key| key.len() > 20), "{key}");
    let listed = &objects(&["api-key", "list", "--json"])[0];
    assert!(listed.get("key").is_none() && listed["last_used_at"].is_null(), "{listed}");
    let scopes: Vec<&str> =
        listed["scopes"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(scopes.len() == 2 && scopes.contains(&"users:read"), "{scopes:?}");
    assert!(objects(&["api-key", "revoke", "shop", "--json"])[0]["revoked_at"].is_string());
    assert_eq!(objects(&["signing-key", "rotate", "--json"]).len(), 1);
    let keys = objects(&["signing-key", "list", "--json"]);
    assert!(keys.iter().any(|key| key["state"] == "signing"), "{keys:?}");
    let verified = &objects(&["audit", "verify", "--json"])[0];
    assert!(verified["findings"].as_array().is_some_and(Vec::is_empty), "{verified}");
    assert_eq!(objects(&["database", "after-restore", "--json"])[0]["name"], "shop");
    let settings = objects(&["check-config", "--json"]);
    let hidden = settings.iter().find(|setting| setting["setting"] == "database.url").unwrap();
    assert_eq!(hidden["value"], "(hidden)");
    assert_eq!(hidden["origin"], "environment GATEPOST_DATABASE_URL");
}

#[test]
fn completions_are_those_of_the_package_and_the_shells_take_them() {
    let home = Home::new();
    for (shell, file) in
        [("bash", "gatepost.bash"), ("zsh", "_gatepost"), ("fish", "gatepost.fish")]
    {
        let path = format!("{}/packaging/completions/{file}", env!("CARGO_MANIFEST_DIR"));
        let printed = success(&home.run(&["completions", shell], ""));
        assert_eq!(printed, std::fs::read_to_string(path).unwrap());
        assert!(printed.contains("set-password"), "{shell}");
    }
    let ask = "source <(\"$0\" completions bash); COMP_WORDS=(gatepost user set-p); COMP_CWORD=2; \
               _gatepost gatepost set-p user; echo \"${COMPREPLY[@]}\"";
    let mut bash = Command::new("bash");
    bash.args(["-c", ask, env!("CARGO_BIN_EXE_gatepost")]);
    assert_eq!(success(&run(&mut bash, "")), "set-password\n");
}
