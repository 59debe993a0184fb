//! The audit log: what it holds, who may read it, and that tampering shows.

use crate::support::embedded;
use crate::support::program::{Home, Running, failure, run, success};
use crate::support::{
    APP_PASSWORD, CLUSTER, OWNER_PASSWORD, PASSWORD, TestServer, client, conninfo, new_database,
    problem,
};
use crate::times::drop_checks;
use gatepost::audit::{self, Head};
use gatepost::domain::Timestamp;
use gatepost::secret::Secret;
use serde_json::{Value, json};
use std::str::FromStr;
use std::time::{Duration, Instant};

/// A log of a few rows, all sealed, and its head.
fn some_log() -> (TestServer, Head) {
    let server = TestServer::start();
    server.register("alice");
    for password in [PASSWORD, "wrong password", PASSWORD] {
        server.log_in("alice", password);
    }
    let head = audit::head(server.app()).unwrap().unwrap();
    assert_eq!(findings(&server, Some(&head)), [""; 0]);
    (server, head)
}

fn findings(server: &TestServer, head: Option<&Head>) -> Vec<String> {
    audit::verify(server.app(), head).unwrap().findings
}

#[test]
fn it_says_who_did_what_to_whom_from_where_with_which_outcome() {
    let server = TestServer::start();
    let (root, alice) = (server.register_admin("root"), server.register("alice"));
    let token = server.token("root");
    server.log_in("alice", "wrong password");
    server.log_in("hunter2 in the wrong field", PASSWORD);
    server.patch(&json!({"id": alice, "locked": true, "expires_at": null}), &token);
    server.log_in("alice", PASSWORD);
    server.delete(&format!("/user?id={alice}"), &token);
    let mut entries = Vec::new();
    let mut target = "/audit?page_size=3".to_owned();
    loop {
        let response = server.get(&target, &token);
        assert_eq!(response.status(), 200);
        let link = response.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
        let page: Value = response.json().unwrap();
        entries.extend(page["entries"].as_array().unwrap().clone());
        let Some(link) = link else { break };
        target = format!("/audit{}", &link[1..link.find('>').unwrap()]);
    }
    entries.reverse();
    let brief = |entry: &Value| {
        let word = |name: &str| entry[name].as_str().unwrap_or("-").to_owned();
        let number = |name: &str| entry[name].as_i64().unwrap_or(0);
        (word("actor"), number("actor_id"), word("action"), number("user_id"), word("outcome"))
    };
    let expected = [
        ("operator", 0, "register", root, "done"),
        ("anonymous", 0, "register", alice, "done"),
        ("anonymous", 0, "log_in", root, "done"),
        ("anonymous", 0, "log_in", alice, "invalid_credentials"),
        ("anonymous", 0, "log_in", 0, "invalid_credentials"),
        ("user", root, "change_user", alice, "done"),
        ("anonymous", 0, "log_in", alice, "account_locked"),
        ("user", root, "delete_user", alice, "done"),
    ];
    assert_eq!(entries.len(), expected.len());
    for (entry, expected) in entries.iter().zip(expected) {
        let (actor, actor_id, action, user_id, outcome) = brief(entry);
        let found = (&*actor, actor_id, &*action, user_id, &*outcome);
        assert_eq!(found, expected, "{entry}");
    }
    assert_eq!(entries[5]["detail"], "locked true, expires_at never");
    assert_eq!(entries[0]["address"], Value::Null);
    assert_eq!(entries[3]["address"], "127.0.0.1");
    // A mistyped login is often a password.
    let sql = "SELECT string_agg(encode(a::text::bytea, 'escape'), '') FROM gatepost.audit a";
    let all: String = server.sql().query_one(sql, &[]).unwrap().get(0);
    assert!(!all.contains("hunter2") && !all.contains("68756e746572"), "{all}");
}

#[test]
fn only_admins_read_it() {
    let server = TestServer::start();
    server.register("alice");
    problem(server.get("/audit", &server.token("alice")), 403, "forbidden");
    let nobody = server.request(reqwest::Method::GET, "/audit").send().unwrap();
    problem(nobody, 401, "unauthenticated");
    server.register_admin("root");
    let token = server.token("root");
    for target in ["/audit?page_size=0", "/audit?page_size=101", "/audit?before=0", "/audit?x=1"] {
        problem(server.get(target, &token), 400, "invalid_request");
    }
}

