//! Coming and going: `user import`, `user export`, and the hashes of other services.

use crate::support::program::{Home, failure, run, success};
use crate::support::{APP_PASSWORD, CLUSTER, PASSWORD, TestServer, conninfo, problem};
use gatepost::transfer::{self, Ids, ImportEvent, Imported};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::Command;

/// The users table of a Flask and Flask-Bcrypt service; `flask_service.py` beside it made it.
const FLASK: &str = include_str!("fixtures/users.ndjson");

/// Of [`PASSWORD`], cheap.
const HASH: &str = "$2b$04$kLHVlmjw5QSN3KzeuPzR8evy4GpDLVNIUzxBi.Mb1afWVTgSgJppG";

/// Imports, and returns the outcome with what was said about lines.
pub(crate) fn import(server: &TestServer, text: &str) -> (Imported, Vec<String>) {
    import_with(server, text, Ids::Kept).unwrap()
}

fn import_with(
    server: &TestServer,
    text: &str,
    ids: Ids,
) -> gatepost::Result<(Imported, Vec<String>)> {
    let mut said = Vec::new();
    let done = transfer::import(server.app(), text.as_bytes(), ids, |event| match event {
        ImportEvent::Refused(fault) | ImportEvent::Changed(fault) => said.push(fault.to_string()),
        _ => (),
    });
    done.map(|done| (done, said))
}

pub(crate) fn export(server: &TestServer) -> String {
    let mut out = Vec::new();
    transfer::export(server.app(), &mut out, |_| ()).unwrap();
    String::from_utf8(out).unwrap()
}

pub(crate) fn counts(done: &Imported) -> [u64; 5] {
    [done.lines, done.imported, done.present, done.changed, done.refused]
}

