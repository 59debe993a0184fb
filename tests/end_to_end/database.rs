//! The database away, back, in the way, or behind.

use crate::support::program::{Home, Running};
use crate::support::{
    APP_PASSWORD, CLUSTER, OWNER_PASSWORD, PASSWORD, TestServer, bootstrap, client, config,
    conninfo, new_database, problem,
};
use gatepost::secret::Secret;
use gatepost::{Config, Error, Profile, Service, database};
use gatepost_test_support::Cluster;
use postgres::NoTls;
use reqwest::Method;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

fn on(cluster: &Cluster) -> Config {
    let mut config = config("unused");
    let url = conninfo(cluster, "gatepost_app", APP_PASSWORD, "gatepost");
    config.database.url = Some(Secret::new(url));
    config.database.tuning.pool_wait = Duration::from_millis(300);
    config
}

#[test]
fn while_the_database_is_away_the_answer_is_503_and_soon_after_its_return_200() {
    let mut cluster = Cluster::start();
    bootstrap(&cluster);
    let service = Service::start(on(&cluster)).unwrap();
    let server = TestServer { service, database: "gatepost".into(), client: client() };
    let id = server.register("alice");
    let token = server.token("alice");
    let target = format!("/user?id={id}");
    for _ in 0..2 {
        cluster.stop();
        problem(server.get(&target, &token), 503, "unavailable");
        problem(server.log_in("alice", PASSWORD), 503, "unavailable");
        problem(server.request(Method::GET, "/readyz").send().unwrap(), 503, "unavailable");
        assert_eq!(server.request(Method::GET, "/livez").send().unwrap().status(), 200);
        cluster.run();
        let back = Instant::now();
        while server.get(&target, &token).status() != 200 {
            assert!(back.elapsed() < Duration::from_secs(10), "the database is not found again");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn a_service_that_starts_before_its_database_answers_when_that_is_there() {
    let mut cluster = Cluster::start();
    bootstrap(&cluster);
    cluster.stop();
    let service = Service::start(on(&cluster)).unwrap();
    let server = TestServer { service, database: "gatepost".into(), client: client() };
    problem(server.request(Method::GET, "/readyz").send().unwrap(), 503, "unavailable");
    cluster.run();
    let back = Instant::now();
    while server.request(Method::GET, "/readyz").send().unwrap().status() != 200 {
        assert!(back.elapsed() < Duration::from_secs(10), "the database is not found");
        std::thread::sleep(Duration::from_millis(50));
    }
    server.register("alice");
    server.token("alice");
}

#[test]
fn connections_that_the_server_closed_do_not_cost_a_request() {
    let server = TestServer::start();
    let id = server.register("alice");
    let token = server.token("alice");
    for _ in 0..5 {
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                   WHERE usename = 'gatepost_app' AND datname = current_database()";
        assert!(!server.sql().query(sql, &[]).unwrap().is_empty());
        assert_eq!(server.get(&format!("/user?id={id}"), &token).status(), 200);
        server.sql().query(sql, &[]).unwrap();
        let body = json!({"login": "bob", "password": PASSWORD});
        let response = server.post("/user", &body);
        assert!(matches!(response.status().as_u16(), 201 | 400), "{response:?}");
    }
}

#[test]
fn one_connection_that_is_lost_gives_up_all_that_are_as_old() {
    let server = TestServer::start();
    let id = server.register("alice");
    let token = server.token("alice");
    // So many at once that the pool has several.
    let burst = || {
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..10 {
                        let answer = server.get(&format!("/user?id={id}"), &token);
                        assert_eq!(answer.status(), 200);
                    }
                });
            }
        });
    };
    let pids = || -> BTreeSet<i32> {
        let sql = "SELECT pid FROM pg_stat_activity
                   WHERE usename = 'gatepost_app' AND datname = current_database()";
        server.sql().query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
    };
    let begin = Instant::now();
    while pids().len() < 2 {
        burst();
        assert!(begin.elapsed() < Duration::from_secs(30), "the pool has one connection");
    }
    let before = pids();
    let sql = "SELECT pg_terminate_backend($1)";
    server.sql().query(sql, &[before.first().unwrap()]).unwrap();
    // As soon as a request has met the lost one, nothing leads to the server of before.
    let begin = Instant::now();
    while !pids().is_disjoint(&before) {
        burst();
        assert!(begin.elapsed() < Duration::from_secs(30), "some are still those of before");
    }
}

