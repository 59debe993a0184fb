//! API keys: how they are made, kept, used and revoked.

use crate::authorization::key;
use crate::logins::wait_for_query;
use crate::support::program::{Home, failure, success};
use crate::support::{PASSWORD, TestServer, config, problem};
use gatepost::api_keys::{ApiKey, ApiKeyName, ApiKeyRef, Scopes};
use gatepost::domain::Login;
use gatepost::passwords::Password;
use gatepost::{App, Caller, Error, Service};
use reqwest::Method;
use reqwest::blocking::Client;
use serde_json::json;
use std::sync::Barrier;

fn revoke(server: &TestServer, name: &ApiKeyName) {
    gatepost::api_keys::revoke(server.app(), &Caller::Trusted, &ApiKeyRef::Name(name.clone()))
        .unwrap();
}

fn last_used(server: &TestServer) -> Option<String> {
    let sql = "SELECT last_used_at::text FROM gatepost.api_keys";
    server.sql().query_one(sql, &[]).unwrap().get(0)
}

#[test]
fn a_key_is_shown_once_and_its_table_holds_nothing_that_opens_anything() {
    let server = TestServer::start();
    let (name, secret) = key(&server, "users:read");
    assert_eq!(server.get("/users", &secret).status(), 200);
    let dump: String =
        server.sql().query_one("SELECT k::text FROM gatepost.api_keys k", &[]).unwrap().get(0);
    assert!(dump.contains(name.as_str()), "{dump}");
    assert!(!dump.contains(&secret[3..20]), "{dump}");
    // What is in the table is no key, in none of its spellings.
    let sql = "SELECT encode(hash, 'hex') FROM gatepost.api_keys";
    let hash: String = server.sql().query_one(sql, &[]).unwrap().get(0);
    for text in [hash.clone(), format!("gp_{}", &hash[..49])] {
        problem(server.get("/users", &text), 401, "unauthenticated");
    }
}

#[test]
fn a_revoked_key_is_refused_by_every_instance_on_its_next_request() {
    let server = TestServer::start();
    let second = Service::start(config(&server.database)).unwrap();
    let (name, secret) = key(&server, "users:read");
    let on_second = || {
        let url = format!("http://{}/users", second.addr());
        server.client.get(url).bearer_auth(&secret).send().unwrap()
    };
    assert_eq!(on_second().status(), 200);
    revoke(&server, &name);
    problem(on_second(), 401, "unauthenticated");
    problem(server.get("/users", &secret), 401, "unauthenticated");
    let again = gatepost::api_keys::revoke(server.app(), &Caller::Trusted, &ApiKeyRef::Name(name));
    assert_eq!(again, Err(Error::NoSuchApiKey));
}

#[test]
fn a_name_belongs_to_one_key_until_that_is_revoked() {
    let server = TestServer::start();
    let (name, scopes) = (ApiKeyName::parse("shop").unwrap(), Scopes::parse("register").unwrap());
    let create = || gatepost::api_keys::create(server.app(), &Caller::Trusted, &name, &scopes);
    let first = create().unwrap().0;
    assert_eq!(create().map(drop), Err(Error::ApiKeyNameTaken));
    revoke(&server, &name);
    let second = create().unwrap().0;
    assert_ne!(first.id, second.id);
    let keys = gatepost::api_keys::list(server.app(), &Caller::Trusted).unwrap();
    let revoked: Vec<bool> = keys.iter().map(|key| key.revoked_at.is_some()).collect();
    assert_eq!(revoked, [true, false]);
    let by_id =
        gatepost::api_keys::revoke(server.app(), &Caller::Trusted, &ApiKeyRef::Id(second.id));
    assert_eq!(by_id.unwrap().name, "shop");
}

const COUNT_WRITES: &str = "
    CREATE TABLE writes (x INT);
    CREATE FUNCTION written() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
        $$ BEGIN INSERT INTO public.writes VALUES (1); RETURN NULL; END $$;
    CREATE TRIGGER written AFTER UPDATE ON gatepost.api_keys
        FOR EACH ROW EXECUTE FUNCTION written();";

#[test]
fn the_last_use_is_written_once_a_minute_however_many_use_the_key_at_once() {
    let server = TestServer::start();
    let (_, secret) = key(&server, "users:read");
    server.sql().batch_execute(COUNT_WRITES).unwrap();
    let writes =
        || -> i64 { server.sql().query_one("SELECT count(*) FROM writes", &[]).unwrap().get(0) };
    assert_eq!(last_used(&server), None);
    let barrier = Barrier::new(8);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                barrier.wait();
                for _ in 0..20 {
                    assert_eq!(server.get("/users", &secret).status(), 200);
                }
            });
        }
    });
    let first = last_used(&server).unwrap();
    assert_eq!(writes(), 1);
    // A minute later the next use is written down.
    let earlier = "UPDATE gatepost.api_keys SET last_used_at = now() - interval '61 seconds'";
    server.sql().execute(earlier, &[]).unwrap();
    assert_eq!(server.get("/users", &secret).status(), 200);
    assert_ne!(last_used(&server).unwrap(), first);
    assert_eq!(server.get("/users", &secret).status(), 200);
    assert_eq!(writes(), 3);
}

