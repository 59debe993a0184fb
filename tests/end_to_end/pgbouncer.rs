//! A service that reaches PostgreSQL through pgbouncer in transaction mode, where one session's
//! statements run on many connections.

use crate::support::program::Spawned;
use crate::support::{APP_PASSWORD, PASSWORD, TestServer, bootstrap, client, config, form};
use gatepost::Service;
use gatepost_test_support::{Cluster, os_user};
use reqwest::Method;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Since version 1.21 it keeps the prepared statements of its clients apart, if told how many.
pub(crate) fn check() {
    let output = Command::new("pgbouncer").arg("--version").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let version = text.lines().next().unwrap().rsplit(' ').next().unwrap();
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap());
    check_with(false);
    if (numbers.next(), numbers.next()) >= (Some(1), Some(21)) {
        check_with(true);
    }
}

fn check_with(prepared_statements: bool) {
    let cluster = Cluster::start();
    bootstrap(&cluster);
    let dir = tempfile::Builder::new().prefix("gatepost-test-").tempdir().unwrap();
    std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o777)).unwrap();
    let (socket, server) = (dir.path().display(), cluster.dir().display());
    let ini = format!(
        "[databases]\ngatepost = host={server} port=5432 user=gatepost_app password='{}'\n\
         [pgbouncer]\nlisten_addr =\nlisten_port = 6432\nunix_socket_dir = {socket}\n\
         auth_type = any\npool_mode = transaction\ndefault_pool_size = 2\n{}",
        APP_PASSWORD.replace('\'', "''"),
        if prepared_statements { "max_prepared_statements = 100\n" } else { "" }
    );
    let file = dir.path().join("pgbouncer.ini");
    std::fs::write(&file, ini).unwrap();
    let mut command = Command::new("pgbouncer");
    command.arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if let Some((uid, gid)) = os_user() {
        command.uid(uid).gid(gid);
    }
    let _pgbouncer = Spawned::start(&mut command);
    let begin = Instant::now();
    while !dir.path().join(".s.PGSQL.6432").exists() {
        assert!(begin.elapsed() < Duration::from_secs(10), "pgbouncer does not start");
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut config = config("unused");
    let url = format!("host={socket} port=6432 user=gatepost_app dbname=gatepost");
    config.database.url = Some(url.as_str().into());
    config.database.prepared_statements = prepared_statements;
    let service = Service::start(config).unwrap();
    let server = TestServer { service, database: "gatepost".into(), client: client() };
    server.register_admin("root");
    let token = server.token("root");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (server, token) = (&server, &token);
            scope.spawn(move || {
                for n in 0..10 {
                    let id = server.register(&format!("user {thread} {n}"));
                    assert_eq!(server.get(&format!("/user?id={id}"), token).status(), 200);
                    assert_eq!(
                        server.log_in(&format!("user {thread} {n}"), PASSWORD).status(),
                        200
                    );
                    assert_eq!(server.get("/users", token).status(), 200);
                    assert_eq!(server.delete(&format!("/user?id={id}"), token).status(), 200);
                }
            });
        }
    });
    every_call(&server, &token);
    drop(server);
}

/// Each call that asks the database, on connections that are anybody's from one statement to the next.
fn every_call(server: &TestServer, admin: &str) {
    let id = server.register("every");
    for n in 0..3 {
        let tokens = server.tokens("every");
        assert_eq!(server.refresh(&tokens.refresh).status(), 200);
        assert_eq!(server.log_in("every", "a wrong password").status(), 400);
        for target in ["/sessions", "/user/export"] {
            let answer = server.get(&format!("{target}?{}", user(target, id)), &tokens.access);
            assert_eq!(answer.status(), 200, "{target}");
        }
        for target in
            ["/users?role=a", "/users?login_prefix=e", "/audit", "/api-keys", "/signing-keys"]
        {
            assert_eq!(server.get(target, admin).status(), 200, "{target}");
        }
        for target in ["/revocations", "/.well-known/jwks.json", "/readyz"] {
            let answer = server.request(Method::GET, target).send().unwrap();
            assert_eq!(answer.status(), 200, "{target}");
        }
        let change = json!({"id": id, "roles": ["a"], "attributes": {"public": {"b": 1}}});
        assert_eq!(server.patch(&change, admin).status(), 200);
        let change = json!({"id": id, "password": PASSWORD});
        assert_eq!(server.patch(&change, admin).status(), 200);
        let tokens = server.tokens("every");
        let key = server.request(Method::POST, "/api-keys").bearer_auth(admin);
        let name = format!("key-{n}");
        let key = key.json(&json!({"name": name, "scopes": ["introspect"]})).send().unwrap();
        assert_eq!(key.status(), 201);
        let key: Value = key.json().unwrap();
        let asked = server.request(Method::POST, "/introspect");
        let asked = asked.bearer_auth(key["key"].as_str().unwrap());
        let asked = form(asked, &[("token", &tokens.access)]).send().unwrap();
        assert_eq!(asked.status(), 200);
        let revoked = server.delete(&format!("/api-key?id={}", key["id"]), admin);
        assert_eq!(revoked.status(), 200);
        assert!(server.log_out(&tokens.access, &json!({})).status().is_success());
    }
}

fn user(target: &str, id: i64) -> String {
    if target == "/sessions" { format!("user_id={id}") } else { format!("id={id}") }
}