pub(crate) fn hashes(server: &TestServer) -> BTreeMap<String, String> {
    let sql = "SELECT login, password_hash FROM gatepost.users";
    let rows = server.sql().query(sql, &[]).unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[test]
fn users_of_a_flask_service_log_in_with_their_passwords_and_get_hashes_of_ours() {
    let server = TestServer::start();
    let (done, said) = import(&server, FLASK);
    assert_eq!((counts(&done), said), ([5, 5, 0, 0, 0], vec![]));
    let before = hashes(&server);
    for login in before.keys() {
        problem(server.log_in(login, "wrong password"), 400, "invalid_credentials");
    }
    assert_eq!(hashes(&server), before, "a wrong password changed a hash");
    let long = "x".repeat(80);
    for (login, password) in [
        ("ALICE", "correct horse battery"),
        ("bob builder", "can we fix it? yes we can"),
        ("Søren", "blåbærgrød ①② Ångström"),
        ("日本語", "パスワードは長いほうがいい"),
        // bcrypt cut it for the service that made the hash, and we cut it until now.
        ("seventy-two", &long),
    ] {
        assert_eq!(server.log_in(login, password).status(), 200, "{login}");
        assert_eq!(server.log_in(login, password).status(), 200, "{login}, again");
    }
    for (login, hash) in hashes(&server) {
        assert!(hash.starts_with("$pbkdf2-sha256$i=1000,l=32$"), "{login}: {hash}");
    }
    problem(server.log_in("seventy-two", &"x".repeat(72)), 400, "invalid_credentials");
    // Once ours, it is normalised.
    assert_eq!(server.log_in("Søren", "blåbærgrød 12 Ångström").status(), 200);
    let token = server.token("alice");
    assert_eq!(server.get("/users", &token).status(), 200, "alice is an admin");
}

#[test]
fn export_import_export_is_the_identity() {
    let server = TestServer::start();
    let root = server.register_admin("Root");
    server.register("Ａｌｉｃｅ");
    let gone = server.register("gone");
    import(&server, FLASK);
    // What a user can be, and what changes the row behind it.
    let token = server.token("root");
    let everything: Vec<String> = (0..64).map(|n| format!("role-{n:02}")).collect();
    let text = "\u{0}\u{1f}\"\\\u{200b}é漢😀";
    let change = json!({
        "id": 2, "password": "staple and battery", "locked": true,
        "expires_at": "2030-01-02T03:04:05Z", "roles": everything, "groups": ["staff"],
        "attributes": {
            "public": {text: text, "plan": "pro", "nested": [{"null": null}, [[[1]]]]},
            "private": {"numbers": [0.19844004278856286, 0, -1, 1.5, 3.0, 1e300, 5e-324, 0.1, 2.2250738585072014e-308,
                                    1.0715660391465e-309, u64::MAX, i64::MIN],
                        "long": "x".repeat(3_000)},
        },
    });
    assert_eq!(server.patch(&change, &token).status(), 200);
    assert_eq!(server.patch(&json!({"id": root, "roles": ["owner"]}), &token).status(), 200);
    assert_eq!(server.delete(&format!("/user?id={gone}"), &token).status(), 200);
    let sql = "UPDATE gatepost.users SET locked = true, expires_at = '2030-01-02 03:04:05.678901Z'
               WHERE login = 'Søren'";
    server.sql().execute(sql, &[]).unwrap();
    let first = export(&server);
    assert_eq!(first.lines().count(), 6, "the Flask service's alice came second");
    assert!(first.contains(r#""locked":true,"expires_at":"2030-01-02T03:04:05.678901Z""#));
    assert!(
        first.contains(
            r#""token_version":2,"locked":true,"expires_at":"2030-01-02T03:04:05.000000Z""#
        )
    );
    assert!(!first.contains('\u{200b}'), "something invisible");
    // Read without care, it becomes its neighbour.
    assert!(first.contains("0.19844004278856286"));

    let other = TestServer::start();
    let (done, said) = import(&other, &first);
    assert_eq!((counts(&done), said), ([6, 6, 0, 0, 0], vec![]));
    assert_eq!(export(&other), first);
    let token = other.token("root");
    assert_eq!(other.get(&format!("/user?id={root}"), &token).status(), 200, "ids are kept");
    let listed: Value = other.get("/users?role=role-63", &token).json().unwrap();
    assert_eq!(listed["users"][0]["id"], 2, "imported roles are listed");
    let last = first.lines().last().unwrap();
    let last = serde_json::from_str::<Value>(last).unwrap()["id"].as_i64().unwrap();
    assert_eq!(other.register("next"), last + 1);
}

#[test]
fn ids_are_kept_only_where_there_is_nobody_and_else_made_anew() {
    let server = TestServer::start();
    for n in 0..3 {
        server.register(&format!("user{n}"));
    }
    let exported = export(&server).replace("\"id\":3,", "\"id\":3000,");
    let other = TestServer::start();
    other.register("somebody");
    let refused = import_with(&other, &exported, Ids::Kept).unwrap_err().to_string();
    assert!(refused.contains("--renumber"), "{refused}");
    let dry = transfer::survey(other.app(), exported.as_bytes(), Ids::Kept, |_| ());
    assert_eq!(dry.unwrap_err().to_string(), refused);
    assert_eq!(export(&other).lines().count(), 1);

    let (done, said) = import_with(&other, &exported, Ids::Renumbered).unwrap();
    assert_eq!((counts(&done), said), ([3, 3, 0, 0, 0], vec![]));
    let ids = |server: &TestServer| -> Vec<i64> {
        let rows = server.sql().query("SELECT id FROM gatepost.users ORDER BY id", &[]).unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    };
    assert_eq!(ids(&other), [1, 2, 3, 4]);
    let (done, _) = import_with(&other, &exported, Ids::Renumbered).unwrap();
    assert_eq!(counts(&done), [3, 0, 3, 0, 0], "run again");

    let empty = TestServer::start();
    let dry = transfer::survey(empty.app(), exported.as_bytes(), Ids::Kept, |_| ()).unwrap();
    let (done, _) = import(&empty, &exported);
    assert_eq!((counts(&dry.outcome), counts(&done)), ([3, 3, 0, 0, 0], [3, 3, 0, 0, 0]));
    assert_eq!(ids(&empty), [1, 2, 3000]);
    assert_eq!(empty.register("next"), 3001);
}

#[test]
fn ids_ascend_on_all_lines_or_are_on_none() {
    let server = TestServer::start();
    let line = |id: &str, login: &str| {
        format!("{{{id}\"login\":\"{login}\",\"password_hash\":\"{HASH}\"}}\n")
    };
    let text = [
        line("\"id\":0,", "zero"),
        line("\"id\":5,", "five"),
        line("\"id\":5,", "same"),
        line("\"id\":4,", "before"),
        line("", "none"),
        line("\"id\":\"7\",", "text"),
        line("\"id\":9007199254740992,", "large"),
        line("\"id\":8,", "FIVE"),
        line("\"id\":9,", "nine"),
    ]
    .concat();
    let expected = [
        "1: id: must be a whole number from 1 to 9007199254740991",
        "3: login \"same\": id: must be greater than 5, the one before",
        "4: login \"before\": id: must be greater than 5, the one before",
        "5: login \"none\": id: is missing, and the lines before have one",
        "6: id: must be a whole number from 1 to 9007199254740991",
        "7: id: must be a whole number from 1 to 9007199254740991",
        "8: login \"FIVE\": this login, once normalised, belongs to another user",
    ];
    let (done, said) = import(&server, &text);
    assert_eq!((counts(&done), said), ([9, 2, 0, 0, 7], expected.map(str::to_owned).to_vec()));
    assert_eq!(server.register("next"), 10);

    let other = TestServer::start();
    let text = line("", "first") + &line("\"id\":1,", "second");
    let (done, said) = import(&other, &text);
    assert_eq!(counts(&done), [2, 1, 0, 0, 1]);
    assert_eq!(said, ["2: login \"second\": id: the lines before have none"]);
}

#[test]
fn an_import_with_ids_that_cannot_be_finished_leaves_nothing() {
    struct Broken<'a>(&'a [u8]);
    impl std::io::Read for Broken<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(std::io::Error::other("the disk is gone")),
                count => Ok(count),
            }
        }
    }
    let server = TestServer::start();
    let line =
        |n: usize| format!("{{\"id\":{n},\"login\":\"user{n}\",\"password_hash\":\"{HASH}\"}}\n");
    let text: String = (1..=2_500).map(line).collect();
    let source = std::io::BufReader::new(Broken(text.as_bytes()));
    let failed = transfer::import(server.app(), source, Ids::Kept, |_| ()).unwrap_err();
    assert!(failed.to_string().contains("the disk is gone"), "{failed}");
    assert_eq!(export(&server), "");
    let (done, _) = import(&server, &text);
    assert_eq!(counts(&done), [2_500, 2_500, 0, 0, 0]);
}

