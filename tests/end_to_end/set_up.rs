//! A server of the operator's own: making roles and database, and a service that meets what is not
//! as it should be.

use crate::support::embedded;
use crate::support::program::{Home, Running, failure, run, success};
use crate::support::{
    APP_PASSWORD, CLUSTER, OWNER_PASSWORD, PASSWORD, bootstrap, conninfo, new_database,
};
use gatepost_test_support::Cluster;
use postgres::NoTls;
use reqwest::blocking::Client;
use serde_json::json;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// The program on a database of the shared cluster.
fn on(home: &Home, arguments: &[&str], (role, password): (&str, &str), database: &str) -> Command {
    let mut command = home.command(arguments);
    command.env("GATEPOST_DATABASE_URL", conninfo(&CLUSTER, role, password, database));
    command
}

const APP: (&str, &str) = ("gatepost_app", APP_PASSWORD);

/// In production, where that is refused which is warned of elsewhere.
fn in_production(command: &mut Command) -> &mut Command {
    command.env("APP_SETTINGS", "production");
    command.env("GATEPOST_TOKENS_ISSUER", "https://auth.example.com");
    command.env("GATEPOST_ENCRYPTION_KEY", "0123456789abcdef0123456789abcdef")
}

/// Runs `database create` on a cluster, whose superuser needs no password.
fn create(home: &Home, cluster: &Cluster) -> Output {
    std::fs::write(home.path().join("owner"), OWNER_PASSWORD).unwrap();
    std::fs::write(home.path().join("app"), APP_PASSWORD).unwrap();
    let admin = conninfo(cluster, "postgres", "", "postgres").replace("password=''", "");
    let arguments = ["database", "create", "--admin-url", &admin];
    let files = ["--owner-password-file", "owner", "--app-password-file", "app"];
    home.run(&[&arguments[..], &files].concat(), "")
}

/// Runs `database migrate` on a cluster after `database create`.
fn migrate(home: &Home, cluster: &Cluster) -> Output {
    let mut command = home.command(&["database", "migrate"]);
    command.env("GATEPOST_DATABASE_URL", conninfo(cluster, APP.0, APP.1, "gatepost"));
    let owner = conninfo(cluster, "gatepost_owner", OWNER_PASSWORD, "gatepost");
    run(command.env("GATEPOST_DATABASE_OWNER_URL", owner), "")
}

#[test]
fn database_create_mends_what_can_only_have_been_meant() {
    let (home, cluster) = (Home::new(), Cluster::start());
    let mut admin = cluster.admin("postgres").connect(NoTls).unwrap();
    for sql in
        ["CREATE ROLE gatepost_owner", "CREATE ROLE gatepost_app", "CREATE DATABASE gatepost"]
    {
        admin.batch_execute(sql).unwrap();
    }
    let mut inside = cluster.admin("gatepost").connect(NoTls).unwrap();
    inside.batch_execute("CREATE SCHEMA gatepost").unwrap();
    drop(inside);
    let text = success(&create(&home, &cluster));
    for line in [
        "gatepost_owner: could not log in (NOLOGIN), and can now",
        "gatepost_app: could not log in (NOLOGIN), and can now",
        "the schema gatepost belonged to the role postgres, and belongs to gatepost_owner now",
        "the database gatepost belonged to the role postgres, and belongs to gatepost_owner now",
    ] {
        assert!(text.lines().any(|found| found == line), "{line:?} is missing in\n{text}");
    }
    assert!(success(&migrate(&home, &cluster)).starts_with("applied "));
    // Again, and after the right to connect was taken away.
    admin.batch_execute("REVOKE CONNECT ON DATABASE gatepost FROM gatepost_owner").unwrap();
    let text = success(&create(&home, &cluster));
    assert!(!text.contains(" now\n"), "{text}");
    assert_eq!(success(&migrate(&home, &cluster)), "nothing to do\n");
}