#[test]
fn the_service_can_add_to_it_and_take_nothing_back() {
    let (server, _) = some_log();
    let url = conninfo(&CLUSTER, "gatepost_app", APP_PASSWORD, &server.database);
    let mut app = postgres::Client::connect(&url, postgres::NoTls).unwrap();
    for table in ["audit", "audit_seals"] {
        for sql in ["DELETE FROM gatepost.", "TRUNCATE gatepost."] {
            let error = app.batch_execute(&format!("{sql}{table}")).unwrap_err();
            assert_eq!(error.code().unwrap().code(), "42501", "{sql}{table}: {error}");
        }
        let update = format!("UPDATE gatepost.{table} SET mac = mac");
        assert_eq!(app.batch_execute(&update).unwrap_err().code().unwrap().code(), "42501");
    }
    // Nor write a row again, or one that stands behind all others.
    let copy = |id: &str, value: &str| {
        format!(
            "INSERT INTO gatepost.audit ({id}at, actor, action, outcome, nonce, mac)
             OVERRIDING SYSTEM VALUE
             SELECT {value}at, actor, action, outcome, nonce, mac FROM gatepost.audit LIMIT 1"
        )
    };
    let refused = |sql: &str| {
        let error = postgres::Client::connect(&url, postgres::NoTls).unwrap().batch_execute(sql);
        error.unwrap_err().code().unwrap().code().to_owned()
    };
    assert_eq!(refused(&copy("", "")), "23505");
    assert_eq!(refused(&copy("id, ", "9223372036854775807, ")), "42501");
}

#[test]
fn a_row_that_was_changed_is_found_in_each_of_its_columns() {
    let (server, head) = some_log();
    let mut sql = server.sql();
    for change in [
        "at = at + interval '1 us'",
        "actor = 'operator'",
        "actor_id = 7",
        "action = 'register'",
        "user_id = NULL",
        "login_hash = ''",
        "address = '192.0.2.1'",
        "outcome = 'done'",
        "detail = ''",
        "nonce = ''",
        "mac = sha256(mac)",
    ] {
        sql.batch_execute("CREATE TEMP TABLE kept AS SELECT * FROM gatepost.audit").unwrap();
        let update = format!("UPDATE gatepost.audit SET {change} WHERE id = 3");
        assert_eq!(sql.execute(&update, &[]).unwrap(), 1);
        let found = findings(&server, Some(&head));
        assert_eq!(found, ["row 3 was changed"], "{change}");
        let back = "DELETE FROM gatepost.audit;
                    INSERT INTO gatepost.audit OVERRIDING SYSTEM VALUE SELECT * FROM kept;
                    DROP TABLE kept;";
        sql.batch_execute(back).unwrap();
        assert_eq!(findings(&server, Some(&head)), [""; 0]);
    }
}

#[test]
fn a_row_that_was_removed_is_found() {
    let (server, head) = some_log();
    server.sql().execute("DELETE FROM gatepost.audit WHERE id = 2", &[]).unwrap();
    assert_eq!(findings(&server, Some(&head)), ["row 2 is missing"]);
    assert_eq!(findings(&server, None), ["row 2 is missing"]);
}

#[test]
fn a_log_that_was_cut_off_does_not_hold_the_head_that_was_kept() {
    let (server, early) = some_log();
    server.log_in("alice", PASSWORD);
    let late = audit::head(server.app()).unwrap().unwrap();
    assert_ne!(early, late);
    let cut = "DELETE FROM gatepost.audit_seals WHERE number = (SELECT max(number) FROM gatepost.audit_seals);
               DELETE FROM gatepost.audit WHERE id = (SELECT max(id) FROM gatepost.audit)";
    server.sql().batch_execute(cut).unwrap();
    // What is left is a whole log, as it was before. Only the head tells.
    assert_eq!(findings(&server, Some(&early)), [""; 0]);
    let found = findings(&server, Some(&late));
    assert!(found.len() == 1 && found[0].starts_with("the log ends with seal"), "{found:?}");
    // And when the log has grown again, the seal of that number is another.
    server.log_in("alice", PASSWORD);
    audit::head(server.app()).unwrap();
    let found = findings(&server, Some(&late));
    assert!(found.len() == 1 && found[0].ends_with("is not the head that was kept"), "{found:?}");
}