#[test]
fn ids_are_kept_by_the_owner_alone() {
    let server = TestServer::with(|config| config.database.owner_url = None);
    let line = format!("{{\"id\":7,\"login\":\"a\",\"password_hash\":\"{HASH}\"}}\n");
    for refused in [
        import_with(&server, &line, Ids::Kept).map(drop),
        transfer::survey(server.app(), line.as_bytes(), Ids::Kept, |_| ()).map(drop),
    ] {
        assert!(refused.unwrap_err().to_string().starts_with("database.owner_url: is not set"));
    }
    let (done, _) = import_with(&server, &line, Ids::Renumbered).unwrap();
    assert_eq!(counts(&done), [1, 1, 0, 0, 0]);
}

#[test]
fn an_import_that_is_run_again_passes_over_what_is_there_and_goes_on() {
    let server = TestServer::start();
    let line = |n: usize| {
        format!(
            "{{\"login\":\"user{n}\",\"password_hash\":\"{HASH}\",\
             \"created_at\":\"2020-01-01T00:00:00.{n:06}Z\"}}\n"
        )
    };
    let text: String = (0..2_500).map(line).collect();
    // Cut in the middle of a line, in the second batch.
    let cut: String = (0..1_499).map(line).collect::<String>() + "{\"login\":\"user1499\",\"pass";
    let (done, said) = import(&server, &cut);
    assert_eq!(counts(&done), [1_500, 1_499, 0, 0, 1]);
    assert!(said[0].starts_with("1500: ") && !said[0].contains(HASH), "{said:?}");
    let (done, said) = import(&server, &text);
    assert_eq!((counts(&done), said), ([2_500, 1_001, 1_499, 0, 0], vec![]));
    let (done, _) = import(&server, &text);
    assert_eq!(counts(&done), [2_500, 0, 2_500, 0, 0]);
    let order = "SELECT count(*) FROM (SELECT id, lag(created_at) OVER (ORDER BY id) < created_at
                 AS later FROM gatepost.users) t WHERE later = false";
    assert_eq!(server.sql().query_one(order, &[]).unwrap().get::<_, i64>(0), 0, "order of lines");
}

