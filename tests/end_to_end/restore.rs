//! A database that was set back: what is said, and what `gatepost database after-restore` does.

use crate::keys::header;
use crate::support::program::{Home, Running, failure, run, success};
use crate::support::{
    APP_PASSWORD, CLUSTER, OWNER_PASSWORD, PASSWORD, TestServer, Tokens, client, config, conninfo,
    new_database, problem,
};
use gatepost::api_keys::{ApiKeyName, ApiKeyRef, Scopes};
use gatepost::domain::Login;
use gatepost::passwords::Password;
use gatepost::secret::Secret;
use gatepost::{App, Caller, Error, audit};
use reqwest::blocking::Response;
use serde_json::{Value, json};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// Runs one of PostgreSQL's programs on a database as its owner, as `docs/backup.md` does.
fn postgres(program: &str, database: &str, arguments: &[&str]) {
    let output = Command::new(CLUSTER.bin().join(program))
        .env("PGPASSWORD", OWNER_PASSWORD)
        .args(["-h", CLUSTER.dir().to_str().unwrap(), "-p", &CLUSTER.socket_port().to_string()])
        .args(["-U", "gatepost_owner", "-d", database])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A backup of a database.
struct Dump(tempfile::NamedTempFile);

impl Dump {
    fn of(database: &str) -> Self {
        // As `gatepost database create` makes it.
        let mut admin = CLUSTER.admin("postgres").connect(postgres::NoTls).unwrap();
        let owner = format!("ALTER DATABASE {database} OWNER TO gatepost_owner");
        admin.batch_execute(&owner).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        postgres("pg_dump", database, &["-Fc", "-n", "gatepost", "-f", path]);
        Self(file)
    }

    fn restore(&self, database: &str) {
        let path = self.0.path().to_str().unwrap();
        let arguments = ["--clean", "--if-exists", "--exit-on-error", "--single-transaction"];
        postgres("pg_restore", database, &[&arguments[..], &[path]].concat());
    }
}

/// The program on a database of the shared cluster.
fn command(home: &Home, database: &str, arguments: &[&str]) -> Command {
    let mut command = home.command(arguments);
    let url = |role, password| conninfo(&CLUSTER, role, password, database);
    command.env("GATEPOST_DATABASE_URL", url("gatepost_app", APP_PASSWORD));
    command.env("GATEPOST_DATABASE_OWNER_URL", url("gatepost_owner", OWNER_PASSWORD));
    command
}

fn after_restore(database: &str) -> Output {
    run(&mut command(&Home::new(), database, &["database", "after-restore"]), "")
}

fn count(database: &str, sql: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM gatepost.{sql}");
    let mut client = CLUSTER.admin(database).connect(postgres::NoTls).unwrap();
    client.query_one(&sql, &[]).unwrap().get(0)
}

/// A service as a process, whose log can be read.
struct Process {
    running: Running,
    database: String,
}

impl Process {
    fn start() -> Self {
        let database = new_database();
        let running = Running::start(&mut command(&Home::new(), &database, &["serve"]));
        Self { running, database }
    }

    fn post(&self, target: &str, body: &Value) -> Response {
        client().post(format!("{}{target}", self.running.url)).json(body).send().unwrap()
    }

    fn register(&self, login: &str) {
        let body = json!({"login": login, "password": PASSWORD});
        assert_eq!(self.post("/user", &body).status(), 201);
    }

    fn tokens(&self, login: &str) -> Tokens {
        Tokens::of(self.post("/", &json!({"login": login, "password": PASSWORD})))
    }

    fn refresh(&self, token: &str) -> Response {
        self.post("/token", &json!({"refresh_token": token}))
    }

    /// How often the log has said it so far.
    fn said(&self) -> usize {
        self.running.log().matches("the database was set back").count()
    }

    fn count(&self, sql: &str) -> i64 {
        count(&self.database, sql)
    }

    /// Waits until all rows of the audit log are sealed, and this service has seen the seals.
    fn wait_until_sealed(&self) {
        let begin = Instant::now();
        let sealed =
            "SELECT coalesce(sum(length(rows)), 0) / 8 = (SELECT count(*) FROM gatepost.audit)
                      FROM gatepost.audit_seals";
        let mut client = CLUSTER.admin(&self.database).connect(postgres::NoTls).unwrap();
        while !client.query_one(sealed, &[]).unwrap().get::<_, bool>(0) {
            assert!(begin.elapsed() < Duration::from_secs(20), "the audit log is not sealed");
            std::thread::sleep(Duration::from_millis(50));
        }
        // It looks again each second for some seconds after a row.
        std::thread::sleep(Duration::from_millis(2_500));
    }
}

#[test]
fn what_a_restored_backup_brings_back_is_over_after_the_command() {
    let server = TestServer::start();
    let (alice, app) = (server.register("alice"), server.app());
    let name = ApiKeyName::parse("shop").unwrap();
    let scopes = Scopes::parse("users:read").unwrap();
    let (_, key) = gatepost::api_keys::create(app, &Caller::Trusted, &name, &scopes).unwrap();
    let before = server.tokens("alice");
    let dump = Dump::of(&server.database);
    // What the backup does not know of.
    server.log_out(&before.access, &json!({}));
    let lost = server.tokens("alice");
    let mallory = server.register("mallory");
    gatepost::api_keys::revoke(app, &Caller::Trusted, &ApiKeyRef::Name(name)).unwrap();
    problem(server.refresh(&before.refresh), 400, "invalid_grant");
    dump.restore(&server.database);
    // Without the command the session that was ended lives again.
    assert_eq!(server.get(&format!("/user?id={alice}"), &before.access).status(), 200);
    let output = after_restore(&server.database);
    let keys = success(&output);
    let words: Vec<&str> = keys.trim_end().split('\t').collect();
    assert_eq!((words.len(), words[0], words[1], words[2]), (6, "1", "shop", "users:read"));
    assert_eq!(words[5], "-", "{keys}");
    assert!(!keys.contains(key.expose()));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("all sessions have ended") && !text.contains("hs256"), "{text}");
    for tokens in [&before, &lost] {
        problem(server.refresh(&tokens.refresh), 400, "invalid_grant");
        let target = format!("/user?id={alice}");
        problem(server.get(&target, &tokens.access), 401, "unauthenticated");
    }
    // As it happens by itself every so often: the service takes the new keys up.
    server.app().reload_keys().unwrap();
    // No number is given again, so what was lost means nobody.
    let root = server.register_admin("root");
    assert!(root > mallory + 900_000, "{root}");
    let new = server.tokens("root");
    let sessions: i64 = count(&server.database, "sessions WHERE id > 1000000");
    assert_eq!((sessions, count(&server.database, "sessions WHERE ended_at IS NULL")), (1, 1));
    for tokens in [&before, &lost] {
        problem(server.refresh(&tokens.refresh), 400, "invalid_grant");
        problem(server.get(&format!("/user?id={root}"), &tokens.access), 401, "unauthenticated");
    }
    Tokens::of(server.refresh(&new.refresh));
    let revoked = "sessions WHERE id = 1 AND revoked_at > now() - interval '1 minute'";
    assert_eq!(count(&server.database, revoked), 1);
    let row = "audit WHERE action = 'after_restore' AND actor = 'operator' AND id > 1000000";
    assert_eq!(count(&server.database, row), 1);
    assert_eq!(count(&server.database, "audit WHERE action = 'replace_keys'"), 0);
    assert_eq!(audit::verify(server.app(), None).unwrap().findings, [""; 0]);
}