#[test]
fn a_standby_that_is_promoted_is_found_and_has_all_that_was_acknowledged() {
    let mut primary = Cluster::start_durable();
    bootstrap(&primary);
    let standby = primary.standby();
    let mut config = config("unused");
    let (one, two) = (primary.dir().display(), standby.dir().display());
    let url = format!(
        "host={one},{two} user=gatepost_app password='{}' dbname=gatepost \
         target_session_attrs=read-write",
        APP_PASSWORD.replace('\'', "\\'")
    );
    config.database.url = Some(Secret::new(url));
    let service = Service::start(config).unwrap();
    let base = format!("http://{}", service.addr());
    let register = |login: &str| {
        let body = json!({"login": login, "password": PASSWORD});
        client().post(format!("{base}/user")).json(&body).send().unwrap().status().as_u16()
    };
    // People register until the primary dies under them.
    let stopping = AtomicBool::new(false);
    let acknowledged = std::thread::scope(|scope| {
        let registering: Vec<_> = (0..4)
            .map(|thread| {
                let (register, stopping) = (&register, &stopping);
                scope.spawn(move || {
                    let mut done = Vec::new();
                    for n in 0.. {
                        let login = format!("user-{thread}-{n}");
                        match register(&login) {
                            201 => done.push(login),
                            status => assert_eq!(status, 503, "{login}"),
                        }
                        if stopping.load(Ordering::Relaxed) {
                            break;
                        }
                    }
                    done
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(500));
        primary.kill();
        standby.promote();
        let promoted = Instant::now();
        while register(&format!("after-{}", promoted.elapsed().as_nanos())) != 201 {
            assert!(promoted.elapsed() < Duration::from_secs(30), "the new primary is not found");
        }
        println!("{} ms from promotion to a write", promoted.elapsed().as_millis());
        stopping.store(true, Ordering::Relaxed);
        registering.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    let mut admin = standby.admin("gatepost").connect(NoTls).unwrap();
    let rows = admin.query("SELECT login FROM gatepost.users", &[]).unwrap();
    let there: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
    let lost: Vec<&String> = acknowledged.iter().filter(|login| !there.contains(*login)).collect();
    assert!(acknowledged.len() > 4 && lost.is_empty(), "{lost:?} of {}", acknowledged.len());
}

#[test]
fn a_commit_that_no_standby_confirms_is_not_acknowledged() {
    let cluster = Cluster::start();
    bootstrap(&cluster);
    let mut admin = cluster.admin("gatepost").connect(NoTls).unwrap();
    admin.batch_execute("ALTER ROLE gatepost_app SET synchronous_commit = on").unwrap();
    let service = Service::start(on(&cluster)).unwrap();
    let server = TestServer { service, database: "gatepost".into(), client: client() };
    server.register("alice");
    let reload = "SELECT pg_reload_conf()";
    admin.batch_execute("ALTER SYSTEM SET synchronous_standby_names = '*'").unwrap();
    admin.batch_execute(reload).unwrap();
    std::thread::sleep(Duration::from_millis(500));
    let body = json!({"login": "bob", "password": PASSWORD});
    std::thread::scope(|scope| {
        let registering = scope.spawn(|| server.post("/user", &body));
        // Whoever looks after the server ends the wait, and the server says that it has committed.
        let cancel =
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        let begin = Instant::now();
        while !registering.is_finished() {
            admin.query(cancel, &[]).unwrap();
            assert!(begin.elapsed() < Duration::from_secs(10), "nobody waits for a standby");
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(begin.elapsed() < Duration::from_secs(5), "the wait was not ended");
        problem(registering.join().unwrap(), 503, "unavailable");
    });
    admin.batch_execute("ALTER SYSTEM RESET synchronous_standby_names").unwrap();
    admin.batch_execute(reload).unwrap();
    std::thread::sleep(Duration::from_millis(500));
    server.register("carol");
}

/// Makes the next registrations fail with an SQLSTATE, as often as the sequence says.
fn fail_inserts(server: &TestServer, sqlstate: &str, times: i32) {
    server
        .sql()
        .batch_execute(&format!(
            "CREATE SEQUENCE public.failures;
             GRANT USAGE ON SEQUENCE public.failures TO gatepost_app;
             GRANT USAGE ON SCHEMA public TO gatepost_app;
             CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
                 IF nextval('public.failures') <= {times} THEN
                     RAISE EXCEPTION 'made up' USING ERRCODE = '{sqlstate}';
                 END IF;
                 RETURN NEW;
             END $$;
             CREATE TRIGGER fail BEFORE INSERT ON gatepost.users
             FOR EACH ROW EXECUTE FUNCTION public.fail();"
        ))
        .unwrap();
}

#[test]
fn a_transaction_that_others_got_in_the_way_of_is_run_again() {
    for sqlstate in ["40001", "40P01"] {
        let server = TestServer::start();
        fail_inserts(&server, sqlstate, 4);
        server.register("alice");
        let count: i64 =
            server.sql().query_one("SELECT count(*) FROM gatepost.users", &[]).unwrap().get(0);
        assert_eq!(count, 1);
    }
}

#[test]
fn a_transaction_is_run_five_times_and_no_more() {
    let server = TestServer::start();
    fail_inserts(&server, "40001", 1_000);
    let body = json!({"login": "alice", "password": PASSWORD});
    problem(server.post("/user", &body), 503, "unavailable");
    let tried: i64 =
        server.sql().query_one("SELECT last_value FROM public.failures", &[]).unwrap().get(0);
    assert_eq!(tried, 5);
}

#[test]
fn an_error_of_the_database_is_told_as_internal_and_nothing_more() {
    let server = TestServer::start();
    fail_inserts(&server, "P0001", 1_000);
    let body = json!({"login": "alice", "password": PASSWORD});
    let detail = problem(server.post("/user", &body), 500, "internal");
    assert!(!detail.contains("made up"), "{detail}");
    let tried: i64 =
        server.sql().query_one("SELECT last_value FROM public.failures", &[]).unwrap().get(0);
    assert_eq!(tried, 1);
}

#[test]
fn connections_to_a_server_that_became_read_only_are_given_up() {
    let server = TestServer::start();
    let id = server.register("alice");
    let token = server.token("alice");
    let mut sql = server.sql();
    let role = format!("ALTER ROLE gatepost_app IN DATABASE {}", server.database);
    let drop_connections = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                            WHERE usename = 'gatepost_app' AND datname = current_database()";
    sql.batch_execute(&format!("{role} SET default_transaction_read_only = on")).unwrap();
    sql.query(drop_connections, &[]).unwrap();
    let body = json!({"login": "bob", "password": PASSWORD});
    problem(server.post("/user", &body), 503, "unavailable");
    assert_eq!(server.get(&format!("/user?id={id}"), &token).status(), 200);
    // As after a failover: new connections find a server that takes changes.
    sql.batch_execute(&format!("{role} RESET default_transaction_read_only")).unwrap();
    let begin = Instant::now();
    while server.post("/user", &body).status() != 201 {
        assert!(begin.elapsed() < Duration::from_secs(10), "still on the read-only connections");
    }
}

#[test]
fn a_read_only_database_is_not_ready_and_the_log_says_why() {
    let (database, home) = (new_database(), Home::new());
    let mut command = home.command(&["serve"]);
    let url = conninfo(&CLUSTER, "gatepost_app", APP_PASSWORD, &database);
    let service = Running::start(command.env("GATEPOST_DATABASE_URL", url));
    let client = client();
    let ready = || client.get(format!("{}/readyz", service.url)).send().unwrap();
    assert_eq!(ready().status(), 200);
    let mut sql = CLUSTER.admin(&database).connect(NoTls).unwrap();
    let role = format!("ALTER ROLE gatepost_app IN DATABASE {database}");
    let drop_connections = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                            WHERE usename = 'gatepost_app' AND datname = current_database()";
    sql.batch_execute(&format!("{role} SET default_transaction_read_only = on")).unwrap();
    sql.query(drop_connections, &[]).unwrap();
    problem(ready(), 503, "unavailable");
    let body = json!({"login": "bob", "password": PASSWORD});
    let register = client.post(format!("{}/user", service.url)).json(&body);
    let register = register.send().unwrap();
    let id = register.headers()["x-request-id"].to_str().unwrap().to_owned();
    problem(register, 503, "unavailable");
    service.wait_for_log(&format!("{id} the database is read-only: cannot execute"));
    assert!(!service.log().contains("lost: cannot"), "{}", service.log());
    // As after a failover: nothing holds on to what was found read-only.
    sql.batch_execute(&format!("{role} RESET default_transaction_read_only")).unwrap();
    let begin = Instant::now();
    while ready().status() != 200 {
        assert!(begin.elapsed() < Duration::from_secs(10), "still on the read-only connections");
    }
}

#[test]
fn a_row_that_is_locked_too_long_is_503_and_frees_the_worker() {
    let server = TestServer::start();
    let id = server.register("alice");
    let token = server.token("alice");
    let mut sql = server.sql();
    let mut tx = sql.transaction().unwrap();
    tx.execute("UPDATE gatepost.users SET admin = admin", &[]).unwrap();
    problem(server.delete(&format!("/user?id={id}"), &token), 503, "unavailable");
    tx.rollback().unwrap();
    assert_eq!(server.delete(&format!("/user?id={id}"), &token).status(), 200);
}

#[test]
fn a_schema_that_is_behind_stops_the_start_and_one_that_is_ahead_does_not() {
    let name = new_database();
    let mut admin = CLUSTER.admin(&name).connect(NoTls).unwrap();
    admin.batch_execute("DELETE FROM gatepost.migrations WHERE version > 0").unwrap();
    let Err(Error::SchemaBehind(text)) = Service::start(config(&name)) else {
        panic!("started on a schema that is behind");
    };
    assert!(text.contains("gatepost database migrate"), "{text}");
    let ahead = "INSERT INTO gatepost.migrations (version, name, checksum)
                 VALUES (1000000, 'later', '')";
    admin.batch_execute(ahead).unwrap();
    Service::start(config(&name)).unwrap();
    admin.batch_execute("DROP SCHEMA gatepost CASCADE").unwrap();
    assert!(matches!(Service::start(config(&name)), Err(Error::SchemaBehind(_))));
}

#[test]
fn migrations_that_run_at_once_are_applied_once() {
    let name = new_database();
    let mut admin = CLUSTER.admin(&name).connect(NoTls).unwrap();
    let empty = "DROP SCHEMA gatepost CASCADE;
                 CREATE SCHEMA gatepost AUTHORIZATION gatepost_owner;
                 GRANT USAGE ON SCHEMA gatepost TO gatepost_app;";
    admin.batch_execute(empty).unwrap();
    let mut config = config(&name);
    let owner = conninfo(&CLUSTER, "gatepost_owner", OWNER_PASSWORD, &name);
    config.database.owner_url = Some(Secret::new(owner));
    let pending = database::pending(&config).unwrap().len();
    assert!(pending > 0);
    let applied: usize = std::thread::scope(|scope| {
        let migrate = |_| scope.spawn(|| database::migrate(&config).unwrap());
        let threads: Vec<_> = (0..8).map(migrate).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(applied, pending);
    assert!(database::pending(&config).unwrap().is_empty());
    admin.batch_execute("UPDATE gatepost.migrations SET checksum = 'x' WHERE version = 1").unwrap();
    let Err(Error::Startup(text)) = database::migrate(&config) else {
        panic!("migrated over a changed migration");
    };
    assert!(text.contains("migration 1"), "{text}");
}

#[test]
fn bootstrapping_again_changes_nothing() {
    let admin = Secret::new(conninfo(&CLUSTER, "postgres", "", "postgres"));
    let lines = database::create(&admin, &"other".into(), &"other".into()).unwrap();
    for line in lines {
        assert!(line.ends_with("already has a password, which was not changed"), "{line}");
    }
    TestServer::start().register("alice");
}

#[test]
fn the_service_role_can_change_rows_and_nothing_else() {
    let name = new_database();
    let url = conninfo(&CLUSTER, "gatepost_app", APP_PASSWORD, &name);
    let mut app = postgres::Client::connect(&url, NoTls).unwrap();
    app.batch_execute("SELECT * FROM gatepost.users").unwrap();
    for forbidden in [
        "CREATE TABLE gatepost.t (x INT)",
        "CREATE TABLE public.t (x INT)",
        "DROP TABLE gatepost.users",
        "ALTER TABLE gatepost.users ADD COLUMN x INT",
        "TRUNCATE gatepost.users",
        "CREATE SCHEMA mine",
        "CREATE ROLE other",
        "DELETE FROM gatepost.migrations",
        "SELECT rolpassword FROM pg_catalog.pg_authid",
        "COPY gatepost.users TO PROGRAM 'cat'",
        "SET ROLE gatepost_owner",
    ] {
        let error = app.batch_execute(forbidden).unwrap_err();
        assert_eq!(error.code().unwrap().code(), "42501", "{forbidden}: {error}");
    }
    let mut stranger = CLUSTER.admin("gatepost").connect(NoTls).unwrap();
    let sql = "SELECT bool_or(has_database_privilege('public', 'gatepost', privilege))
               FROM unnest(ARRAY['CONNECT', 'CREATE', 'TEMPORARY']) AS privilege";
    assert!(!stranger.query_one(sql, &[]).unwrap().get::<_, bool>(0));
    drop(stranger);
}

#[test]
fn a_connection_string_never_reaches_an_error() {
    let mut config = Config::new(Profile::Testing);
    config.server.listen = "127.0.0.1:0".parse().unwrap();
    for url in ["postgres://u:hunter2@[bad/x", "user=u password=hunter2 nonsense=1", "hunter2"] {
        config.database.url = Some(url.into());
        let error = Service::start(config.clone()).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
    config.database.url = Some("postgres://u:hunter2@127.0.0.1/x?sslmode=verify-ca".into());
    let error = Service::start(config).unwrap_err().to_string();
    assert!(error.contains("sslmode") && !error.contains("hunter2"), "{error}");
}
