//! Parts made, divided, given out again and refused.

use super::*;

fn part(kid: &str) -> Arc<Part> {
    Arc::new(Part { body: String::new(), etag: String::new(), kid: kid.to_owned() })
}

fn board(entries: i64) -> Board {
    let board = Board::default();
    board.survey((1..=entries).map(|n| (n, 7)).collect(), 1000, 0);
    board
}

#[test]
fn whoever_invents_positions_gets_few_different_answers() {
    let board = board(1000);
    let starts: BTreeSet<_> = (0..100_000).map(|n| board.bounds((n / 50, n % 50)).0).collect();
    assert!(starts.len() <= 40, "{}", starts.len());
    assert_eq!(starts.first(), Some(&BEGINNING));
}

#[test]
fn an_answer_begins_where_was_asked_for_or_a_little_before() {
    for entries in [0, 1, 2, 9, 100, 1000] {
        let board = board(entries);
        for asked in 0..=entries + 1 {
            let (start, end) = board.bounds((asked, 7));
            let wanted = (entries - asked).max(0);
            let sent = entries - start.0;
            assert_eq!(end, None);
            assert!(sent >= wanted && sent <= wanted + wanted / 4, "{wanted} {sent}");
        }
    }
}

#[test]
fn a_long_list_is_divided_and_each_step_goes_forward() {
    let board = Board::default();
    let all: Vec<Position> = (1..=2500).map(|n| (n, 7)).collect();
    let mut from = Some(BEGINNING);
    while let Some(start) = from {
        let behind = all.iter().filter(|entry| **entry > start).take(1001).copied();
        from = board.survey(behind.collect(), 1000, 0);
    }
    assert_eq!(board.bounds((0, 0)), (BEGINNING, Some((1000, 7))));
    assert_eq!(board.bounds((999, 7)), (BEGINNING, Some((1000, 7))));
    assert_eq!(board.bounds((1000, 7)), ((1000, 7), Some((2000, 7))));
    assert_eq!(board.bounds((2500, 7)), ((2500, 7), None));
    // A start that the list no longer holds is dropped.
    board.survey(Vec::new(), 1000, 1500);
    assert_eq!(board.bounds((1000, 7)), (BEGINNING, Some((2000, 7))));
}

#[test]
fn a_part_is_made_once_and_again_for_another_key() {
    let board = Board::default();
    let get = |kid: &str| {
        let mut made = false;
        let make = || {
            made = true;
            let part = part(kid);
            board.keep(BEGINNING, Instant::now(), &part);
            Ok(part)
        };
        board.part((5, 5), kid, make).unwrap();
        made
    };
    assert_eq!((get("a"), get("a"), get("b"), get("b")), (true, false, true, false));
}

#[test]
fn who_waited_for_a_failure_does_not_try_again_and_who_comes_later_does() {
    let board = Board::default();
    let away = Error::Unavailable("away".to_owned());
    let get = || board.part((0, 0), "a", || Ok(part("a"))).map(drop);
    let later = Instant::now() + Duration::from_secs(3_600);
    board.state().failed = Some((later, away.clone()));
    assert_eq!(get(), Err(away.clone()));
    board.state().failed = Some((Instant::now(), away.clone()));
    assert_eq!(get(), Ok(()));
    // Failures are kept, refusals are not.
    let refuse = || Err(Error::TooManyAttempts(FRESH));
    assert_eq!(board.part((0, 0), "a", refuse).map(drop), Err(Error::TooManyAttempts(FRESH)));
    assert!(board.state().failed.as_ref().is_some_and(|(_, error)| *error == away));
}

#[test]
fn of_a_very_long_list_so_many_parts_a_second_are_made_and_the_last_one_always() {
    let board = Board::default();
    (1..=200).for_each(|n| board.divide((n * 1000, 7)));
    let starts = |n: i64| board.bounds((n * 1000, 7)).0;
    for n in 1..=64 {
        board.admit(starts(n)).unwrap();
        board.keep(starts(n), Instant::now(), &part("a"));
    }
    assert_eq!(board.admit(starts(65)), Err(Error::TooManyAttempts(FRESH)));
    assert_eq!(board.admit(starts(200)), Ok(()));
}