#[test]
fn the_command_can_be_run_again_and_moves_the_numbers_again() {
    let server = TestServer::start();
    server.register("alice");
    let last = |table: &str| -> i64 {
        let sql = format!("SELECT last_value FROM gatepost.{table}_id_seq");
        server.sql().query_one(&sql, &[]).unwrap().get(0)
    };
    let tables = ["users", "sessions", "api_keys", "audit"];
    let before = tables.map(last);
    success(&after_restore(&server.database));
    let once = tables.map(last);
    success(&after_restore(&server.database));
    for ((before, once), again) in before.iter().zip(once).zip(tables.map(last)) {
        assert!(once >= before + 1_000_000 && again >= once + 1_000_000, "{before} {once} {again}");
    }
    // A table whose sequence is behind it, as after a restore of its rows alone.
    let behind = "ALTER SEQUENCE gatepost.users_id_seq RESTART WITH 1;
                  UPDATE gatepost.users SET id = DEFAULT;
                  INSERT INTO gatepost.users (id, login, login_canonical, password_hash)
                  OVERRIDING SYSTEM VALUE VALUES (5000000, 'x', 'x', 'x');";
    server.sql().batch_execute(behind).unwrap();
    success(&after_restore(&server.database));
    assert!((6_000_000..7_000_000).contains(&last("users")));
    // A row of the service's own role, behind which no number is left.
    let planted = "INSERT INTO gatepost.sessions (id, user_id, key_generation, expires_at)
                   OVERRIDING SYSTEM VALUE
                   VALUES (9223372036854775807, 1, 1, now() + interval '1 day')";
    let url = conninfo(&CLUSTER, "gatepost_app", APP_PASSWORD, &server.database);
    let mut app = ::postgres::Client::connect(&url, ::postgres::NoTls).unwrap();
    app.batch_execute(planted).unwrap();
    success(&after_restore(&server.database));
    assert!(last("sessions") < 20_000_000, "{}", last("sessions"));
}

