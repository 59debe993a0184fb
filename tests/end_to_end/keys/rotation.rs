//! Keys that follow each other, on one instance and on two.

use super::{Pair, header, jwks, verifies};
use crate::support::{CLUSTER, TestServer, Tokens, client, config, new_database, problem};
use gatepost::config::Algorithm;
use gatepost::signing_keys::{PrivateHalf, SigningKeyState};
use gatepost::{Caller, Error, Service};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

#[test]
fn tokens_verify_before_during_and_after_a_rotation_on_two_instances() {
    let pair = Pair::start(|_| ());
    let id = pair.first.register("alice");
    let both = [&pair.first, &pair.second];
    // Every token of either instance is good for both, and for whoever has fetched the keys.
    let check = |tokens: &[String], what: &str| {
        for (server, url) in both.iter().zip(pair.urls()) {
            let keys = jwks(&url);
            for token in tokens {
                assert!(verifies(token, &keys), "{what}");
                assert_eq!(server.get(&format!("/user?id={id}"), token).status(), 200, "{what}");
            }
        }
    };
    let issue = || both.map(|server| server.token("alice"));
    let kids = |tokens: &[String]| -> BTreeSet<String> {
        tokens.iter().map(|token| header(token)["kid"].as_str().unwrap().to_owned()).collect()
    };
    let before = issue();
    check(&before, "before");

    let next = gatepost::signing_keys::rotate(pair.first.app(), &Caller::Trusted).unwrap();
    assert_eq!(next.state, SigningKeyState::Next);
    // Asked again, it is the same that comes next.
    assert_eq!(gatepost::signing_keys::rotate(pair.second.app(), &Caller::Trusted).unwrap(), next);
    pair.read_again();
    let during = issue();
    assert_eq!(kids(&during), kids(&before), "a key signs that is only published");
    assert_eq!(jwks(&pair.urls()[1]).len(), 2);
    check(&during, "during");

    pair.let_pass(3_600);
    let after = issue();
    assert_eq!(kids(&after), BTreeSet::from([next.kid.clone()]));
    check(&before, "the old ones after");
    check(&after, "after");
    let keys = gatepost::signing_keys::list(pair.first.app(), &Caller::Trusted).unwrap();
    let seen: Vec<_> = keys.iter().map(|key| (key.state, key.private)).collect();
    let erased = (SigningKeyState::Old, PrivateHalf::Erased);
    assert_eq!(seen, [erased, (SigningKeyState::Signing, PrivateHalf::Plain)]);

    // The old key goes when its last token is over.
    pair.let_pass(15 * 60 + 60);
    assert_eq!(jwks(&pair.urls()[0]).len(), 1);
    for server in both {
        problem(server.get(&format!("/user?id={id}"), &before[0]), 401, "unauthenticated");
    }
    check(&after, "the new ones at the end");
}

#[test]
fn keys_rotate_by_themselves_and_sessions_outlive_it() {
    let pair = Pair::start(|_| ());
    pair.first.register("alice");
    let mut tokens = pair.first.tokens("alice");
    let first = header(&tokens.access)["kid"].clone();
    pair.let_pass(90 * 86_400 - 3_600);
    let keys = gatepost::signing_keys::list(pair.first.app(), &Caller::Trusted).unwrap();
    let states: Vec<SigningKeyState> = keys.iter().map(|key| key.state).collect();
    assert_eq!(states, [SigningKeyState::Signing, SigningKeyState::Next]);
    pair.let_pass(3_600);
    // A session keeps the refresh key that it began with; a new one takes the next.
    tokens = Tokens::of(pair.second.refresh(&tokens.refresh));
    assert_ne!(header(&tokens.access)["kid"], first);
    tokens = Tokens::of(pair.first.refresh(&tokens.refresh));
    let sql = "SELECT DISTINCT key_generation FROM gatepost.sessions ORDER BY 1";
    let later = pair.second.tokens("alice");
    let rows = pair.first.sql().query(sql, &[]).unwrap();
    assert_eq!(rows.iter().map(|row| row.get(0)).collect::<Vec<i64>>(), [1, 2]);
    Tokens::of(pair.first.refresh(&later.refresh));
    Tokens::of(pair.second.refresh(&tokens.refresh));
}

