//! The parts of a request's path, each alone: the hashing kernel, tokens, the router, the framing.
//! `cargo bench --bench parts`

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]

#[path = "shared/site.rs"]
mod site;

use criterion::{Criterion, criterion_group, criterion_main};
use gatepost::domain::Login;
use gatepost::internals::benchmark;
use gatepost::internals::front_door::framing::{Limits, parse};
use gatepost::passwords::Password;
use gatepost::{App, Caller, Profile};
use gatepost_test_support::Cluster;
use site::PASSWORD;
use std::hint::black_box;
use std::time::Instant;

/// 6,000 iterations, a hundredth of a password's.
fn kernel(criterion: &mut Criterion) {
    for hashes in [1, 2, 3, 8, 16] {
        criterion.bench_function(&format!("kernel, {hashes} hashes"), |bencher| {
            bencher.iter(|| benchmark::derive(PASSWORD.as_bytes(), &[7; 16], 6_000, hashes));
        });
    }
}

/// A token verified anew each time, and one remembered.
fn tokens(criterion: &mut Criterion) {
    let cluster = Cluster::start();
    let mut config = site::prepare(&cluster, Profile::Testing);
    let (login, password) = (Login::parse("alice").unwrap(), Password::parse(PASSWORD).unwrap());
    for (name, verified_tokens) in [("verified anew", 0), ("remembered", 1024)] {
        config.tokens.tuning.verified_tokens = verified_tokens;
        let app = App::open(config.clone()).unwrap();
        // Fails the second time, when the user exists already.
        let _ = gatepost::users::register(&app, &Caller::Trusted, &login, &password);
        let token = gatepost::sessions::log_in(&app, &login, &password).unwrap().access_token;
        criterion.bench_function(&format!("token, {name}"), |bencher| {
            bencher.iter(|| Caller::bearer(&app, black_box(&token)).unwrap());
        });
    }
}

fn router(criterion: &mut Criterion) {
    criterion.bench_function("router, the last of its routes and none", |bencher| {
        bencher.iter(|| {
            (
                benchmark::lane(black_box("GET"), black_box("/readyz"), b""),
                benchmark::lane(black_box("GET"), black_box("/nowhere"), b""),
            )
        });
    });
}

fn framing(criterion: &mut Criterion) {
    let limits = Limits { head_bytes: 16384, line_bytes: 8000, fields: 64, body_bytes: 16384 };
    let head = format!(
        "GET /user?id=1 HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: curl/8.5.0\r\n\
         Accept: */*\r\nAuthorization: Bearer {}\r\n\r\n",
        "x".repeat(400)
    );
    criterion.bench_function("framing, a usual head", |bencher| {
        bencher.iter(|| black_box(parse(black_box(head.as_bytes()), 0, &limits)));
    });
}

/// What the numbers for Prometheus cost a request.
fn metrics(criterion: &mut Criterion) {
    let began = Instant::now();
    criterion.bench_function("metrics, of one request", |bencher| {
        bencher.iter(|| benchmark::count_request(black_box(began)));
    });
}

criterion_group!(parts, kernel, tokens, router, framing, metrics);
criterion_main!(parts);
