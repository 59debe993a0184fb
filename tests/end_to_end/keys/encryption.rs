//! What lies in the database, and what of it reaches a log, a dump or an error.

use super::{SECRET, encrypted};
use crate::support::program::{Home, Running, failure, run};
use crate::support::{
    APP_PASSWORD, CLUSTER, PASSWORD, TestServer, Tokens, client, conninfo, new_database, problem,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatepost::{App, Error, Service};
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[test]
fn private_keys_lie_encrypted_in_the_database_and_the_encryption_key_can_be_changed() {
    let database = new_database();
    let start = |key, previous| Service::start(encrypted(&database, key, previous));
    let names = |service: &Service| -> BTreeSet<Option<String>> {
        drop(gatepost::signing_keys::list(service.app(), &gatepost::Caller::Trusted).unwrap());
        let mut sql = CLUSTER.admin(&database).connect(postgres::NoTls).unwrap();
        let rows = "SELECT sealed_with FROM gatepost.signing_keys
                    UNION ALL SELECT sealed_with FROM gatepost.refresh_keys";
        sql.query(rows, &[]).unwrap().iter().map(|row| row.get(0)).collect()
    };
    // Keys of before lie there plainly, and are encrypted by the command.
    let plain = start(None, None).unwrap();
    let server = TestServer { service: plain, database: database.clone(), client: client() };
    let id = server.register("alice");
    let tokens = server.tokens("alice");
    assert_eq!(names(&server.service), BTreeSet::from([None]));
    let Err(Error::Startup(text)) = start(Some(SECRET), None) else { panic!("started") };
    assert!(text.contains("gatepost signing-key reencrypt"), "{text}");
    let repair = App::open_for_repair(encrypted(&database, Some(SECRET), None)).unwrap();
    let kid = gatepost::signing_keys::list(server.app(), &gatepost::Caller::Trusted).unwrap()[0]
        .kid
        .clone();
    let done = ["root secret".to_owned(), format!("signing key {kid}"), "refresh key 1".to_owned()];
    assert_eq!(gatepost::signing_keys::reencrypt(&repair).unwrap(), done);
    assert_eq!(gatepost::signing_keys::reencrypt(&repair), Ok(vec![]));
    let one = start(Some(SECRET), None).unwrap();
    let first = names(&one);
    assert!(first.len() == 1 && !first.contains(&None), "{first:?}");

    // Without the key, or with another, nothing starts, and the fault names the settings.
    let other = "another encryption key of 32 bytes";
    for refused in [start(None, None), start(Some(other), None)] {
        let Err(Error::Startup(text)) = refused else { panic!("started") };
        assert!(text.contains("encryption.previous_key"), "{text}");
    }
    let both = start(Some(other), Some(SECRET)).unwrap();
    assert_eq!(names(&both), first);
    assert_eq!(gatepost::signing_keys::reencrypt(both.app()).unwrap(), done);
    assert_eq!(gatepost::signing_keys::reencrypt(both.app()), Ok(vec![]));
    assert!(names(&both).is_disjoint(&first));
    assert!(start(Some(SECRET), None).is_err());
    let service = start(Some(other), None).unwrap();
    let last = TestServer { service, database: database.clone(), client: client() };
    // They are the same keys all the while.
    assert_eq!(last.get(&format!("/user?id={id}"), &tokens.access).status(), 200);
    Tokens::of(last.refresh(&tokens.refresh));
    assert!(matches!(
        gatepost::signing_keys::reencrypt(server.app()),
        Err(Error::Configuration(_))
    ));
}

#[test]
fn no_token_key_or_secret_is_in_a_dump_or_in_a_log() {
    let (home, database) = (Home::new(), new_database());
    let mut command = home.command(&["serve"]);
    command
        .env("GATEPOST_DATABASE_URL", conninfo(&CLUSTER, "gatepost_app", APP_PASSWORD, &database))
        .env("GATEPOST_ENCRYPTION_KEY", SECRET)
        .env("GATEPOST_LOG_LEVEL", "trace");
    let service = Running::start(&mut command);
    // The same keys, to know what to look for.
    let server = TestServer {
        service: Service::start(encrypted(&database, Some(SECRET), None)).unwrap(),
        database: database.clone(),
        client: client(),
    };
    let id = server.register("alice");
    let post = |target: &str, body: Value| {
        client().post(format!("{}{target}", service.url)).json(&body).send().unwrap()
    };
    let first = Tokens::of(post("/", json!({"login": "alice", "password": PASSWORD})));
    let second = Tokens::of(post("/token", json!({"refresh_token": first.refresh})));
    let sql = "UPDATE gatepost.sessions SET retired = ''";
    server.sql().execute(sql, &[]).unwrap();
    let mut answers = vec![problem(
        post("/token", json!({"refresh_token": first.refresh})),
        400,
        "invalid_grant",
    )];
    let get = client().get(format!("{}/user?id={id}", service.url)).bearer_auth(&second.access);
    answers.push(problem(get.send().unwrap(), 401, "unauthenticated"));
    let log = service.stop();
    assert!(log.contains("a retired refresh token was used again"), "{log}");

    let mut dump = String::new();
    let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'gatepost'";
    for table in server.sql().query(tables, &[]).unwrap() {
        let rows = format!("SELECT t::text FROM gatepost.{} t", table.get::<_, &str>(0));
        for row in server.sql().query(&rows, &[]).unwrap() {
            dump.push_str(row.get(0));
            dump.push('\n');
        }
    }
    assert!(dump.contains("alice") && dump.matches("\\\\x").count() >= 2, "{dump}");
    let mac = |token: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(token).unwrap();
        let hex: String = bytes[24..].iter().map(|byte| format!("{byte:02x}")).collect();
        hex
    };
    for secret in [
        first.access.rsplit_once('.').unwrap().1.to_owned(),
        second.access.rsplit_once('.').unwrap().1.to_owned(),
        first.refresh[32..].to_owned(),
        second.refresh[32..].to_owned(),
        mac(&first.refresh),
        mac(&second.refresh),
        SECRET.to_owned(),
        PASSWORD.to_owned(),
    ] {
        for (place, text) in
            [("the dump", &dump), ("the log", &log), ("errors", &answers.join("\n"))]
        {
            assert!(!text.contains(&secret), "{secret} is in {place}");
        }
    }
    // What the table holds of a key does not sign: 32 bytes are the key, these are encrypted.
    let sql = "SELECT bool_and(octet_length(private_key) = 72 AND sealed_with IS NOT NULL)
               FROM gatepost.signing_keys";
    assert!(server.sql().query_one(sql, &[]).unwrap().get::<_, bool>(0));
}

#[test]
fn production_asks_for_an_encryption_key() {
    let home = Home::new();
    let mut command = home.command(&["serve"]);
    command.env("APP_SETTINGS", "production").env("GATEPOST_DATABASE_PRIVATE", "true");
    let text = failure(&run(&mut command, ""), 1);
    assert!(text.contains("encryption.key: production needs it"), "{text}");
}