#[test]
fn rows_and_seals_that_were_removed_together_or_slipped_in_are_found() {
    let (server, head) = some_log();
    server.log_in("alice", PASSWORD);
    audit::head(server.app()).unwrap();
    let mut sql = server.sql();
    let forged = "INSERT INTO gatepost.audit (at, actor, action, outcome, nonce, mac)
                  SELECT at, 'operator', action, outcome, nonce, sha256(mac)
                  FROM gatepost.audit LIMIT 1";
    sql.batch_execute(forged).unwrap();
    let found = findings(&server, Some(&head));
    assert!(found.iter().any(|text| text.contains("was changed")), "{found:?}");
    let removed = "DELETE FROM gatepost.audit WHERE id = 1;
                   DELETE FROM gatepost.audit_seals WHERE number = 1;";
    sql.batch_execute(removed).unwrap();
    let found = findings(&server, None);
    assert!(found.iter().any(|text| text.contains("no pruning accounts for it")), "{found:?}");
}

#[test]
fn pruning_leaves_a_log_that_verifies_and_says_so() {
    let server = TestServer::with(|c| {
        // Read again below, once the name of the database is known.
        c.database.owner_url = Some(Secret::from("host=unused"));
    });
    server.register("alice");
    for _ in 0..3 {
        server.log_in("alice", PASSWORD);
        audit::head(server.app()).unwrap();
    }
    let mut config = server.app().config().clone();
    let owner = conninfo(&CLUSTER, "gatepost_owner", OWNER_PASSWORD, &server.database);
    config.database.owner_url = Some(Secret::new(owner));
    let app = gatepost::App::open(config).unwrap();
    let kept = audit::head(&app).unwrap().unwrap();
    assert_eq!(audit::prune(&app, Timestamp::parse("2020-01-01T00:00:00Z").unwrap()), Ok(0));
    assert_eq!(audit::prune(&app, Timestamp::parse("2199-01-01T00:00:00Z").unwrap()), Ok(4));
    let old = Head::from_str(&format!("1:{}", "00".repeat(32))).unwrap();
    let verified = audit::verify(&app, Some(&old)).unwrap();
    assert_eq!(verified.findings, [""; 0]);
    let newer = audit::head(&app).unwrap().unwrap();
    let note = format!(
        "of seal 1, has been pruned and proves nothing any more; keep this newer one: {newer}"
    );
    assert!(verified.notes.len() == 1 && verified.notes[0].ends_with(&note), "{verified:?}");
    let verified = audit::verify(&app, Some(&kept)).unwrap();
    assert_eq!((verified.findings, verified.notes), (vec![], vec![]));
    // One that names the place where the chain begins, and one of what was removed.
    assert_eq!((verified.sealed, verified.unsealed), (2, 0));
    let details: Vec<String> = server
        .sql()
        .query("SELECT detail FROM gatepost.audit WHERE action = 'prune_audit' ORDER BY id", &[])
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(details[0], kept.to_string());
    let removed = format!(
        "removed 4 row(s), up to seal {}, sealed before 2199-01-01T00:00:00Z",
        kept.to_string().split(':').next().unwrap()
    );
    assert_eq!(details[1..], [removed]);
    server.log_in("alice", PASSWORD);
    audit::head(&app).unwrap();
    assert_eq!(audit::verify(&app, None).unwrap().findings, [""; 0]);
    // The row that says so is needed.
    server.sql().execute("DELETE FROM gatepost.audit WHERE action = 'prune_audit'", &[]).unwrap();
    let found = audit::verify(&app, Some(&old)).unwrap().findings;
    assert!(found.iter().any(|text| text.contains("no pruning accounts for it")), "{found:?}");
    assert!(
        found.iter().any(|text| text.contains("the head that was kept, of seal 1")),
        "{found:?}"
    );
}