#[test]
fn database_create_names_what_is_not_its_own_and_changes_nothing() {
    let (home, cluster) = (Home::new(), Cluster::start());
    let mut admin = cluster.admin("postgres").connect(NoTls).unwrap();
    let refused = |text: &str| {
        let said = failure(&create(&home, &cluster), 1);
        assert!(said.contains(text) && said.lines().count() == 1, "{text}: {said}");
    };
    admin.batch_execute("CREATE ROLE somebody LOGIN").unwrap();
    admin.batch_execute("CREATE DATABASE gatepost OWNER somebody").unwrap();
    refused("the database gatepost belongs to the role somebody");
    let privileges = "SELECT datacl IS NULL FROM pg_database WHERE datname = 'gatepost'";
    assert!(admin.query_one(privileges, &[]).unwrap().get::<_, bool>(0));
    admin.batch_execute("DROP DATABASE gatepost").unwrap();
    let latin = "CREATE DATABASE gatepost ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'";
    admin.batch_execute(latin).unwrap();
    refused("has the encoding LATIN1");
    admin.batch_execute("DROP DATABASE gatepost").unwrap();
    admin.batch_execute("CREATE DATABASE gatepost").unwrap();
    let mut inside = cluster.admin("gatepost").connect(NoTls).unwrap();
    let theirs = "CREATE SCHEMA gatepost AUTHORIZATION somebody; CREATE TABLE gatepost.t (x INT)";
    inside.batch_execute(theirs).unwrap();
    refused("the schema gatepost in the database gatepost belongs to the role somebody");
    inside.batch_execute("DROP SCHEMA gatepost CASCADE").unwrap();
    success(&create(&home, &cluster));
    admin.batch_execute("GRANT gatepost_owner TO gatepost_app").unwrap();
    refused("REVOKE gatepost_owner FROM gatepost_app");
    admin.batch_execute("REVOKE gatepost_owner FROM gatepost_app").unwrap();
    admin.batch_execute("ALTER ROLE gatepost_app SUPERUSER").unwrap();
    refused("ALTER ROLE gatepost_app NOSUPERUSER");
}

#[test]
fn database_create_names_the_variable_where_it_cannot_ask_for_the_password() {
    let (home, cluster) = (Home::new(), Cluster::start());
    let mut admin = cluster.admin("postgres").connect(NoTls).unwrap();
    admin.batch_execute("CREATE ROLE root2 SUPERUSER LOGIN PASSWORD 'hunter2'").unwrap();
    for name in ["owner", "app"] {
        std::fs::write(home.path().join(name), format!("{name}'s password")).unwrap();
    }
    let admin = conninfo(&cluster, "root2", "", "postgres").replace("password=''", "");
    let mut command = home.command(&["database", "create", "--admin-url", &admin]);
    command.args(["--owner-password-file", "owner", "--app-password-file", "app"]);
    let text = failure(&run(&mut command, ""), 1);
    assert!(text.contains("PGPASSWORD") && text.lines().count() == 1, "{text}");
    success(&run(command.env("PGPASSWORD", "hunter2"), ""));
}

