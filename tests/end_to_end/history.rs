//! What has piled up in the tables costs no call anything: rows that PostgreSQL reads for the same
//! calls beside empty tables and beside full ones.

use crate::authorization::key;
use crate::support::{CLUSTER, PASSWORD, TestServer, Tokens, client, config, form, problem};
use gatepost::Service;
use postgres::NoTls;
use reqwest::Method;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

/// What a busy service leaves behind: sessions of one user that ended, failures, networks, revoked
/// keys, a sealed log.
const HISTORY: &str = "
    INSERT INTO gatepost.sessions (user_id, key_generation, expires_at, ended_at, revoked_at)
    SELECT 1, 1, now() + interval '1 hour', now() - interval '1 hour', now() - interval '1 hour'
    FROM generate_series(1, 100000);
    INSERT INTO gatepost.attempts (key, forgotten_at, retry_at)
    SELECT 'l'::bytea || decode(md5(n::text), 'hex'), now() + interval '1 hour', 'epoch'
    FROM generate_series(1, 100000) n;
    INSERT INTO gatepost.known_networks (network, user_id)
    SELECT decode(md5(n::text), 'hex'), 2 FROM generate_series(1, 100000) n;
    INSERT INTO gatepost.api_keys (name, hash, scopes, revoked_at)
    SELECT 'shop', decode(md5(n::text), 'hex'), 'register', now() - interval '1 day'
    FROM generate_series(1, 100000) n;
    INSERT INTO gatepost.audit (at, actor, action, user_id, outcome, nonce, mac)
    SELECT now(), 'user', 'log_in', 1, 'done', '', decode(md5(n::text), 'hex')
    FROM generate_series(1, 100000) n;
    INSERT INTO gatepost.audit_seals (number, sealed_at, rows, last_id, mac)
    SELECT 1, now() - interval '1 hour', '', max(id), decode(repeat('00', 32), 'hex')
    FROM gatepost.audit;
    ANALYZE";

/// Each call once or twice, as everybody makes them.
fn calls(server: &TestServer) {
    let get = |target: &str, token: &str| assert_eq!(server.get(target, token).status(), 200);
    for target in
        ["/readyz", "/livez", "/openapi.json", "/docs", "/.well-known/jwks.json", "/revocations"]
    {
        get(target, "");
    }
    problem(server.log_in("alice", "wrong"), 400, "invalid_credentials");
    problem(server.log_in("nobody", "wrong"), 400, "invalid_credentials");
    problem(server.refresh("nonsense"), 400, "invalid_grant");
    // Each of these ends the oldest.
    let mut tokens: Vec<Tokens> = (0..4).map(|_| server.tokens("alice")).collect();
    let alice = Tokens::of(server.refresh(&tokens.remove(3).refresh));
    let (_, key) = key(server, "introspect");
    let post = |target: &str, token: &str| {
        let request = server.request(Method::POST, target).bearer_auth(&key);
        assert_eq!(form(request, &[("token", token)]).send().unwrap().status(), 200);
    };
    post("/introspect", &alice.access);
    post("/introspect", &alice.refresh);
    post("/revoke", &tokens[2].access);
    get("/sessions", &alice.access);
    get("/user?id=1", &alice.access);
    let change = json!({"id": 1, "password": "another password"});
    assert_eq!(server.patch(&change, &alice.access).status(), 200);
    let again = Tokens::of(server.log_in("alice", "another password"));
    assert_eq!(server.log_out(&again.access, &json!({"all": true})).status(), 200);
    let root = server.token("root");
    for target in ["/users", "/audit", "/sessions?user_id=1"] {
        get(target, &root);
    }
    let carol = server.register("carol");
    assert_eq!(server.log_in("carol", PASSWORD).status(), 200);
    assert_eq!(server.delete(&format!("/user?id={carol}"), &root).status(), 200);
}

/// Rows of tables and entries of indexes that the calls read, by table.
fn read_by_calls(history: &str) -> BTreeMap<String, i64> {
    // Nothing seals the log while it is being filled.
    let before = TestServer::with(|config| config.audit.enabled = false);
    before.register("alice");
    before.register("bob");
    before.register_admin("root");
    before.sql().batch_execute(history).unwrap();
    let TestServer { service, database, .. } = before;
    service.stop();
    let mut config = config(&database);
    config.sessions.per_user = 2;
    CLUSTER
        .admin(&database)
        .connect(NoTls)
        .unwrap()
        .execute("SELECT pg_stat_reset()", &[])
        .unwrap();
    let server =
        TestServer { service: Service::start(config).unwrap(), database, client: client() };
    calls(&server);
    // PostgreSQL adds up what a connection did when it ends, at the latest.
    let TestServer { service, database, .. } = server;
    service.stop();
    let mut admin = CLUSTER.admin(&database).connect(NoTls).unwrap();
    let connected = "SELECT count(*) FROM pg_stat_activity
                     WHERE datname = current_database() AND usename = 'gatepost_app'";
    while admin.query_one(connected, &[]).unwrap().get::<_, i64>(0) > 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
    crate::support::wait_for_statistics(&mut admin);
    let read = "SELECT relname::text,
                       (seq_tup_read + coalesce(idx_tup_fetch, 0)
                        + coalesce((SELECT sum(idx_tup_read) FROM pg_stat_user_indexes i
                                    WHERE i.relid = t.relid), 0))::bigint
                FROM pg_stat_user_tables t WHERE schemaname = 'gatepost'";
    admin.query(read, &[]).unwrap().iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[test]
fn with_100000_rows_of_history_in_each_table_no_call_reads_more_than_beside_empty_ones() {
    let (empty, full) = (read_by_calls(""), read_by_calls(HISTORY));
    assert!(empty["users"] > 20 && empty["sessions"] > 20, "{empty:?}");
    for (table, rows) in &full {
        // A page of the log, and the seal that stands for what is pruned, have something to show.
        let allowed = empty[table] + 100;
        assert!(
            *rows <= allowed,
            "{table}: {rows} rows read, {allowed} allowed; {empty:?} {full:?}"
        );
    }
}