#[test]
fn a_use_that_another_request_is_writing_down_does_not_wait_for_it() {
    let server = TestServer::start();
    let (_, secret) = key(&server, "users:read");
    let mut sql = server.sql();
    let mut tx = sql.transaction().unwrap();
    tx.execute("UPDATE gatepost.api_keys SET last_used_at = now()", &[]).unwrap();
    // The row is locked for as long as we like. A request that waited would end in 503.
    assert_eq!(server.get("/users", &secret).status(), 200);
    tx.rollback().unwrap();
}

#[test]
fn once_a_key_is_revoked_no_change_is_under_way_that_it_allowed() {
    let server = TestServer::start();
    let id = server.register("alice");
    let (name, secret) = key(&server, "users:write");
    let mut sql = server.sql();
    // The deletion has asked for its right and waits for the user's row.
    let mut tx = sql.transaction().unwrap();
    tx.execute("UPDATE gatepost.users SET admin = admin", &[]).unwrap();
    std::thread::scope(|scope| {
        let deletion = scope.spawn(|| server.delete(&format!("/user?id={id}"), &secret));
        wait_for_lock(&server, 1);
        let revocation = scope.spawn(|| revoke(&server, &name));
        wait_for_lock(&server, 2);
        assert!(!revocation.is_finished());
        tx.rollback().unwrap();
        assert_eq!(deletion.join().unwrap().status(), 200);
        revocation.join().unwrap();
    });
    problem(server.delete(&format!("/user?id={id}"), &secret), 401, "unauthenticated");
}

/// Waits until so many of the service's connections wait for a lock.
fn wait_for_lock(server: &TestServer, count: i64) {
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'
                   AND usename = 'gatepost_app' AND datname = current_database()";
    let mut sql = server.sql();
    while sql.query_one(waiting, &[]).unwrap().get::<_, i64>(0) < count {
        std::thread::yield_now();
    }
}

#[test]
fn a_key_that_is_revoked_while_a_password_hashes_does_not_change_it() {
    let server = TestServer::with(|c| c.passwords.iterations = 2_000_000);
    let (login, password) = (Login::parse("alice").unwrap(), Password::parse(PASSWORD).unwrap());
    let user =
        gatepost::users::register(server.app(), &Caller::Trusted, &login, &password).unwrap();
    let (name, secret) = key(&server, "users:write");
    std::thread::scope(|scope| {
        let body = json!({"id": user.id.get(), "password": "another password"});
        let change = scope.spawn({
            let (server, secret) = (&server, &secret);
            move || server.patch(&body, secret)
        });
        wait_for_query(&mut server.sql(), "id IN ($1, $2)");
        // As an operator does it elsewhere, in another process.
        let sql = "UPDATE gatepost.api_keys SET revoked_at = now() WHERE name = $1";
        server.sql().execute(sql, &[&name.as_str()]).unwrap();
        problem(change.join().unwrap(), 401, "unauthenticated");
    });
}

#[test]
fn no_key_makes_keys_or_admins() {
    let server = TestServer::start();
    let id = gatepost::domain::UserId::parse(server.register("alice")).unwrap();
    let (name, secret) = key(&server, "users:read,users:write,register,introspect");
    let caller = Caller::bearer(server.app(), &secret).unwrap();
    assert!(!format!("{caller:?}").contains(&secret[3..12]));
    let (app, scopes) = (server.app(), Scopes::parse("introspect").unwrap());
    let (login, password) = (Login::parse("root").unwrap(), Password::parse(PASSWORD).unwrap());
    assert_eq!(gatepost::users::set_admin(app, &caller, id, true), Err(Error::ApiKeyForbidden));
    assert_eq!(
        gatepost::users::register_admin(app, &caller, &login, &password),
        Err(Error::ApiKeyForbidden)
    );
    let other = ApiKeyName::parse("other").unwrap();
    assert_eq!(
        gatepost::api_keys::create(app, &caller, &other, &scopes).map(drop),
        Err(Error::ApiKeyForbidden)
    );
    assert_eq!(gatepost::api_keys::list(app, &caller), Err(Error::ApiKeyForbidden));
    let which = ApiKeyRef::Name(name);
    assert_eq!(gatepost::api_keys::revoke(app, &caller, &which), Err(Error::ApiKeyForbidden));
    assert_eq!(gatepost::api_keys::list(app, &Caller::Anonymous), Err(Error::TokenMissing));
    // The service's own role cannot give a key more than it was made with.
    let widen = "UPDATE gatepost.api_keys SET scopes = 'users:write'";
    let denied = as_app(&server).batch_execute(widen).unwrap_err();
    assert_eq!(denied.code().unwrap().code(), "42501");
}

