//! Sessions that end by themselves, and what is left of them.

use super::{count, let_pass, listed, status};
use crate::support::{TestServer, Tokens, config, problem};
use gatepost::Service;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

#[test]
fn a_session_that_is_not_used_ends_and_so_do_its_access_tokens() {
    let server = TestServer::with(|c| c.sessions.idle_timeout = Duration::from_secs(600));
    let id = server.register("alice");
    let first = server.tokens("alice");
    let_pass(&server, 590);
    let second = Tokens::of(server.refresh(&first.refresh));
    let_pass(&server, 590);
    assert_eq!(status(&server, id, &second.access), 200);
    let_pass(&server, 11);
    assert_eq!(status(&server, id, &second.access), 401);
    problem(server.refresh(&second.refresh), 400, "invalid_grant");
}

#[test]
fn a_session_ends_at_its_lifetime_however_much_it_is_used() {
    let server = TestServer::with(|c| {
        c.sessions.lifetime = Duration::from_secs(1_000);
        c.sessions.idle_timeout = Duration::from_secs(600);
    });
    server.register("alice");
    let mut token = server.tokens("alice").refresh;
    let_pass(&server, 500);
    token = Tokens::of(server.refresh(&token)).refresh;
    let_pass(&server, 400);
    let response = server.refresh(&token);
    let body: Value = response.json().unwrap();
    // An access token does not outlive its session.
    let left = body["expires_in"].as_i64().unwrap();
    assert!((90..=100).contains(&left), "{left}");
    let_pass(&server, 101);
    problem(server.refresh(body["refresh_token"].as_str().unwrap()), 400, "invalid_grant");
}

#[test]
fn a_user_has_so_many_sessions_and_a_further_login_ends_the_oldest() {
    let server = TestServer::with(|c| c.sessions.per_user = 2);
    let id = server.register("alice");
    let tokens: Vec<Tokens> = (0..3).map(|_| server.tokens("alice")).collect();
    let statuses: Vec<u16> = tokens.iter().map(|it| status(&server, id, &it.access)).collect();
    assert_eq!(statuses, [401, 200, 200]);
    problem(server.refresh(&tokens[0].refresh), 400, "invalid_grant");
}

#[test]
fn sessions_that_are_over_are_swept_by_the_running_service() {
    let server = TestServer::with(|c| c.sessions.tuning.sweep_interval = Duration::from_secs(1));
    let second = Service::start({
        let mut config = config(&server.database);
        config.sessions.tuning.sweep_interval = Duration::from_secs(1);
        config
    })
    .unwrap();
    let id = server.register("alice");
    let fill = "INSERT INTO gatepost.sessions (user_id, key_generation, expires_at)
                SELECT $1, 1, now() - interval '1 day' FROM generate_series(1, 5000)";
    server.sql().execute(fill, &[&id]).unwrap();
    let live = server.tokens("alice");
    let ended = server.tokens("alice");
    assert_eq!(server.log_out(&ended.access, &json!({})).status(), 200);
    while count(&server, "true") > 2 {
        std::thread::sleep(Duration::from_millis(50));
    }
    // What was ended stays for as long as its access tokens are good for others.
    assert_eq!(count(&server, "ended_at IS NOT NULL"), 1);
    Tokens::of(server.refresh(&live.refresh));
    // Until the day after, in UTC.
    let_pass(&server, 86_400 + 901);
    while count(&server, "ended_at IS NOT NULL") > 0 {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(count(&server, "true"), 1);
    drop(second);
}

#[test]
fn a_sweep_from_several_sides_removes_each_session_once() {
    let server = TestServer::start();
    let id = server.register("alice");
    let fill = "INSERT INTO gatepost.sessions (user_id, key_generation, expires_at)
                SELECT $1, 1, now() - interval '1 day' FROM generate_series(1, 5000)";
    server.sql().execute(fill, &[&id]).unwrap();
    let swept: u64 = std::thread::scope(|scope| {
        let sweep = |_| scope.spawn(|| gatepost::sessions::sweep(server.app()).unwrap());
        let threads: Vec<_> = (0..4).map(sweep).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!((swept, count(&server, "true")), (5_000, 0));
}

#[test]
fn with_50000_sessions_no_call_reads_the_whole_table() {
    let server = TestServer::start();
    let id = server.register("alice");
    let fill = "INSERT INTO gatepost.sessions (user_id, key_generation, expires_at)
                SELECT 1000 + n % 10000, 1, now() + n * interval '1 second'
                FROM generate_series(1, 50000) n";
    let mut sql = server.sql();
    sql.execute(fill, &[]).unwrap();
    sql.batch_execute("VACUUM ANALYZE gatepost.sessions").unwrap();
    let mut scans = || -> (i64, i64) {
        let sql_text = "SELECT seq_scan, idx_scan FROM pg_stat_user_tables
                        WHERE schemaname = 'gatepost' AND relname = 'sessions'";
        let row = sql.query_one(sql_text, &[]).unwrap();
        (row.get(0), row.get(1))
    };
    let before = scans();
    for _ in 0..10 {
        let tokens = Tokens::of(server.refresh(&server.tokens("alice").refresh));
        assert_eq!(status(&server, id, &tokens.access), 200);
        assert!(!listed(server.get("/sessions", &tokens.access)).is_empty());
        assert_eq!(server.log_out(&tokens.access, &json!({"all": true})).status(), 200);
    }
    gatepost::sessions::sweep(server.app()).unwrap();
    // The server counts a moment late: some seven look-ups by an index a round.
    while scans().1 < before.1 + 60 {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(scans().0, before.0);
}

#[test]
fn a_refresh_writes_into_no_index_of_the_sessions() {
    let server = TestServer::start();
    server.register("alice");
    let mut tokens = server.tokens("alice");
    for _ in 0..50 {
        tokens = Tokens::of(server.refresh(&tokens.refresh));
    }
    let mut sql = server.sql();
    let begin = Instant::now();
    let (updates, in_the_page) = loop {
        let counted = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables
                       WHERE schemaname = 'gatepost' AND relname = 'sessions'";
        let row = sql.query_one(counted, &[]).unwrap();
        let (updates, in_the_page): (i64, i64) = (row.get(0), row.get(1));
        if updates >= 50 {
            break (updates, in_the_page);
        }
        // The server counts a moment late.
        assert!(begin.elapsed() < Duration::from_secs(30), "{updates}");
        std::thread::sleep(Duration::from_millis(50));
    };
    // One may have moved the session's end to another day.
    assert!(in_the_page >= updates - 1, "{in_the_page} of {updates}");
}