#[test]
fn the_command_prunes_nothing_for_a_time_that_is_not_past() {
    let ((server, _), home) = (some_log(), Home::new());
    let rows = || -> i64 {
        server.sql().query_one("SELECT count(*) FROM gatepost.audit", &[]).unwrap().get(0)
    };
    let before = rows();
    let mut command = home.command(&["audit", "prune", "--before", "2199-01-31T18:00:00Z"]);
    let url = |role, password| conninfo(&CLUSTER, role, password, &server.database);
    command.env("GATEPOST_DATABASE_URL", url("gatepost_app", APP_PASSWORD));
    command.env("GATEPOST_DATABASE_OWNER_URL", url("gatepost_owner", OWNER_PASSWORD));
    let told = failure(&run(&mut command, ""), 2);
    assert!(told.contains("--before 2199-01-31T18:00:00Z is not in the past"), "{told}");
    assert_eq!(rows(), before);
}

#[test]
fn the_command_says_where_a_restored_backup_may_be_the_cause() {
    let ((server, head), home) = (some_log(), Home::new());
    let number: i64 = head.to_string().split(':').next().unwrap().parse().unwrap();
    let verify = |head: &str| {
        let mut command = home.command(&["audit", "verify", "--head", head]);
        let url = conninfo(&CLUSTER, "gatepost_app", APP_PASSWORD, &server.database);
        command.env("GATEPOST_DATABASE_URL", url);
        // What it found is the answer, so it goes to the standard output.
        let output = run(&mut command, "");
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let restored = "a restored backup looks like this too: see docs/backup.md";
    for number in [number, number + 1] {
        let told = verify(&format!("{number}:{}", "00".repeat(32)));
        assert!(told.contains("tampered with") && told.contains(restored), "{told}");
    }
    // A number that was given out again, so a seal names a row that is newer than itself.
    let mut sql = server.sql();
    sql.batch_execute("UPDATE gatepost.audit SET at = at + interval '1 day' WHERE id = 2").unwrap();
    assert!(verify(&head.to_string()).contains(restored));
    sql.batch_execute("UPDATE gatepost.audit SET at = '2020-01-01' WHERE id = 2").unwrap();
    let told = verify(&head.to_string());
    assert!(told.contains("tampered with: 1 finding(s)") && !told.contains("backup"), "{told}");
}

#[test]
fn instances_that_write_and_seal_at_once_make_one_chain() {
    let server = TestServer::start();
    server.register("alice");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..20 {
                    server.log_in("alice", PASSWORD);
                }
            });
            scope.spawn(|| (0..20).for_each(|_| drop(audit::head(server.app()).unwrap())));
        }
    });
    audit::head(server.app()).unwrap();
    let verified = audit::verify(server.app(), None).unwrap();
    assert_eq!(verified.findings, [""; 0]);
    assert_eq!((verified.sealed, verified.unsealed), (81, 0));
}

#[test]
fn it_can_be_switched_off() {
    let server = TestServer::with(|c| c.audit.enabled = false);
    server.register("alice");
    assert_eq!(server.log_in("alice", "wrong password").status(), 400);
    assert_eq!(audit::head(server.app()).unwrap(), None);
}

#[test]
fn a_flood_of_failures_leaves_some_rows_and_how_many_there_were() {
    let server = TestServer::with(|c| c.audit.tuning.failures_per_minute = 3);
    server.register("alice");
    for n in 0..7 {
        server.log_in(&format!("nobody {n}"), "wrong password");
    }
    (0..13).for_each(|_| drop(server.log_in("alice", "wrong password")));
    audit::head(server.app()).unwrap();
    let count = |condition: &str| -> i64 {
        let sql = format!("SELECT count(*) FROM gatepost.audit WHERE {condition}");
        server.sql().query_one(&sql, &[]).unwrap().get(0)
    };
    assert_eq!(count("outcome = 'invalid_credentials' AND detail IS NULL"), 3);
    assert_eq!(count("detail = '4 more for unknown logins'"), 1);
    assert_eq!(count("detail = '10 more for users'"), 1);
    assert_eq!(count("action = 'attempt' AND detail = '3 attempts'"), 1);
    assert_eq!(findings(&server, None), [""; 0]);
}

