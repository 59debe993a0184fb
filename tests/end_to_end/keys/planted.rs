//! Rows of keys that somebody else wrote, changed, damaged or brought back.

use super::{SECRET, encrypted, header, jwks};
use crate::support::embedded;
use crate::support::program::{Home, failure, run, success};
use crate::support::{
    APP_PASSWORD, CLUSTER, PASSWORD, TestServer, Tokens, client, conninfo, new_database, problem,
};
use crate::times::drop_checks;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatepost::{App, Service, audit};
use postgres::NoTls;
use ring::digest::{SHA256, digest};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use std::process::{Command, Output};
use std::time::Duration;

/// A key that an attacker has made, with whom it would be found.
struct Own {
    pair: Ed25519KeyPair,
    kid: String,
}

/// The private half of [`Own`], as it lies in a row that is not sealed.
const SEED: [u8; 32] = [7; 32];

impl Own {
    fn new() -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&SEED).unwrap();
        let hash = digest(&SHA256, pair.public_key().as_ref());
        let kid = URL_SAFE_NO_PAD.encode(&hash.as_ref()[..12]);
        Self { pair, kid }
    }

    /// The claims of a token, signed with this key.
    fn forge(&self, token: &str) -> String {
        let payload = token.split('.').nth(1).unwrap();
        let head = json!({"typ": "at+jwt", "alg": "EdDSA", "kid": self.kid}).to_string();
        let message = format!("{}.{payload}", URL_SAFE_NO_PAD.encode(head));
        let signature = self.pair.sign(message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// A service with an encryption key, and what can be done to its database.
struct Place {
    home: Home,
    server: TestServer,
}

impl Place {
    fn new() -> Self {
        Self::with(Some(SECRET))
    }

    fn with(key: Option<&str>) -> Self {
        let database = new_database();
        let service = Service::start(encrypted(&database, key, None)).unwrap();
        Self { home: Home::new(), server: TestServer { service, database, client: client() } }
    }

    fn database(&self) -> &str {
        &self.server.database
    }

    /// Opens what a command or a service would.
    fn open(&self) -> gatepost::Result<App> {
        let key = self.server.app().config().encryption.key.as_ref();
        App::open(encrypted(self.database(), key.map(gatepost::secret::Secret::expose), None))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        command(&self.home, self.database(), arguments)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        run(&mut self.command(arguments), "")
    }

    /// A connection as the role of the service, which an attacker may have taken over.
    fn as_the_service(&self) -> postgres::Client {
        let url = conninfo(&CLUSTER, "gatepost_app", APP_PASSWORD, self.database());
        postgres::Client::connect(&url, NoTls).unwrap()
    }

    fn kids(&self) -> Vec<String> {
        let keys = jwks(&self.server.url(""));
        keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    }
}

/// The program with the encryption key, on this database.
fn command(home: &Home, database: &str, arguments: &[&str]) -> Command {
    let mut command = home.command(arguments);
    command
        .env("GATEPOST_DATABASE_URL", conninfo(&CLUSTER, "gatepost_app", APP_PASSWORD, database))
        .env("GATEPOST_ENCRYPTION_KEY", SECRET)
        .env("GATEPOST_PASSWORDS_ITERATIONS", "1000");
    command
}

/// A plain key that signs from now on.
fn plant_plain(sql: &mut postgres::Client, own: &Own) {
    let plant = "INSERT INTO gatepost.signing_keys
                     (generation, kid, algorithm, private_key, public_key, signs_from)
                 VALUES (2, $1, 'EdDSA', $2, $3, now())";
    let public = own.pair.public_key().as_ref();
    sql.execute(plant, &[&own.kid, &SEED.as_slice(), &public]).unwrap();
}

#[test]
fn a_plain_key_planted_by_the_service_s_own_role_is_neither_used_nor_published() {
    let (place, own) = (Place::new(), Own::new());
    place.server.register("alice");
    let kids = place.kids();
    plant_plain(&mut place.as_the_service(), &own);
    drop(place.server.app().reload_keys());
    assert_eq!(place.kids(), kids);
    assert_eq!(header(&place.server.token("alice"))["kid"], kids[0]);

    // Nothing that needs the keys begins; what shows and mends them does.
    for arguments in [&["serve"] as &[&str], &["user", "list"], &["audit", "verify"]] {
        let text = failure(&place.run(arguments), 1);
        assert!(
            text.contains("gatepost signing-key reencrypt") && text.contains(&own.kid),
            "{text}"
        );
    }
    let list = success(&place.run(&["signing-key", "list"]));
    let line = list.lines().find(|line| line.contains(&own.kid)).unwrap();
    assert!(line.contains("\tplain"), "{list}");
    let text = failure(&place.run(&["signing-key", "reencrypt"]), 1);
    assert!(text.contains("planted or restored") && text.contains(&own.kid), "{text}");
    assert!(text.contains("gatepost signing-key rotate --compromised"), "{text}");
    success(&place.run(&["signing-key", "rotate", "--compromised"]));
    place.open().unwrap();
    let list = success(&place.run(&["signing-key", "list"]));
    assert!(list.lines().count() == 1 && !list.contains(&own.kid), "{list}");
}

#[test]
fn a_public_key_planted_by_the_service_s_own_role_verifies_nothing() {
    let (place, own) = (Place::new(), Own::new());
    let id = place.server.register("alice");
    let token = place.server.token("alice");
    let plant = "INSERT INTO gatepost.signing_keys
                     (generation, kid, algorithm, public_key, signs_from)
                 VALUES (0, $1, 'EdDSA', $2, now() - interval '1 minute')";
    let public = own.pair.public_key().as_ref();
    place.as_the_service().execute(plant, &[&own.kid, &public]).unwrap();
    place.server.app().reload_keys().unwrap();
    let restarted = Service::start(encrypted(place.database(), Some(SECRET), None)).unwrap();
    let restarted =
        TestServer { service: restarted, database: place.database().to_owned(), client: client() };
    for server in [&place.server, &restarted] {
        let target = format!("/user?id={id}");
        assert_eq!(server.get(&target, &token).status(), 200);
        problem(server.get(&target, &own.forge(&token)), 401, "unauthenticated");
        assert_eq!(jwks(&server.url("")).len(), 1);
    }
    let list = success(&place.run(&["signing-key", "list"]));
    assert!(list.contains(&format!("{}\tEdDSA\tunusable", own.kid)), "{list}");
}

#[test]
fn a_key_whose_row_says_something_else_than_was_written_is_not_used() {
    for change in [
        "kid = 'another'",
        "algorithm = 'ES256'",
        "generation = 7",
        "public_key = sha256(public_key)",
        "public_key = NULL",
        "signs_from = signs_from - interval '1 hour'",
        "private_key = NULL, sealed_with = NULL",
        "private_key = set_byte(private_key, 30, get_byte(private_key, 30) # 1)",
        "private_key = decode(repeat('07', 32), 'hex'), sealed_with = NULL",
    ] {
        let place = Place::new();
        let kids = place.kids();
        let change = format!("UPDATE gatepost.signing_keys SET {change}");
        place.as_the_service().execute(&change, &[]).unwrap();
        let restarted = place.open().unwrap();
        let keys = gatepost::signing_keys::list(&restarted, &gatepost::Caller::Trusted).unwrap();
        assert_eq!(keys.len(), 2, "{change}");
        place.server.app().reload_keys().unwrap();
        let now = place.kids();
        assert!(now.len() == 1 && now != kids, "{change}: {now:?}");
    }
    for change in ["used_from = used_from - interval '1 hour'", "generation = 7"] {
        let place = Place::new();
        place.server.register("alice");
        let tokens = place.server.tokens("alice");
        let change = format!("UPDATE gatepost.refresh_keys SET {change}");
        place.as_the_service().execute(&change, &[]).unwrap();
        place.server.app().reload_keys().unwrap();
        problem(place.server.refresh(&tokens.refresh), 400, "invalid_grant");
        Tokens::of(place.server.refresh(&place.server.tokens("alice").refresh));
    }
}

#[test]
fn a_key_that_was_replaced_because_it_leaked_stays_dead_when_its_row_is_copied_back() {
    let place = Place::new();
    let id = place.server.register("alice");
    let tokens = place.server.tokens("alice");
    let mut sql = place.server.sql();
    sql.batch_execute(
        "CREATE TABLE kept_signing AS TABLE gatepost.signing_keys;
         CREATE TABLE kept_refresh AS TABLE gatepost.refresh_keys",
    )
    .unwrap();
    let old = place.kids();
    gatepost::signing_keys::replace(place.server.app()).unwrap();
    let back = "INSERT INTO gatepost.signing_keys SELECT * FROM kept_signing;
                INSERT INTO gatepost.refresh_keys SELECT * FROM kept_refresh;
                UPDATE gatepost.sessions SET ended_at = NULL, revoked_at = NULL,
                                             expires_at = now() + interval '1 day'";
    let is_dead = |server: &TestServer, what: &str| {
        let response = server.get(&format!("/user?id={id}"), &tokens.access);
        assert_eq!(response.status(), 401, "{what}");
        problem(server.refresh(&tokens.refresh), 400, "invalid_grant");
        assert!(jwks(&server.url("")).iter().all(|key| key["kid"] != old[0]), "{what}");
    };
    let restart = || TestServer {
        service: Service::start(encrypted(place.database(), Some(SECRET), None)).unwrap(),
        database: place.database().to_owned(),
        client: client(),
    };
    sql.batch_execute(back).unwrap();
    place.server.app().reload_keys().unwrap();
    is_dead(&place.server, "copied back beside the new one");
    is_dead(&restart(), "copied back, restarted");
    sql.batch_execute("DELETE FROM gatepost.signing_keys; DELETE FROM gatepost.refresh_keys")
        .unwrap();
    sql.batch_execute(back).unwrap();
    place.server.app().reload_keys().unwrap();
    is_dead(&place.server, "in the place of the new one");
    is_dead(&restart(), "in the place of the new one, restarted");
    // The service's own role cannot lower what is acceptable.
    let mut app = place.as_the_service();
    for change in ["DELETE FROM gatepost.key_floors", "UPDATE gatepost.key_floors SET signing = 0"]
    {
        let error = app.batch_execute(change).unwrap_err();
        assert_eq!(error.code().unwrap().code(), "42501", "{change}");
    }
    // A superuser can, and a service that runs remembers it all the same.
    sql.batch_execute("TRUNCATE gatepost.key_floors, gatepost.signing_keys, gatepost.refresh_keys")
        .unwrap();
    sql.batch_execute(back).unwrap();
    drop(place.server.app().reload_keys());
    is_dead(&place.server, "with an earlier floor, beside a service that runs");
}

/// What can be wrong with a row, as SQL that plants it; by whom.
const MALFORMED: [(&str, &str); 14] = [
    ("service", "algorithm = 'RS256'"),
    ("service", "algorithm = '', kid = E'\\033[31m\\nred'"),
    ("service", "private_key = '\\x0102030405'"),
    ("service", "private_key = '\\x0102030405', sealed_with = NULL, public_key = NULL"),
    ("service", "private_key = NULL, public_key = NULL"),
    ("service", "public_key = ''"),
    ("service", "sealed_with = 'nobody'"),
    ("service", "generation = 9223372036854775807"),
    ("service", "generation = -9223372036854775808, kid = ''"),
    // The greatest that is one: behind it there is none.
    ("service", "generation = 35184372088832"),
    ("service", "signs_from = 'infinity'"),
    ("service", "signs_from = '-infinity'"),
    ("superuser", "kid = NULL"),
    ("superuser", "algorithm = NULL, signs_from = NULL, kid = 'x'"),
];

fn plant_malformed(place: &Place, (by, what): (&str, &str)) {
    if what.contains("infinity") {
        drop_checks(&mut place.server.sql());
    }
    let mut sql = if by == "service" { place.as_the_service() } else { place.server.sql() };
    if by == "superuser" {
        sql.batch_execute(
            "ALTER TABLE gatepost.signing_keys ALTER kid DROP NOT NULL,
                 ALTER algorithm DROP NOT NULL, ALTER signs_from DROP NOT NULL",
        )
        .unwrap();
    }
    let insert = "INSERT INTO gatepost.signing_keys
                      (generation, kid, algorithm, private_key, sealed_with, public_key, signs_from)
                  SELECT 77, 'planted', algorithm, private_key, sealed_with, public_key,
                         signs_from - interval '1 minute' FROM gatepost.signing_keys LIMIT 1";
    sql.batch_execute(insert).unwrap();
    let change = format!("UPDATE gatepost.signing_keys SET {what} WHERE generation = 77");
    sql.batch_execute(&change).unwrap();
}

#[test]
fn a_malformed_row_stops_nothing_and_the_cure_removes_it() {
    for key in [Some(SECRET), None] {
        for malformed in MALFORMED {
            let what = malformed.1;
            let place = Place::with(key);
            let id = place.server.register("alice");
            let token = place.server.token("alice");
            plant_malformed(&place, malformed);
            assert_eq!(place.server.app().reload_keys(), Ok(()), "{what}");
            let shown = place.server.get(&format!("/user?id={id}"), &token);
            assert_eq!(shown.status(), 200, "{what}");
            let app = place.open().unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(
                gatepost::signing_keys::list(&app, &gatepost::Caller::Trusted).unwrap().len(),
                2,
                "{what}"
            );
            audit::head(&app).unwrap();
            assert_eq!(audit::verify(&app, None).unwrap().findings, [""; 0], "{what}");
            gatepost::signing_keys::rotate(&app, &gatepost::Caller::Trusted).unwrap();
            let new = gatepost::signing_keys::replace(&app).unwrap();
            assert_eq!(
                gatepost::signing_keys::list(&app, &gatepost::Caller::Trusted).unwrap(),
                [new],
                "{what}"
            );
        }
    }
}

#[test]
fn a_malformed_row_of_a_refresh_key_stops_nothing() {
    for what in [
        "secret = ''",
        "secret = '\\x01', sealed_with = 'nobody'",
        "generation = 9223372036854775807",
        "used_from = 'infinity'",
        "used_from = '-infinity'",
    ] {
        for key in [Some(SECRET), None] {
            let place = Place::with(key);
            place.server.register("alice");
            let tokens = place.server.tokens("alice");
            let insert = "INSERT INTO gatepost.refresh_keys
                              (generation, secret, sealed_with, used_from)
                          SELECT 77, secret, sealed_with, used_from FROM gatepost.refresh_keys";
            let change = format!("UPDATE gatepost.refresh_keys SET {what} WHERE generation = 77");
            if what.contains("infinity") {
                drop_checks(&mut place.server.sql());
            }
            let mut sql = place.as_the_service();
            sql.batch_execute(&format!("{insert}; {change}")).unwrap();
            assert_eq!(place.server.app().reload_keys(), Ok(()), "{what}");
            Tokens::of(place.server.refresh(&tokens.refresh));
            let app = place.open().unwrap_or_else(|error| panic!("{what}: {error}"));
            gatepost::signing_keys::replace(&app).unwrap();
            let sql = "SELECT count(*) FROM gatepost.refresh_keys";
            let left: i64 = place.server.sql().query_one(sql, &[]).unwrap().get(0);
            assert_eq!(left, 1, "{what}");
        }
    }
}

#[test]
fn a_malformed_row_is_named_and_its_name_is_escaped() {
    let place = Place::new();
    place.server.register("alice");
    plant_malformed(&place, ("service", "kid = E'\\033[31m\\nred', generation = 1234"));
    let text = success(&place.run(&["signing-key", "list"]));
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(!text.contains('\x1b') && text.contains("1234") && text.contains("red"), "{text}");
    let output = place.run(&["user", "lock", "alice"]);
    success(&output);
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(log.contains("signing key 1234") && log.contains("red"), "{log}");
    assert!(!log.contains("[31m\n") && !log.contains("\x1b[31m\\n"), "{log}");
    success(&place.run(&["audit", "verify"]));
    success(&place.run(&["signing-key", "rotate", "--compromised"]));
    assert_eq!(success(&place.run(&["signing-key", "list"])).lines().count(), 1);
}

#[test]
fn a_running_service_keeps_its_keys_beside_a_plain_row_and_says_so_once() {
    let (home, database) = (Home::new(), new_database());
    let command = command(&home, &database, &["serve"]);
    let service = embedded::start(&command, &[("KEY_CHECK_INTERVAL", "1000")]);
    let before = jwks(&service.url);
    let post = |target: &str| {
        let body = json!({"login": "alice", "password": PASSWORD});
        client().post(format!("{}{target}", service.url)).json(&body).send().unwrap()
    };
    assert_eq!(post("/user").status(), 201);
    let mut sql = CLUSTER.admin(&database).connect(NoTls).unwrap();
    plant_plain(&mut sql, &Own::new());
    service.wait_for_log("gatepost signing-key reencrypt");
    std::thread::sleep(Duration::from_millis(2_500));
    assert_eq!(
        service.log().matches("gatepost signing-key reencrypt").count(),
        1,
        "{}",
        service.log()
    );
    assert_eq!(jwks(&service.url), before);
    let token = post("/").json::<Value>().unwrap()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(header(&token)["kid"], before[0]["kid"]);
    sql.execute("DELETE FROM gatepost.signing_keys WHERE generation = 2", &[]).unwrap();
    service.wait_for_log("all keys in the database are usable again");
}

/// Copies the rows of a table between databases.
fn copy(from: &mut postgres::Client, to: &mut postgres::Client, table: &str) {
    use std::io::{Read, Write};
    let mut rows = Vec::new();
    let out = format!("COPY gatepost.{table} TO STDOUT (FORMAT binary)");
    from.copy_out(&out).unwrap().read_to_end(&mut rows).unwrap();
    to.batch_execute(&format!("DELETE FROM gatepost.{table}")).unwrap();
    let mut writer =
        to.copy_in(&format!("COPY gatepost.{table} FROM STDIN (FORMAT binary)")).unwrap();
    writer.write_all(&rows).unwrap();
    writer.finish().unwrap();
}

#[test]
fn an_audit_log_rewritten_under_a_plain_root_secret_does_not_verify() {
    let place = Place::new();
    place.server.register("alice");
    audit::head(place.server.app()).unwrap();
    success(&place.run(&["audit", "verify"]));
    // Another log, made under a secret that its author knows.
    let forger = TestServer::start();
    forger.register("mallory");
    audit::head(forger.app()).unwrap();
    let (mut from, mut to) = (forger.sql(), place.server.sql());
    for table in ["server_secrets", "audit", "audit_seals"] {
        copy(&mut from, &mut to, table);
    }
    for arguments in [&["audit", "verify"] as &[&str], &["serve"], &["user", "list"]] {
        let text = failure(&place.run(arguments), 1);
        assert!(text.contains("root secret") && text.contains("signing-key reencrypt"), "{text}");
    }
    let text = failure(&place.run(&["signing-key", "reencrypt"]), 1);
    assert!(text.contains("planted or restored") && text.contains("root secret"), "{text}");
    // Nor does a service that runs write on under it, or draw another.
    drop(place.server.app().reload_keys());
    let sql = "SELECT sealed_with IS NULL FROM gatepost.server_secrets WHERE name = 'root'";
    assert!(to.query_one(sql, &[]).unwrap().get::<_, bool>(0));
}

/// What an earlier release has left: sealed keys that nothing vouches for.
const BEFORE_CODES: &str = "UPDATE gatepost.signing_keys SET mac = NULL;
                            UPDATE gatepost.refresh_keys SET mac = NULL;
                            TRUNCATE gatepost.key_floors";

#[test]
fn keys_that_an_earlier_release_has_sealed_are_taken_over_once() {
    let (place, own) = (Place::new(), Own::new());
    let id = place.server.register("alice");
    let tokens = place.server.tokens("alice");
    let kid = place.kids().remove(0);
    let mut sql = place.server.sql();
    sql.batch_execute(BEFORE_CODES).unwrap();
    // A public key beside them may be anybody's.
    let plant = "INSERT INTO gatepost.signing_keys
                     (generation, kid, algorithm, public_key, signs_from)
                 VALUES (0, $1, 'EdDSA', $2, now() - interval '1 minute')";
    sql.execute(plant, &[&own.kid, &own.pair.public_key().as_ref()]).unwrap();
    let text = failure(&place.run(&["serve"]), 1);
    assert!(text.contains("gatepost signing-key reencrypt") && text.contains(&kid), "{text}");
    assert!(text.contains("what an earlier release has encrypted"), "{text}");
    let text = success(&place.run(&["signing-key", "reencrypt"]));
    assert!(text.contains(&format!("signing key {kid}\n")), "{text}");
    assert!(text.contains(&own.kid) && text.contains("removed"), "{text}");
    let restarted = TestServer {
        service: Service::start(encrypted(place.database(), Some(SECRET), None)).unwrap(),
        database: place.database().to_owned(),
        client: client(),
    };
    assert_eq!(restarted.get(&format!("/user?id={id}"), &tokens.access).status(), 200);
    Tokens::of(restarted.refresh(&tokens.refresh));
    problem(
        restarted.get(&format!("/user?id={id}"), &own.forge(&tokens.access)),
        401,
        "unauthenticated",
    );
    assert_eq!(success(&place.run(&["signing-key", "reencrypt"])), "nothing to do\n");
    // From then on, a row without a code has lost it, which the service's own role can do.
    let mut app = place.as_the_service();
    app.batch_execute("UPDATE gatepost.signing_keys SET mac = NULL").unwrap();
    assert_eq!(success(&place.run(&["signing-key", "reencrypt"])), "nothing to do\n");
    drop(place.open().unwrap());
    let list = success(&place.run(&["signing-key", "list"]));
    let line = list.lines().find(|line| line.starts_with(&kid)).unwrap();
    assert!(line.contains("unusable") && line.contains("not as the service wrote it"), "{list}");
}

#[test]
fn a_refresh_key_that_is_not_sealed_stops_a_start_and_nothing_is_made_anew() {
    let place = Place::new();
    let change = "UPDATE gatepost.refresh_keys
                  SET secret = decode(repeat('07', 32), 'hex'), sealed_with = NULL";
    place.as_the_service().batch_execute(change).unwrap();
    let text = failure(&place.run(&["serve"]), 1);
    assert!(text.contains("refresh key 1 is not encrypted"), "{text}");
    let text = failure(&place.run(&["signing-key", "reencrypt"]), 1);
    assert!(text.contains("planted or restored") && text.contains("refresh key 1"), "{text}");
    let sql = "SELECT count(*) FROM gatepost.refresh_keys";
    assert_eq!(place.server.sql().query_one(sql, &[]).unwrap().get::<_, i64>(0), 1);
    success(&place.run(&["signing-key", "rotate", "--compromised"]));
    place.open().unwrap();
}

#[test]
fn retired_keys_are_vouched_for_and_outlive_a_change_of_the_encryption_key() {
    let place = Place::new();
    let id = place.server.register("alice");
    let old = place.server.token("alice");
    let mut config = encrypted(place.database(), Some(SECRET), None);
    config.tokens.key_publication = Duration::from_secs(1);
    let app = App::open(config).unwrap();
    gatepost::signing_keys::rotate(&app, &gatepost::Caller::Trusted).unwrap();
    std::thread::sleep(Duration::from_millis(1_200));
    app.reload_keys().unwrap();
    let keys = gatepost::signing_keys::list(&app, &gatepost::Caller::Trusted).unwrap();
    let erased: Vec<bool> =
        keys.iter().map(|key| key.private == gatepost::signing_keys::PrivateHalf::Erased).collect();
    assert_eq!(erased, [true, false]);
    let other = "another encryption key of 32 bytes";
    let both = encrypted(place.database(), Some(other), Some(SECRET));
    let both = App::open(both).unwrap();
    // The root secret, both signing keys, both refresh keys.
    assert_eq!(gatepost::signing_keys::reencrypt(&both).unwrap().len(), 5);
    let new = TestServer {
        service: Service::start(encrypted(place.database(), Some(other), None)).unwrap(),
        database: place.database().to_owned(),
        client: client(),
    };
    assert_eq!(new.get(&format!("/user?id={id}"), &old).status(), 200);
    assert_eq!(jwks(&new.url("")).len(), 2);
    gatepost::signing_keys::replace(new.app()).unwrap();
    problem(new.get(&format!("/user?id={id}"), &old), 401, "unauthenticated");
}

#[test]
fn a_root_secret_that_was_damaged_is_named_and_no_other_is_made() {
    for change in ["secret = ''", "secret = sha256(secret)", "sealed_with = E'\\033[31m'"] {
        let place = Place::new();
        let change = format!("UPDATE gatepost.server_secrets SET {change} WHERE name = 'root'");
        place.as_the_service().batch_execute(&change).unwrap();
        for arguments in
            [&["serve"] as &[&str], &["audit", "verify"], &["signing-key", "reencrypt"]]
        {
            let text = failure(&place.run(arguments), 1);
            assert!(text.contains("the root secret") && !text.contains('\x1b'), "{text}");
        }
        assert!(place.server.app().reload_keys().is_err());
        success(&place.run(&["signing-key", "list"]));
    }
}