#[test]
fn without_the_role_that_owns_the_tables_the_command_changes_nothing_and_says_so() {
    let server = TestServer::start();
    server.register("alice");
    let tokens = server.tokens("alice");
    let home = Home::new();
    let mut command = command(&home, &server.database, &["database", "after-restore"]);
    let text = failure(&run(command.env_remove("GATEPOST_DATABASE_OWNER_URL"), ""), 1);
    assert!(text.contains("database.owner_url"), "{text}");
    Tokens::of(server.refresh(&tokens.refresh));
}

#[test]
fn with_hs256_the_command_ends_the_sessions_and_names_the_secret_that_stays() {
    let database = new_database();
    let home = Home::new();
    let secret = "a secret of HS256 that has 32 bytes or more";
    let hs256 = |arguments: &[&str]| {
        let mut command = command(&home, &database, arguments);
        command.env("GATEPOST_TOKENS_ALGORITHM", "HS256");
        command.env("GATEPOST_TOKENS_HS256_SECRET", secret);
        command
    };
    let mut settings = config(&database);
    settings.tokens.algorithm = gatepost::config::Algorithm::Hs256;
    settings.tokens.hs256_secret = Some(Secret::from(secret));
    let service = gatepost::Service::start(settings).unwrap();
    let server = TestServer { service, database: database.clone(), client: client() };
    let alice = server.register("alice");
    let tokens = server.tokens("alice");
    let output = run(&mut hs256(&["database", "after-restore"]), "");
    assert_eq!(success(&output), "");
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("tokens.hs256_secret") && !text.contains(secret), "{text}");
    problem(server.refresh(&tokens.refresh), 400, "invalid_grant");
    problem(server.get(&format!("/user?id={alice}"), &tokens.access), 401, "unauthenticated");
    server.app().reload_keys().unwrap();
    Tokens::of(server.refresh(&server.tokens("alice").refresh));
}