#[test]
fn who_has_changed_since_is_left_alone_and_named_with_what_differs() {
    let server = TestServer::start();
    import(&server, FLASK);
    assert_eq!(server.log_in("alice", "correct horse battery").status(), 200);
    let before = export(&server);
    let edited =
        FLASK.replace("\"login\": \"Bob Builder\"", "\"locked\": true, \"login\": \"Bob Builder\"");
    let (done, said) = import(&server, &edited);
    assert_eq!(counts(&done), [5, 0, 3, 2, 0]);
    assert_eq!(
        said,
        [
            "1: login \"alice\": already exists with another password_hash; it was not changed",
            "2: login \"Bob Builder\": already exists with another locked; it was not changed"
        ]
    );
    assert_eq!(export(&server), before);
}

#[test]
fn a_login_of_somebody_else_is_refused_whether_in_the_database_or_the_file() {
    let server = TestServer::start();
    server.register("Alice");
    let line = |login: &str, hash: &str| {
        format!("{{\"login\":\"{login}\",\"password_hash\":\"{hash}\"}}\n")
    };
    let other = HASH.replace("$04$", "$05$");
    let text = [
        line("alice", HASH),
        line("ALICE", HASH),
        line("bob", HASH),
        line("Bob", HASH),
        line("bob", &other),
        line("bob", HASH),
        line("carol", HASH),
    ]
    .concat();
    let before = hashes(&server);
    let mut dry = Vec::new();
    let survey = transfer::survey(server.app(), text.as_bytes(), Ids::Kept, |event| {
        if let ImportEvent::Refused(fault) = event {
            dry.push(fault.line);
        }
    });
    let survey = survey.unwrap();
    assert_eq!(hashes(&server), before, "a dry run changed something");
    let (done, said) = import(&server, &text);
    assert_eq!(counts(&done), [7, 2, 1, 0, 4]);
    assert_eq!(counts(&survey.outcome), counts(&done), "the dry run foretold something else");
    let lines: Vec<u64> =
        said.iter().map(|s| s.split(':').next().unwrap().parse().unwrap()).collect();
    assert_eq!((&lines, &dry), (&vec![1, 2, 4, 5], &vec![1, 2, 4, 5]));
    assert_eq!(hashes(&server)["Alice"], before["Alice"]);
}