#[test]
fn sessions_keys_and_who_acts_by_a_key_are_in_it() {
    let server = TestServer::start();
    let alice = server.register("alice");
    let app = server.app();
    let scopes = gatepost::api_keys::Scopes::parse("users:write").unwrap();
    let name = gatepost::api_keys::ApiKeyName::parse("shop").unwrap();
    let (key, secret) =
        gatepost::api_keys::create(app, &gatepost::Caller::Trusted, &name, &scopes).unwrap();
    server.patch(&json!({"id": alice, "locked": true}), secret.expose());
    server.patch(&json!({"id": alice, "locked": false}), secret.expose());
    let tokens: Value = server.log_in("alice", PASSWORD).json().unwrap();
    let refresh = |token: &Value| server.post("/token", &json!({"refresh_token": token}));
    assert_eq!(refresh(&tokens["refresh_token"]).status(), 200);
    // Retired for long.
    server.sql().execute("UPDATE gatepost.sessions SET retired = ''", &[]).unwrap();
    problem(refresh(&tokens["refresh_token"]), 400, "invalid_grant");
    let token = server.token("alice");
    server.request(reqwest::Method::POST, "/logout").bearer_auth(&token).send().unwrap();
    gatepost::signing_keys::rotate(app, &gatepost::Caller::Trusted).unwrap();
    let sql = "SELECT concat_ws(' ', actor, actor_id, action, user_id, detail) FROM gatepost.audit
               WHERE action NOT IN ('register', 'log_in') ORDER BY id";
    let rows: Vec<String> =
        server.sql().query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect();
    let key = key.id;
    assert_eq!(
        rows,
        [
            format!("operator create_api_key key {key} (users:write)"),
            format!("key {key} change_user {alice} locked true"),
            format!("key {key} change_user {alice} locked false"),
            format!("anonymous reuse_refresh_token {alice} session 1 was ended"),
            format!("user {alice} log_out {alice} session 2"),
            "operator rotate_keys".to_owned(),
        ]
    );
}

#[test]
fn a_new_encryption_key_leaves_the_log_verifiable() {
    let first = Secret::from("the first encryption key, 32 bytes or more");
    let server = TestServer::with(|c| c.encryption.key = Some(first.clone()));
    server.register("alice");
    let head = audit::head(server.app()).unwrap().unwrap();
    let mut config = server.app().config().clone();
    config.encryption.key = Some(Secret::from("the second encryption key, 32 bytes or more"));
    config.encryption.previous_key = Some(first);
    let app = gatepost::App::open(config.clone()).unwrap();
    // The signing key, the one of refresh tokens, and the one behind the hashes.
    assert_eq!(gatepost::signing_keys::reencrypt(&app).unwrap().len(), 3);
    assert_eq!(gatepost::signing_keys::reencrypt(&app), Ok(vec![]));
    config.encryption.previous_key = None;
    let app = gatepost::App::open(config).unwrap();
    assert_eq!(audit::verify(&app, Some(&head)).unwrap().findings, [""; 0]);
}

#[test]
fn the_first_seal_alone_is_not_pruned() {
    let (server, head) = some_log();
    let mut config = server.app().config().clone();
    let owner = conninfo(&CLUSTER, "gatepost_owner", OWNER_PASSWORD, &server.database);
    config.database.owner_url = Some(Secret::new(owner));
    let app = gatepost::App::open(config.clone()).unwrap();
    let after_all = Timestamp::parse("2199-01-01T00:00:00Z").unwrap();
    let one_seal = "SELECT count(*) FROM gatepost.audit_seals";
    if server.sql().query_one(one_seal, &[]).unwrap().get::<_, i64>(0) == 1 {
        assert_eq!(audit::prune(&app, after_all), Ok(0));
    }
    assert_eq!(findings(&server, Some(&head)), [""; 0]);
    config.audit.enabled = false;
    let app = gatepost::App::open(config).unwrap();
    assert!(matches!(audit::prune(&app, after_all), Err(gatepost::Error::Configuration(_))));
}