#[test]
fn on_the_private_postgresql_the_command_works_beside_a_service_and_alone() {
    let home = Home::new();
    let service = home.serve();
    let body = json!({"login": "alice", "password": PASSWORD});
    let post = |url: &str, body: &Value| client().post(url).json(body).send().unwrap();
    assert_eq!(post(&format!("{}/user", service.url), &body).status(), 201);
    success(&home.run(&["api-key", "create", "shop", "--scope", "register"], ""));
    let tokens = Tokens::of(post(&service.url, &body));
    let keys = success(&home.run(&["database", "after-restore"], ""));
    assert!(keys.starts_with("1\tshop\tregister\t20"), "{keys}");
    let refresh = json!({"refresh_token": tokens.refresh});
    problem(post(&format!("{}/token", service.url), &refresh), 400, "invalid_grant");
    let tokens = Tokens::of(post(&service.url, &body));
    let refresh = json!({"refresh_token": tokens.refresh});
    service.stop();
    home.wait_until_quiet();
    success(&home.run(&["database", "after-restore"], ""));
    home.wait_until_quiet();
    let service = home.serve();
    problem(post(&format!("{}/token", service.url), &refresh), 400, "invalid_grant");
    let log = service.stop();
    assert!(!log.contains("set back"), "{log}");
}

#[test]
fn a_refresh_token_ahead_of_its_session_is_told_as_a_database_that_was_set_back() {
    let process = Process::start();
    process.register("alice");
    let first = process.tokens("alice").refresh;
    let dump = Dump::of(&process.database);
    let second = Tokens::of(process.refresh(&first)).refresh;
    let third = Tokens::of(process.refresh(&second)).refresh;
    dump.restore(&process.database);
    problem(process.refresh(&third), 400, "invalid_grant");
    process.running.wait_for_log("gatepost database after-restore");
    // Once, whatever is shown by whomever; and nobody is called a thief.
    problem(process.refresh(&second), 400, "invalid_grant");
    for token in [&third, &second] {
        problem(process.refresh(token), 400, "invalid_grant");
    }
    assert_eq!(process.said(), 1, "{}", process.running.log());
    assert!(process.running.log().contains("ERROR") && !process.running.log().contains("retired"));
    assert_eq!(process.count("audit WHERE action = 'reuse_refresh_token'"), 0);
    let detail = "session 1 is at token 0, and there is a token 2 of it";
    assert_eq!(
        process.count(&format!("audit WHERE action = 'set_back' AND detail = '{detail}'")),
        1
    );
    assert_eq!(process.count("audit WHERE action = 'set_back'"), 1);
    assert_eq!(process.count("audit WHERE action = 'end_session' AND user_id = 1"), 1);
    // The token that the row took for the good one was retired long ago.
    problem(process.refresh(&first), 400, "invalid_grant");
    process.running.stop();
}

#[test]
fn an_instance_that_sees_it_was_set_back_reads_its_keys_at_once() {
    let database = new_database();
    let mut config = config(&database);
    config.tokens.key_publication = Duration::from_secs(1);
    let app = App::open(config).unwrap();
    let (login, password) = (Login::parse("alice").unwrap(), Password::parse(PASSWORD).unwrap());
    gatepost::users::register(&app, &Caller::Trusted, &login, &password).unwrap();
    let log_in = || gatepost::sessions::log_in(&app, &login, &password).unwrap();
    let key = || header(&log_in().access_token)["kid"].clone();
    let (first, before) = (log_in().refresh_token, key());
    let dump = Dump::of(&database);
    // Each time a key is made that the backup lacks, and long before the next regular reading a
    // token shows that it was restored.
    for time in ["first", "second"] {
        let ahead = gatepost::sessions::refresh(&app, &first).unwrap().refresh_token;
        gatepost::signing_keys::rotate(&app, &Caller::Trusted).unwrap();
        app.reload_keys().unwrap();
        std::thread::sleep(Duration::from_millis(1_100));
        assert_ne!(key(), before, "the {time} time");
        dump.restore(&database);
        assert_eq!(gatepost::sessions::refresh(&app, &ahead).err(), Some(Error::InvalidGrant));
        assert_eq!(key(), before, "the {time} time");
        dump.restore(&database);
    }
}