#[test]
fn database_create_works_for_an_administrator_who_is_no_superuser() {
    let (home, cluster) = (Home::new(), Cluster::start());
    let mut admin = cluster.admin("postgres").connect(NoTls).unwrap();
    let role = "CREATE ROLE cloud_admin LOGIN CREATEROLE CREATEDB PASSWORD 'hunter2'";
    admin.batch_execute(role).unwrap();
    for name in ["owner", "app"] {
        let password = if name == "owner" { OWNER_PASSWORD } else { APP_PASSWORD };
        std::fs::write(home.path().join(name), password).unwrap();
    }
    let url = conninfo(&cluster, "cloud_admin", "", "postgres").replace("password=''", "");
    let mut command = home.command(&["database", "create", "--admin-url", &url]);
    command.args(["--owner-password-file", "owner", "--app-password-file", "app"]);
    command.env("PGPASSWORD", "hunter2");
    let output = run(&mut command, "");
    let lines = success(&output) + &String::from_utf8_lossy(&output.stderr);
    assert!(
        lines.contains("cloud_admin is no superuser, and is a member of gatepost_owner"),
        "{lines}"
    );
    assert!(lines.contains("gatepost_app: password set"), "{lines}");
    success(&migrate(&home, &cluster));
    let mut config = crate::support::config("unused");
    config.database.url =
        Some(conninfo(&cluster, "gatepost_app", APP_PASSWORD, "gatepost").as_str().into());
    let service = gatepost::Service::start(config).unwrap();
    let body = serde_json::json!({"login": "alice", "password": PASSWORD});
    let answer =
        crate::support::client().post(format!("http://{}/user", service.addr())).json(&body);
    assert_eq!(answer.send().unwrap().status(), 201);
    // The rights are the same as those that a superuser gives.
    let rights = "SELECT bool_or(has_database_privilege('public', 'gatepost', privilege))
                  FROM unnest(ARRAY['CONNECT', 'CREATE', 'TEMPORARY']) AS privilege";
    assert!(!admin.query_one(rights, &[]).unwrap().get::<_, bool>(0));
    let mut inside = cluster.admin("gatepost").connect(NoTls).unwrap();
    let may = "SELECT has_schema_privilege('gatepost_app', 'public', 'CREATE'),
                      pg_has_role('gatepost_app', 'gatepost_owner', 'MEMBER')";
    let row = inside.query_one(may, &[]).unwrap();
    // Up to version 14 of PostgreSQL that schema is the superuser's, which is said.
    let said = lines.contains("REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    assert_eq!((row.get::<_, bool>(0), row.get::<_, bool>(1)), (said, false));
    assert_eq!(said, crate::support::postgres_major(&mut admin) < 15);
    // Again: nothing changes, and what cannot be seen is said.
    let output = run(&mut command, "");
    let lines = success(&output) + &String::from_utf8_lossy(&output.stderr);
    assert!(lines.contains("gatepost_app: was there already, and only a superuser"), "{lines}");
    assert!(!lines.contains("is no superuser, and is a member"), "{lines}");
}

#[test]
fn a_service_with_more_rights_than_it_needs_is_refused_in_production_and_warned_of_elsewhere() {
    let home = Home::new();
    let database = new_database();
    for (login, said) in [
        (("postgres", ""), "the role postgres is a superuser"),
        (("gatepost_owner", OWNER_PASSWORD), "the role gatepost_owner owns the tables"),
    ] {
        for arguments in [&["serve"][..], &["user", "list"], &["check-config", "--connect"]] {
            let mut command = on(&home, arguments, login, &database);
            let text = failure(&run(in_production(&mut command), ""), 1);
            assert!(text.contains(said) && text.lines().count() == 1, "{text}");
        }
        let service = Running::start(&mut on(&home, &["serve"], login, &database));
        let client = Client::new();
        let ready = client.get(format!("{}/readyz", service.url)).send().unwrap();
        assert_eq!(ready.status(), 200);
        let log = service.stop();
        assert_eq!(log.matches(said).count(), 1, "{log}");
    }
    // Its keys are encrypted, and those above are not.
    let mut command = on(&home, &["serve"], APP, &new_database());
    let log = Running::start(in_production(&mut command)).stop();
    assert!(!log.contains("whoever takes the service over"), "{log}");
}

#[test]
fn what_waiting_cannot_heal_ends_the_start_with_one_line() {
    let home = Home::new();
    let database = new_database();
    for (login, database, said) in [
        (("gatepost_app", "wrong"), database.as_str(), "SQLSTATE 28P01"),
        (("nobody_at_all", "x"), &database, "SQLSTATE 28"),
        (("gatepost_app", ""), &database, "asks for a password"),
        (APP, "no_such_database", "\"no_such_database\" does not exist"),
    ] {
        for arguments in [&["serve"][..], &["user", "list"], &["check-config", "--connect"]] {
            let mut command = on(&home, arguments, login, database);
            if login.1.is_empty() {
                let url = conninfo(&CLUSTER, login.0, "", database).replace("password=''", "");
                command.env("GATEPOST_DATABASE_URL", url);
            }
            let text = failure(&run(&mut command, ""), 1);
            assert!(text.starts_with("gatepost: database.url: cannot connect: "), "{text}");
            assert!(text.contains(said) && text.lines().count() == 1, "{text}");
        }
        // It tries nothing without being asked.
        success(&run(&mut on(&home, &["check-config"], login, database), ""));
    }
}

#[test]
fn a_wrong_database_is_not_one_that_must_be_migrated() {
    let home = Home::new();
    let name = new_database();
    let mut admin = CLUSTER.admin(&name).connect(NoTls).unwrap();
    admin.batch_execute("DROP SCHEMA gatepost CASCADE").unwrap();
    let text = failure(&run(&mut on(&home, &["serve"], APP, &name), ""), 1);
    assert!(text.contains(&format!("the database {name} has no schema gatepost")), "{text}");
    assert!(!text.contains("migrate"), "{text}");
    let empty = "CREATE SCHEMA gatepost AUTHORIZATION gatepost_owner;
                 GRANT USAGE ON SCHEMA gatepost TO gatepost_app";
    admin.batch_execute(empty).unwrap();
    for arguments in [&["serve"][..], &["user", "list"], &["check-config", "--connect"]] {
        let text = failure(&run(&mut on(&home, arguments, APP, &name), ""), 1);
        assert!(text.contains("run `gatepost database migrate`"), "{text}");
    }
}

#[test]
fn a_check_that_connects_says_what_it_found() {
    let home = Home::new();
    let database = new_database();
    let mut command = on(&home, &["check-config", "--connect"], APP, &database);
    let owner = conninfo(&CLUSTER, "gatepost_owner", OWNER_PASSWORD, &database);
    let text = success(&run(command.env("GATEPOST_DATABASE_OWNER_URL", owner), ""));
    for line in [
        format!("# database.url: connected as gatepost_app to the database {database}"),
        format!("# database.owner_url: connected as gatepost_owner to the database {database}"),
        "# the schema is up to date".to_owned(),
    ] {
        assert!(text.lines().any(|found| found == line), "{line:?} is missing in\n{text}");
    }
    let url = conninfo(&CLUSTER, APP.0, APP.1, &database);
    let text = failure(&run(command.env("GATEPOST_DATABASE_OWNER_URL", url), ""), 1);
    assert!(text.contains("database.owner_url: the role gatepost_app is not"), "{text}");
    command.env_remove("GATEPOST_DATABASE_OWNER_URL");
    let text = failure(&run(command.env("GATEPOST_DATABASE_URL", "host=/does/not/exist"), ""), 1);
    assert!(text.contains("the database is not available"), "{text}");
}

#[test]
fn a_database_that_is_away_is_warned_of_once_and_so_is_its_return() {
    let (home, mut cluster) = (Home::new(), Cluster::start());
    bootstrap(&cluster);
    cluster.stop();
    let mut command = home.command(&["serve"]);
    command.env("GATEPOST_DATABASE_URL", conninfo(&cluster, APP.0, APP.1, "gatepost"));
    let times = [("POOL_WAIT", "200"), ("KEY_CHECK_INTERVAL", "1000"), ("SWEEP_INTERVAL", "1000")];
    let service = embedded::start(&command, &times);
    let client = Client::new();
    let status = || client.get(format!("{}/readyz", service.url)).send().unwrap().status();
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(3) {
        assert_eq!(status(), 503);
    }
    let log = service.log();
    assert_eq!(log.matches("WARN").count(), 1, "{log}");
    assert!(log.contains("cannot open a database connection; trying again: "), "{log}");
    cluster.run();
    let back = Instant::now();
    while status() != 200 {
        assert!(back.elapsed() < Duration::from_secs(20), "{}", service.log());
    }
    service.wait_for_log("database connections can be opened again");
    service.stop();
}

#[test]
fn a_transaction_that_the_server_ends_for_its_length_is_503() {
    let home = Home::new();
    let database = new_database();
    let mut admin = CLUSTER.admin(&database).connect(NoTls).unwrap();
    admin
        .batch_execute(
            "CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN RAISE EXCEPTION 'made up' USING ERRCODE = '25P04'; END $$;
             GRANT USAGE ON SCHEMA public TO gatepost_app;
             CREATE TRIGGER fail BEFORE INSERT ON gatepost.users
             FOR EACH ROW EXECUTE FUNCTION public.fail();",
        )
        .unwrap();
    let service = Running::start(&mut on(&home, &["serve"], APP, &database));
    let body = json!({"login": "alice", "password": PASSWORD});
    let answer = Client::new().post(format!("{}/user", service.url)).json(&body).send().unwrap();
    assert_eq!(answer.status(), 503);
    service.stop();
}
