//! The cost of typed statements against prepared ones: the same look-up of a user and of the caller
//! on one connection over a Unix socket, both ways in turn. `cargo bench --bench statements`
//!
//! A prepared statement saves the server parsing and planning; a typed one leaves nothing behind
//! on the server, which is what pgbouncer's transaction mode needs.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]

use gatepost_test_support::Cluster;
use postgres::types::Type;
use postgres::{Client, NoTls};
use std::time::Instant;

const ROUNDS: usize = 30;
const LOOKUPS: i64 = 2_000;
const SQL: &str =
    "SELECT id, login, admin, created_at, token_version FROM users WHERE id IN ($1, $2)";

fn main() {
    let cluster = Cluster::start();
    let mut client = cluster.admin("postgres").connect(NoTls).unwrap();
    client
        .batch_execute(
            "CREATE TABLE users (id BIGINT PRIMARY KEY, login TEXT, admin BOOLEAN,
                                 created_at TIMESTAMPTZ, token_version BIGINT);
             INSERT INTO users SELECT n, 'user' || n, false, now(), 1 FROM generate_series(1, 10000) n;
             ANALYZE users;",
        )
        .unwrap();
    let statement = client.prepare(SQL).unwrap();
    let typed = |client: &mut Client, id: i64| {
        assert_eq!(
            client.query_typed(SQL, &[(&1_i64, Type::INT8), (&id, Type::INT8)]).unwrap().len(),
            2
        );
    };
    let prepared = |client: &mut Client, id: i64| {
        assert_eq!(client.query(&statement, &[&1_i64, &id]).unwrap().len(), 2);
    };
    let (mut of_typed, mut of_prepared) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        of_typed.push(micros(|id| typed(&mut client, id)));
        of_prepared.push(micros(|id| prepared(&mut client, id)));
    }
    report("typed", of_typed);
    report("prepared", of_prepared);
}

/// Microseconds of one look-up, the mean of a round.
fn micros(mut lookup: impl FnMut(i64)) -> f64 {
    let begin = Instant::now();
    for n in 0..LOOKUPS {
        lookup(n * 7 % 9_999 + 2);
    }
    begin.elapsed().as_secs_f64() * 1e6 / LOOKUPS as f64
}

fn report(name: &str, mut rounds: Vec<f64>) {
    rounds.sort_by(f64::total_cmp);
    let (least, median, most) = (rounds[0], rounds[ROUNDS / 2], rounds[ROUNDS - 1]);
    println!("{name:9} {median:6.1} us a look-up (of {ROUNDS} rounds: {least:.1} to {most:.1})");
}