/// Logs in, so that there is something to seal, until the log of a service holds a text.
fn log_in_until(service: &Running, text: &str) {
    let body = json!({"login": "alice", "password": PASSWORD});
    let user = client().post(format!("{}/user", service.url)).json(&body).send().unwrap();
    assert_eq!(user.status(), 201);
    let begin = Instant::now();
    while !service.log().contains(text) {
        assert!(begin.elapsed() < Duration::from_secs(30), "{}", service.log());
        assert_eq!(client().post(&service.url).json(&body).send().unwrap().status(), 200);
        std::thread::sleep(Duration::from_millis(300));
    }
}

#[test]
fn on_the_private_postgresql_the_service_removes_what_is_older_than_it_keeps() {
    let home = Home::new();
    let mut command = home.command(&["serve"]);
    let service = Running::start(command.env("GATEPOST_AUDIT_KEEP", "2s"));
    log_in_until(&service, "row(s) of the audit log older than audit.keep were removed");
    let mut sql = postgres::Config::new();
    sql.host_path(home.data_dir().join("run")).user("postgres").dbname("gatepost");
    let mut sql = sql.connect(postgres::NoTls).unwrap();
    let first: i64 = sql.query_one("SELECT min(id) FROM gatepost.audit", &[]).unwrap().get(0);
    assert!(first > 1, "{first}");
    assert!(success(&home.run(&["audit", "verify"], "")).contains("as they were written"));
    let log = service.stop();
    assert!(!log.contains("WARN") && !log.contains("ERROR"), "{log}");
}

#[test]
fn elsewhere_the_service_says_what_is_due_and_which_command_removes_it() {
    let (home, database) = (Home::new(), new_database());
    let command = |arguments: &[&str]| {
        let mut command = home.command(arguments);
        let url = |role, password| conninfo(&CLUSTER, role, password, &database);
        command.env("GATEPOST_DATABASE_URL", url("gatepost_app", APP_PASSWORD));
        command.env("GATEPOST_DATABASE_OWNER_URL", url("gatepost_owner", OWNER_PASSWORD));
        command
    };
    let service = Running::start(command(&["serve"]).env("GATEPOST_AUDIT_KEEP", "2s"));
    log_in_until(&service, "`gatepost audit prune --before ");
    let log = service.stop();
    let mut sql = CLUSTER.admin(&database).connect(postgres::NoTls).unwrap();
    let mut first =
        || -> i64 { sql.query_one("SELECT min(id) FROM gatepost.audit", &[]).unwrap().get(0) };
    assert_eq!(first(), 1);
    let named = log.split("`gatepost ").nth(1).unwrap().split('`').next().unwrap();
    let arguments: Vec<&str> = named.split(' ').collect();
    let removed = success(&run(&mut command(&arguments), ""));
    assert!(removed.starts_with("removed ") && first() > 1, "{named}: {removed}");
    success(&run(&mut command(&["audit", "verify"]), ""));
}

#[test]
fn kept_for_ever_nothing_is_removed_and_nothing_is_due() {
    let home = Home::new();
    let mut command = home.command(&["serve"]);
    command.env("GATEPOST_AUDIT_KEEP", "0s");
    let service = embedded::start(&command, &[("SWEEP_INTERVAL", "1000")]);
    let body = json!({"login": "alice", "password": PASSWORD});
    client().post(format!("{}/user", service.url)).json(&body).send().unwrap();
    for _ in 0..3 {
        client().post(&service.url).json(&body).send().unwrap();
        std::thread::sleep(Duration::from_millis(1_200));
    }
    let log = service.stop();
    assert!(!log.contains("audit.keep"), "{log}");
    let settings = success(&home.run(&["check-config"], ""));
    assert!(settings.contains("audit.keep = 365d  # default"), "{settings}");
}