#[test]
fn what_cannot_be_taken_is_named_with_line_and_cause_and_never_with_a_hash() {
    let server = TestServer::start();
    let secret = "C0rrectH0rse";
    let text = format!(
        "{{\"login\":\"a\",\"password_hash\":\"{secret}\"}}\n\
         {{\"login\":\"b\",\"password_hash\":\"$2b$15$kLHVlmjw5QSN3KzeuPzR8evy4GpDLVNIUzxBi.Mb1afWVTgSgJppG\"}}\n\
         {{\"login\":\"c\",\"password_hash\":\"$argon2id$v=19$m=262144,t=1,p=1$c29tZXNhbHQ$AFQeApHkE9rBoyI8+cqHXw\"}}\n\
         \n\
         {{\"login\":\"d\",\"password_hash\":\"{HASH}\",\"admin\":\"{secret}\"}}\n\
         {{\"login\":\"e\",\"password_hash\":\"{HASH}\",\"created_at\":\"{secret}\"}}\n\
         {{\"login\":\" f\",\"password_hash\":\"{HASH}\"}}\n\
         {{\"login\":\"g\"}}\n\
         {{\"login\":\"h\",\"password_hash\":\"{HASH}\",\"role\":\"x\"}}\n\
         {}\n\
         {{\"login\":\"i\",\"password_hash\":\"$pbkdf2-sha256$i=5,l=32,keyid=AAECAwQF$BwcHBwcHBwcHBwcHBwcHBw$CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk\"}}\n\
         {{\"login\":\"z\",\"password_hash\":\"{HASH}\"}}",
        "x".repeat(70_000)
    );
    let (done, said) = import(&server, &text);
    assert_eq!(counts(&done), [11, 1, 0, 0, 10]);
    for (said, cause) in said.iter().zip([
        "1: password_hash: not a supported kind",
        "2: password_hash: bcrypt cost=15 costs more than is accepted, at most cost=14",
        "3: password_hash: a hash of argon2id m=262144,t=1,p=1 needs 268435456 bytes",
        "5: admin: must be true or false",
        "6: created_at: must be a time as in RFC 3339",
        "7: login: must not begin or end with a space",
        "8: password_hash: is missing",
        "9: unknown field `role`",
        "10: is too long",
        "11: password_hash: a password hash is under the pepper with keyid AAECAwQF",
    ]) {
        assert!(said.starts_with(cause), "{said:?} does not begin with {cause:?}");
        assert!(!said.contains(secret) && !said.contains("kLHVlmjw"), "{said}");
    }
    assert_eq!(hashes(&server).len(), 1);
}

#[test]
fn locked_and_expired_users_stay_so() {
    let server = TestServer::start();
    let line = |login: &str, more: &str| {
        format!("{{\"login\":\"{login}\",\"password_hash\":\"{HASH}\",{more}}}\n")
    };
    let text = line("locked", "\"locked\":true")
        + &line("ended", "\"expires_at\":\"2020-01-01T00:00:00Z\"")
        + &line("lasting", "\"expires_at\":\"2120-01-01T00:00:00Z\",\"locked\":false");
    import(&server, &text);
    assert_ne!(server.log_in("locked", PASSWORD).status(), 200);
    assert_ne!(server.log_in("ended", PASSWORD).status(), 200);
    assert_eq!(server.log_in("lasting", PASSWORD).status(), 200);
}

/// The program on a database of a test server.
pub(crate) fn program(home: &Home, server: &TestServer, arguments: &[&str]) -> Command {
    let url = conninfo(&CLUSTER, "gatepost_app", APP_PASSWORD, &server.database);
    let mut command = home.command(arguments);
    command.env("GATEPOST_DATABASE_URL", url);
    command
}

#[test]
fn the_commands_import_survey_and_export() {
    let (home, server) = (Home::new(), TestServer::start());
    std::fs::write(home.path().join("users.ndjson"), FLASK).unwrap();
    let with =
        |arguments: &[&str], input: &str| run(&mut program(&home, &server, arguments), input);
    let text = success(&with(&["user", "import", "--dry-run", "users.ndjson"], ""));
    assert!(text.starts_with("5 lines: 5 would be imported, 0 there already"), "{text}");
    assert!(
        text.contains("bcrypt cost=12\t1 users\t") && text.contains("bcrypt cost=4\t4 users\t")
    );
    assert!(text.contains("first logins: "), "{text}");
    assert_eq!(success(&with(&["user", "export"], "")), "");
    let text = success(&with(&["user", "import", "users.ndjson"], ""));
    assert!(text.starts_with("5 lines: 5 imported, 0 there already"), "{text}");
    let exported = success(&with(&["user", "export"], ""));
    let text = failure(&with(&["user", "import", "-"], &exported), 1);
    assert!(text.starts_with("gatepost: -: has ids, which can be kept only where"), "{text}");
    let text = success(&with(&["user", "import", "--renumber", "-"], &exported));
    assert!(text.starts_with("5 lines: 0 imported, 5 there already"), "{text}");
    let output = with(&["user", "import", "-"], "{\"login\":\"x\"}\n");
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        errors,
        "-:1: password_hash: is missing\ngatepost: -: 1 line(s) refused, each named above\n"
    );
    let text = failure(&with(&["user", "import", "missing.ndjson"], ""), 1);
    assert!(text.starts_with("gatepost: missing.ndjson: "), "{text}");
}