#[test]
fn tokens_issued_while_keys_rotate_are_all_good() {
    let pair = Pair::start(|config| {
        config.tokens.tuning.key_check_interval = Duration::from_secs(1);
        config.tokens.key_publication = Duration::from_secs(2);
        config.tokens.key_rotation = Duration::from_secs(4);
        config.server.workers = 8;
        // They refresh as fast as they can.
        config.limits.enabled = false;
    });
    let id = pair.first.register("alice");
    let (over, pair) = (AtomicBool::new(false), &pair);
    let kids: BTreeSet<String> = std::thread::scope(|scope| {
        let issue = |server: &'static str| {
            let over = &over;
            let (issuer, verifier) = match server {
                "first" => (&pair.first, &pair.second),
                _ => (&pair.second, &pair.first),
            };
            scope.spawn(move || {
                let (mut tokens, mut kids) = (issuer.tokens("alice"), BTreeSet::new());
                while !over.load(Ordering::Relaxed) {
                    tokens = Tokens::of(issuer.refresh(&tokens.refresh));
                    kids.insert(header(&tokens.access)["kid"].as_str().unwrap().to_owned());
                    let shown = verifier.get(&format!("/user?id={id}"), &tokens.access);
                    assert_eq!(shown.status(), 200);
                    assert!(verifies(&tokens.access, &jwks(&verifier.url(""))));
                }
                kids
            })
        };
        let threads = [issue("first"), issue("second")];
        while gatepost::signing_keys::list(pair.first.app(), &Caller::Trusted).unwrap().len() < 4 {
            std::thread::sleep(Duration::from_millis(50));
        }
        over.store(true, Ordering::Relaxed);
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(kids.len() >= 3, "{kids:?}");
}

#[test]
fn replacing_leaked_keys_ends_every_token_and_every_session() {
    let pair = Pair::start(|_| ());
    let id = pair.first.register("alice");
    let tokens = pair.first.tokens("alice");
    let new = gatepost::signing_keys::replace(pair.first.app()).unwrap();
    assert_eq!(new.state, SigningKeyState::Signing);
    let target = format!("/user?id={id}");
    problem(pair.first.get(&target, &tokens.access), 401, "unauthenticated");
    problem(pair.first.refresh(&tokens.refresh), 400, "invalid_grant");
    let ended = "SELECT count(*) = 1 AND bool_and(ended_at IS NOT NULL) FROM gatepost.sessions";
    assert!(pair.first.sql().query_one(ended, &[]).unwrap().get::<_, bool>(0));
    let again = pair.first.tokens("alice");
    // The other instance is told by the unknown key in the token that it is shown.
    pair.read_again();
    assert_eq!(pair.second.get(&target, &again.access).status(), 200);
    problem(pair.second.get(&target, &tokens.access), 401, "unauthenticated");
    problem(pair.second.refresh(&tokens.refresh), 400, "invalid_grant");
    Tokens::of(pair.second.refresh(&again.refresh));
    assert_eq!(jwks(&pair.urls()[1]).len(), 1);
}

#[test]
fn an_unknown_key_in_a_token_makes_an_instance_look_again() {
    // This one reads the keys so seldom that it is not by chance.
    let pair =
        Pair::start(|config| config.tokens.tuning.key_check_interval = Duration::from_secs(3_600));
    let id = pair.first.register("alice");
    std::thread::sleep(Duration::from_millis(1_100));
    gatepost::signing_keys::replace(pair.first.app()).unwrap();
    let tokens = pair.first.tokens("alice");
    let shown = pair.second.get(&format!("/user?id={id}"), &tokens.access);
    assert_eq!(shown.status(), 200);
}

#[test]
fn instances_of_different_algorithms_understand_each_other() {
    let first = TestServer::start();
    let id = first.register("alice");
    let mut settings = config(&first.database);
    settings.tokens.algorithm = Algorithm::Es256;
    let service = Service::start(settings).unwrap();
    let second = TestServer { service, database: first.database.clone(), client: client() };
    // While its first key is only published, it signs with the old one.
    assert_eq!(header(&second.token("alice"))["alg"], "EdDSA");
    let pair = Pair { first, second };
    pair.let_pass(3_600);
    let (old, new) = (pair.first.token("alice"), pair.second.token("alice"));
    assert_eq!((&header(&old)["alg"], &header(&new)["alg"]), (&json!("EdDSA"), &json!("ES256")));
    for server in [&pair.first, &pair.second] {
        for token in [&old, &new] {
            assert_eq!(server.get(&format!("/user?id={id}"), token).status(), 200);
        }
    }
    assert_eq!(gatepost::signing_keys::list(pair.first.app(), &Caller::Trusted).unwrap().len(), 2);
}

#[test]
fn a_program_that_embeds_the_operations_alone_rotates_as_well() {
    let database = new_database();
    let mut settings = config(&database);
    settings.tokens.tuning.key_check_interval = Duration::from_secs(1);
    let app = gatepost::App::open(settings).unwrap();
    let mut sql = CLUSTER.admin(&database).connect(postgres::NoTls).unwrap();
    let past = "UPDATE gatepost.signing_keys SET signs_from = signs_from - interval '89.99 days'";
    sql.execute(past, &[]).unwrap();
    std::thread::sleep(Duration::from_millis(2_100));
    assert!(matches!(Caller::bearer(&app, "a.b.c"), Err(Error::TokenInvalid)));
    let states: Vec<SigningKeyState> = gatepost::signing_keys::list(&app, &Caller::Trusted)
        .unwrap()
        .iter()
        .map(|key| key.state)
        .collect();
    assert_eq!(states, [SigningKeyState::Signing, SigningKeyState::Next]);
}

#[test]
fn a_rotation_after_the_clock_was_years_ahead_makes_a_key_that_signs_soon() {
    let pair = Pair::start(|_| ());
    let id = pair.first.register("alice");
    // As if the key had been made while the clock was two years ahead, and the one before were gone.
    pair.let_pass(-2 * 365 * 86_400);
    let app = pair.first.app();
    let listed = || -> Vec<SigningKeyState> {
        gatepost::signing_keys::list(app, &Caller::Trusted)
            .unwrap()
            .iter()
            .map(|key| key.state)
            .collect()
    };
    assert_eq!(listed(), [SigningKeyState::Signing], "it signs, since no other can");
    let far = gatepost::signing_keys::list(app, &Caller::Trusted).unwrap().remove(0);
    let before = pair.first.token("alice");
    assert_eq!(header(&before)["kid"], far.kid);
    let next = gatepost::signing_keys::rotate(app, &Caller::Trusted).unwrap();
    assert!(next.kid != far.kid && next.state == SigningKeyState::Next, "{next:?}");
    assert_ne!(next.signs_from, far.signs_from);
    assert_eq!(gatepost::signing_keys::rotate(app, &Caller::Trusted).unwrap(), next);
    assert_eq!(listed(), [SigningKeyState::Signing, SigningKeyState::Next]);
    pair.let_pass(3_600);
    let token = pair.first.token("alice");
    assert_eq!(header(&token)["kid"], next.kid);
    assert_eq!(listed(), [SigningKeyState::Old, SigningKeyState::Signing]);
    assert_eq!(pair.second.get(&format!("/user?id={id}"), &before).status(), 200);
    pair.let_pass(15 * 60 + 60);
    assert_eq!(listed(), [SigningKeyState::Signing], "the key that was far ahead is gone");
}
