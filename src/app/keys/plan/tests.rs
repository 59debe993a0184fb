//! What is due for which keys at which time.

use super::*;
use crate::config::Profile;
use Algorithm::{EdDsa, Es256, Hs256};

const DAY: i64 = 86_400_000;
const HOUR: i64 = 3_600_000;

fn config(algorithm: Algorithm) -> Config {
    let mut config = Config::new(Profile::Testing);
    config.tokens.algorithm = algorithm;
    config
}

fn row(generation: i64, algorithm: Algorithm, signs_from: i64, signs: bool) -> SigningRow {
    let kid = generation.to_string();
    let public = Vec::new();
    SigningRow { at: 0, generation, kid, algorithm, signs, public, signs_from }
}

fn rows(now: i64, signing: Vec<SigningRow>, refresh: Vec<RefreshRow>) -> KeyRows {
    KeyRows { now, signing, refresh, ..KeyRows::default() }
}

/// What is due at this time, with refresh keys that need nothing.
fn due(now: i64, signing: Vec<SigningRow>, algorithm: Algorithm) -> Plan {
    let refresh = vec![RefreshRow { at: 0, generation: 1, used_from: now }];
    Plan::of(&rows(now, signing, refresh), &config(algorithm))
}

#[test]
fn the_first_key_signs_at_once() {
    let plan = due(5, Vec::new(), EdDsa);
    assert_eq!(plan, Plan { signing: Some(Turn { generation: 1, from: 5 }), ..Plan::default() });
    assert!(due(5, Vec::new(), Hs256).is_empty());
}

#[test]
fn the_next_key_is_published_an_hour_before_the_90_days_are_over_and_signs_then() {
    let keys = || vec![row(1, EdDsa, 0, true)];
    assert!(due(90 * DAY - HOUR - 1, keys(), EdDsa).is_empty());
    let turn = |now| due(now, keys(), EdDsa).signing.unwrap();
    assert_eq!(turn(90 * DAY - HOUR), Turn { generation: 2, from: 90 * DAY });
    // No instance was running in time: it is published first all the same.
    assert_eq!(turn(100 * DAY), Turn { generation: 2, from: 100 * DAY + HOUR });
    let published = vec![row(1, EdDsa, 0, true), row(2, EdDsa, 90 * DAY, true)];
    assert!(due(90 * DAY - 1, published, EdDsa).is_empty());
}

#[test]
fn an_old_key_loses_its_private_half_and_goes_when_its_tokens_are_over() {
    let at = |now, private| {
        let keys = vec![row(1, EdDsa, 0, private), row(2, EdDsa, DAY, true)];
        let plan = due(now, keys, EdDsa);
        (plan.erased, plan.removed)
    };
    assert_eq!(at(DAY - 1, true), (vec![], vec![]));
    assert_eq!(at(DAY, true), (vec![1], vec![]));
    let last = DAY + 15 * 60_000 + 60_000;
    assert_eq!(at(last - 1, false), (vec![], vec![]));
    assert_eq!(at(last, false), (vec![], vec![1]));
}

#[test]
fn a_first_key_of_another_algorithm_is_published_before_it_signs() {
    let plan = due(DAY, vec![row(1, EdDsa, 0, true)], Es256);
    assert_eq!(plan.signing, Some(Turn { generation: 2, from: DAY + HOUR }));
    // An instance that is still configured for the old one has a key all the while.
    let both = || vec![row(1, EdDsa, 0, true), row(2, Es256, DAY, true)];
    assert!(due(80 * DAY, both(), Es256).is_empty());
    assert!(due(80 * DAY, both(), EdDsa).is_empty());
    assert_eq!(due(90 * DAY, both(), Es256).erased, [1]);
}

#[test]
fn without_a_rotation_no_key_follows_and_none_goes() {
    let mut config = config(EdDsa);
    config.tokens.key_rotation = Duration::ZERO;
    let signing = vec![row(1, Es256, 0, true), row(2, EdDsa, 0, true)];
    let plan = Plan::of(&rows(1_000 * DAY, signing, vec![]), &config);
    assert_eq!((plan.signing, plan.erased), (None, vec![]));
}

#[test]
fn a_refresh_key_is_kept_until_the_last_session_under_it_is_over() {
    let keys = [(1, 0), (2, 90 * DAY)];
    let keys = || keys.map(|(generation, used_from)| RefreshRow { at: 0, generation, used_from });
    let rows = |now| rows(now, vec![row(1, EdDsa, now, true)], keys().into());
    let removed = |now| Plan::of(&rows(now), &config(EdDsa)).removed_refresh;
    assert_eq!(removed(121 * DAY - 1), Vec::<i64>::new());
    assert_eq!(removed(121 * DAY), [1]);
    let next = Plan::of(&rows(180 * DAY), &config(EdDsa)).refresh;
    assert_eq!(next, Some(Turn { generation: 3, from: 180 * DAY + HOUR }));
}

#[test]
fn the_next_generation_is_one_that_no_row_has_and_that_is_accepted() {
    let mut rows = rows(0, vec![row(3, EdDsa, 0, true)], vec![]);
    assert_eq!((rows.next_signing_generation(), rows.next_refresh_generation()), (4, 1));
    rows.occupied = ([3, 4, 6, i64::MAX, i64::MIN].into(), [1].into());
    assert_eq!((rows.next_signing_generation(), rows.next_refresh_generation()), (5, 2));
    rows.floor = (6, 9);
    assert_eq!((rows.next_signing_generation(), rows.next_refresh_generation()), (7, 9));
}