#[test]
fn the_command_builds_a_list_that_the_service_refuses_passwords_by() {
    let (home, server) = (Home::new(), TestServer::start());
    let file = |name: &str| home.path().join(name).display().to_string();
    std::fs::write(file("plain"), "tr0ub4dor and 3\n").unwrap();
    // The SHA-1 of `password`, and of `abc` once.
    let hashes = "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:42\n\
                  A9993E364706816ABA3E25717850C26C9CD0D89D:1\n";
    std::fs::write(file("hashes"), hashes).unwrap();
    let arguments = ["passwords", "build-list", "--output", "list", "--min-count", "2"];
    let arguments: Vec<&str> = arguments.into_iter().chain(["plain", "hashes"]).collect();
    let text = success(&home.run(&arguments, ""));
    assert_eq!(text, "list: 2 passwords of 3 lines\n");
    let create = |password: &str| {
        let mut command = program(&home, &server, &["user", "create", "alice"]);
        run(command.env("GATEPOST_PASSWORDS_BREACH_LIST", file("list")), password)
    };
    let text = failure(&create("tr0ub4dor and 3"), 1);
    assert!(text.contains("appeared in a data breach"), "{text}");
    success(&create(PASSWORD));
}

/// A hash of ours of [`PASSWORD`] that costs a little more than an import takes.
const COSTLY_OWN: &str = "$pbkdf2-sha256$i=2500001,l=32$\
    c2l4dGVlbiBieXRlcyBvZg$/5Z8TCQwkMXwJJgKGgrZ7p7LYaT01drQWE0J4EmAEuQ";

/// The same of another service.
const COSTLY_FOREIGN: &str = "pbkdf2_sha1$5000001$saltsaltsalt$lQu/33oIjQcvdYpOBt+4WHpV3ZY=";

#[test]
fn a_hash_that_costs_more_than_the_bound_is_not_imported() {
    let server = TestServer::start();
    let sha = |length: usize| "A".repeat(length);
    let hashes = [
        COSTLY_OWN.to_owned(),
        COSTLY_FOREIGN.to_owned(),
        format!("$pbkdf2-sha256$2500001$c2FsdHNhbHQ${}", sha(43)),
        format!("$pbkdf2-sha512$1666667$c2FsdHNhbHQ${}", sha(86)),
        format!("$scrypt$ln=19,r=8,p=2$c2FsdHNhbHQ${}", sha(43)),
    ];
    let lines =
        hashes.map(|hash| format!("{{\"login\":\"alice\",\"password_hash\":\"{hash}\"}}\n"));
    let (done, said) = import(&server, &lines.concat());
    assert_eq!(counts(&done), [5, 0, 0, 0, 5], "{said:?}");
    for (said, most) in said.iter().zip([
        "Gatepost's own i=2500001 costs more than is accepted, at most 2500000 iterations",
        "pbkdf2-sha1 i=5000001 costs more than is accepted, at most 5000000 iterations",
        "pbkdf2-sha256 i=2500001 costs more than is accepted, at most 2500000 iterations",
        "pbkdf2-sha512 i=1666667 costs more than is accepted, at most 1666666 iterations",
        "scrypt ln=19,r=8,p=2 costs more than is accepted, at most 512 MiB written (128 N r p)",
    ]) {
        assert!(said.ends_with(&format!("password_hash: {most}")), "{said}");
    }
    // The wrong passwords that such a hash would be tried with are never computed.
    problem(server.log_in("alice", "wrong password"), 400, "invalid_credentials");
}

#[test]
fn a_stored_hash_above_the_bound_lets_its_user_in_and_is_replaced() {
    let server = TestServer::start();
    server.register("alice");
    for hash in [COSTLY_OWN, COSTLY_FOREIGN] {
        let sql = "UPDATE gatepost.users SET password_hash = $1";
        server.sql().execute(sql, &[&hash]).unwrap();
        assert_eq!(server.log_in("alice", PASSWORD).status(), 200, "{hash}");
        let after = &hashes(&server)["alice"];
        assert!(after.starts_with("$pbkdf2-sha256$i=1000,l=32$"), "{after}");
    }
}