#[test]
fn a_pruning_takes_as_many_steps_as_there_are_thousands_of_seals() {
    let server = TestServer::start();
    server.register("alice");
    for _ in 0..2 {
        server.log_in("alice", PASSWORD);
        audit::head(server.app()).unwrap();
    }
    let mut config = server.app().config().clone();
    let owner = conninfo(&CLUSTER, "gatepost_owner", OWNER_PASSWORD, &server.database);
    config.database.owner_url = Some(Secret::new(owner));
    let app = gatepost::App::open(config).unwrap();
    // Seals of nothing at all, as if so many rows had been pruned from the middle; older than ours.
    let many = "UPDATE gatepost.audit_seals SET number = number + 10000;
                INSERT INTO gatepost.audit_seals (number, sealed_at, rows, last_id, mac)
                SELECT n, '2020-01-01', '', 0, sha256(n::text::bytea)
                FROM generate_series(1, 5000) n";
    server.sql().batch_execute(many).unwrap();
    assert_eq!(audit::prune(&app, Timestamp::parse("2021-01-01T00:00:00Z").unwrap()), Ok(0));
    let mut sql = server.sql();
    let mut number = |what: &str| -> i64 { sql.query_one(what, &[]).unwrap().get(0) };
    assert_eq!(number("SELECT min(number) FROM gatepost.audit_seals"), 5_000);
    let steps = "SELECT count(*) FROM gatepost.audit
                 WHERE action = 'prune_audit' AND detail LIKE 'removed %'";
    assert_eq!(number(steps), 3);
}

#[test]
fn a_row_that_was_repeated_is_found_whether_or_not_it_is_sealed_again() {
    let (server, head) = some_log();
    let mut sql = server.sql();
    sql.batch_execute("ALTER TABLE gatepost.audit DROP CONSTRAINT audit_mac_key").unwrap();
    let repeat = "INSERT INTO gatepost.audit (at, actor, actor_id, action, user_id, login_hash,
                                              address, outcome, detail, nonce, mac)
                  SELECT at, actor, actor_id, action, user_id, login_hash, address, outcome, detail,
                         nonce, mac FROM gatepost.audit WHERE id = 2 RETURNING id";
    let id: i64 = sql.query_one(repeat, &[]).unwrap().get(0);
    let expected = [format!("row {id} repeats row 2")];
    assert_eq!(findings(&server, Some(&head)), expected);
    audit::head(server.app()).unwrap();
    assert_eq!(findings(&server, Some(&head)), expected);
}

#[test]
fn a_malformed_row_or_seal_is_a_finding_and_stops_neither_reading_nor_sealing() {
    let (server, _) = some_log();
    server.register_admin("root");
    let token = server.token("root");
    let url = conninfo(&CLUSTER, "gatepost_app", APP_PASSWORD, &server.database);
    drop_checks(&mut server.sql());
    let mut app = postgres::Client::connect(&url, postgres::NoTls).unwrap();
    app.batch_execute(
        "INSERT INTO gatepost.audit (at, actor, action, outcome, nonce, mac)
         VALUES ('infinity', '', '', '', '', '')",
    )
    .unwrap();
    assert_eq!(server.get("/audit", &token).status(), 200);
    let found = findings(&server, None);
    assert!(found.len() == 1 && found[0].ends_with("was changed"), "{found:?}");
    app.batch_execute(
        "INSERT INTO gatepost.audit_seals (number, sealed_at, rows, last_id, mac)
         SELECT max(number) + 1, 'infinity', '\\x0102', max(last_id), '' FROM gatepost.audit_seals",
    )
    .unwrap();
    server.log_in("alice", PASSWORD);
    audit::head(server.app()).unwrap();
    let found = findings(&server, None);
    assert!(found.iter().any(|text| text.contains("does not fit")), "{found:?}");
    // Of somebody who can take constraints away.
    server
        .sql()
        .batch_execute(
            "ALTER TABLE gatepost.audit_seals ALTER sealed_at DROP NOT NULL,
                 ALTER rows DROP NOT NULL, ALTER mac DROP NOT NULL;
             INSERT INTO gatepost.audit_seals (number, last_id)
             SELECT max(number) + 1, max(last_id) FROM gatepost.audit_seals",
        )
        .unwrap();
    server.log_in("alice", PASSWORD);
    audit::head(server.app()).unwrap();
    findings(&server, None);
    server.sql().batch_execute("UPDATE gatepost.audit_seals SET sealed_at = NULL").unwrap();
    let later = Timestamp::parse("2199-01-01T00:00:00Z").unwrap();
    assert_eq!(audit::prune(server.app(), later), Ok(0));
}