#[test]
fn a_token_of_a_session_that_never_began_is_told_too_and_one_that_is_over_is_not() {
    let process = Process::start();
    process.register("alice");
    let dump = Dump::of(&process.database);
    let lost = process.tokens("alice").refresh;
    let swept = process.tokens("alice").refresh;
    let mut sql = CLUSTER.admin(&process.database).connect(postgres::NoTls).unwrap();
    sql.batch_execute("DELETE FROM gatepost.sessions").unwrap();
    problem(process.refresh(&swept), 400, "invalid_grant");
    assert_eq!(process.said(), 0);
    dump.restore(&process.database);
    for _ in 0..3 {
        problem(process.refresh(&lost), 400, "invalid_grant");
    }
    process.running.wait_for_log("session 1, which never began");
    assert_eq!((process.said(), process.count("audit WHERE action = 'set_back'")), (1, 1));
    process.running.stop();
}

#[test]
fn a_token_that_is_only_asked_about_or_taken_back_tells_it_too() {
    let server = TestServer::start();
    server.register("alice");
    let first = server.tokens("alice").refresh;
    let dump = Dump::of(&server.database);
    let second = Tokens::of(server.refresh(&first)).refresh;
    dump.restore(&server.database);
    assert_eq!(
        gatepost::introspection::introspect(server.app(), &Caller::Trusted, &second),
        Ok(None)
    );
    assert_eq!(count(&server.database, "audit WHERE action = 'set_back'"), 1);
    gatepost::introspection::revoke(server.app(), &second).unwrap();
    assert_eq!(count(&server.database, "audit WHERE action = 'set_back'"), 1);
    assert_eq!(count(&server.database, "sessions WHERE ended_at IS NULL"), 0);
}

#[test]
fn a_running_service_misses_the_end_of_the_audit_log_that_it_has_seen() {
    let process = Process::start();
    process.register("alice");
    process.wait_until_sealed();
    let dump = Dump::of(&process.database);
    process.tokens("alice");
    process.wait_until_sealed();
    assert_eq!(process.said(), 0);
    dump.restore(&process.database);
    process.register("bob");
    process.running.wait_for_log("gatepost database after-restore");
    process.wait_until_sealed();
    assert_eq!((process.said(), process.count("audit WHERE action = 'set_back'")), (1, 1));
    // It is no finding: what is there is a whole log.
    let database = process.database.clone();
    let verify = run(&mut command(&Home::new(), &database, &["audit", "verify"]), "");
    assert!(success(&verify).contains("as they were written"));
    process.running.stop();
}

#[test]
fn after_the_command_an_instance_that_has_seen_more_says_nothing() {
    let database = new_database();
    let app = App::open(config(&database)).unwrap();
    let (login, password) = (Login::parse("alice").unwrap(), Password::parse(PASSWORD).unwrap());
    gatepost::users::register(&app, &Caller::Trusted, &login, &password).unwrap();
    let dump = Dump::of(&database);
    let lost = gatepost::sessions::log_in(&app, &login, &password).unwrap().refresh_token;
    // Seals it, and then sees the seal.
    (0..2).for_each(|_| drop(audit::head(&app).unwrap()));
    dump.restore(&database);
    success(&after_restore(&database));
    audit::head(&app).unwrap();
    assert_eq!(gatepost::sessions::refresh(&app, &lost).err(), Some(Error::InvalidGrant));
    assert_eq!(count(&database, "audit WHERE action = 'set_back'"), 0);
    // The same backup once more, without the command.
    dump.restore(&database);
    (0..2).for_each(|_| drop(audit::head(&app).unwrap()));
    assert_eq!(count(&database, "audit WHERE action = 'set_back'"), 1);
    assert_eq!(audit::verify(&app, None).unwrap().findings, [""; 0]);
}