fn as_app(server: &TestServer) -> postgres::Client {
    let url = server.app().config().database.url.clone().unwrap();
    url.expose().parse::<postgres::Config>().unwrap().connect(postgres::NoTls).unwrap()
}

#[test]
fn a_user_promoted_while_a_key_changes_the_password_keeps_the_own_one() {
    let server = TestServer::start();
    let id = server.register("alice");
    let (_, secret) = key(&server, "users:write");
    let mut sql = server.sql();
    let mut tx = sql.transaction().unwrap();
    tx.execute("UPDATE gatepost.users SET admin = true", &[]).unwrap();
    std::thread::scope(|scope| {
        let body = json!({"id": id, "password": "another password"});
        let change = scope.spawn({
            let (server, secret) = (&server, &secret);
            move || server.patch(&body, secret)
        });
        wait_for_lock(&server, 1);
        tx.commit().unwrap();
        problem(change.join().unwrap(), 403, "forbidden");
    });
    assert_eq!(server.log_in("alice", PASSWORD).status(), 200);
}

#[test]
fn an_operator_makes_lists_and_revokes_keys_beside_a_running_service() {
    let home = Home::new();
    let mut command = home.command(&["serve"]);
    command.env("GATEPOST_ACCESS_REGISTRATION", "admin").env("GATEPOST_LOG_LEVEL", "trace");
    let service = crate::support::program::Running::start(&mut command);
    let output = home.run(&["api-key", "create", "shop", "--scope", "register,users:read"], "");
    let secret = success(&output);
    let secret = secret.trim_end();
    assert!(secret.starts_with("gp_") && !secret.contains('\n'), "{secret}");
    let note = String::from_utf8(output.stderr).unwrap();
    assert!(note.contains("users:read register") && !note.contains(secret), "{note}");
    let listed = success(&home.run(&["api-key", "list"], ""));
    let words: Vec<&str> = listed.trim_end().split('\t').collect();
    assert_eq!(
        (words[..3].to_vec(), &words[4..]),
        (vec!["1", "shop", "users:read register"], &["-", "-"][..])
    );

    let client = Client::new();
    let register = |login: &str| {
        let body = json!({"login": login, "password": PASSWORD});
        let request = client.request(Method::POST, format!("{}/user", service.url));
        request.bearer_auth(secret).json(&body).send().unwrap()
    };
    assert_eq!(register("alice").status(), 201);
    let listed = success(&home.run(&["api-key", "list"], ""));
    assert_ne!(listed.trim_end().split('\t').nth(4), Some("-"), "{listed}");

    let taken = failure(&home.run(&["api-key", "create", "shop", "--scope", "register"], ""), 1);
    assert!(taken.contains("another API key has this name"), "{taken}");
    let revoked = success(&home.run(&["api-key", "revoke", "shop"], ""));
    assert_ne!(revoked.trim_end().split('\t').nth(5), Some("-"), "{revoked}");
    problem(register("bob"), 401, "unauthenticated");
    let again = failure(&home.run(&["api-key", "revoke", "1"], ""), 1);
    assert!(again.contains("no such API key"), "{again}");
    // At the level that logs most.
    let log = service.stop();
    assert!(log.contains("POST /user 201") && log.contains("POST /user 401"), "{log}");
    assert!(!log.contains(secret) && !log.contains(&secret[3..]), "{log}");
}

#[test]
fn keys_work_without_a_listener() {
    let app = App::open(config(&crate::support::new_database())).unwrap();
    let (name, scopes) =
        (ApiKeyName::parse("batch").unwrap(), Scopes::parse("users:read").unwrap());
    let (stored, secret) =
        gatepost::api_keys::create(&app, &Caller::Trusted, &name, &scopes).unwrap();
    let batch = Caller::bearer(&app, secret.expose()).unwrap();
    let page = gatepost::domain::Page::parse(1, 20, None).unwrap();
    assert_eq!(gatepost::users::list(&app, &batch, page), Ok((Vec::new(), false)));
    let [listed]: [ApiKey; 1] =
        gatepost::api_keys::list(&app, &Caller::Trusted).unwrap().try_into().unwrap();
    assert_eq!((listed.id, listed.scopes), (stored.id, scopes));
    assert!(Caller::bearer(&app, "gp_nonsense").is_err());
}

#[test]
fn the_use_of_a_key_is_recorded_though_the_clock_was_set_back() {
    let server = TestServer::start();
    let (_, secret) = key(&server, "users:read");
    assert_eq!(server.get("/users", &secret).status(), 200);
    let ahead = "UPDATE gatepost.api_keys SET last_used_at = now() + interval '1 day'";
    server.sql().batch_execute(ahead).unwrap();
    assert_eq!(server.get("/users", &secret).status(), 200);
    let sql = "SELECT last_used_at <= now() FROM gatepost.api_keys";
    assert!(server.sql().query_one(sql, &[]).unwrap().get::<_, bool>(0));
}
