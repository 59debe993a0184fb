//! Hashing and verifying.

use super::*;

thread_local! {
    /// Iterations computed on this thread.
    pub(super) static DERIVED: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}

fn with(iterations: u32) -> Hasher {
    let settings = config::Config::new(config::Profile::Testing).passwords;
    Hasher::new(&config::Passwords { iterations, ..settings }, 1, 6, Arc::default()).unwrap()
}

/// With 10 iterations and these peppers, the current one first.
fn peppered(current: Option<&str>, previous: &[&str]) -> Hasher {
    let secret = |letter: &str| crate::secret::Secret::new(letter.repeat(32));
    let settings = config::Config::new(config::Profile::Testing).passwords;
    let settings = config::Passwords {
        iterations: 10,
        pepper: current.map(secret),
        previous_peppers: previous.iter().copied().map(secret).collect(),
        ..settings
    };
    Hasher::new(&settings, 1, 6, Arc::default()).unwrap()
}

fn password(text: &str) -> Password {
    Password::parse(text).unwrap()
}

#[test]
fn a_wrong_password_costs_the_same_whoever_it_is_for() {
    let hasher = with(50);
    let [older, current] =
        [10, 50].map(|iterations| with(iterations).hash(&password("correct horse")).unwrap());
    for stored in [None, Some(&older), Some(&current)] {
        DERIVED.set(0);
        assert_eq!(hasher.verify(&password("wrong horse"), stored), Ok(Verdict::Wrong));
        assert_eq!(DERIVED.get(), 50, "{stored:?}");
    }
}

/// A hash in our format that an import brought, of this password byte for byte.
fn alike(text: &str, iterations: u32) -> PasswordHash {
    let salt = [7; SALT_BYTES];
    let hash = with(1).threads.derive(text.as_bytes(), &salt, iterations).unwrap();
    let own: PasswordHash = Own { iterations, pepper: None, salt, hash }.into();
    PasswordHash::from_elsewhere(&own.to_string()).unwrap()
}

#[test]
fn a_hash_in_our_format_from_elsewhere_is_tried_normalised_then_as_typed_and_is_always_weak() {
    let hasher = with(50);
    for iterations in [10, 50, 70] {
        let (typed, normalised) = (alike("pass²word", iterations), alike("pass2word", iterations));
        let verify = |text: &str, stored| hasher.verify(&password(text), Some(stored)).unwrap();
        assert_eq!(verify("pass²word", &typed), Verdict::RightButWeak);
        assert_eq!(verify("pass²word", &normalised), Verdict::RightButWeak);
        assert_eq!(verify("pass2word", &normalised), Verdict::RightButWeak);
        assert_eq!(verify("pass2word", &typed), Verdict::Wrong);
        assert_eq!(verify("pass³word", &typed), Verdict::Wrong);
    }
}

#[test]
fn hashes_of_ours_are_tried_once_and_others_cost_more_only_where_both_trials_do() {
    let hasher = with(50);
    let own = hasher.hash(&password("correct horse")).unwrap();
    let (cheap, costly) = (alike("correct horse", 20), alike("correct horse", 40));
    for (stored, wrong, spent) in [
        (None, "wr²ng", 50),
        (Some(&own), "wr²ng", 50),
        (Some(&cheap), "wr²ng", 50),
        (Some(&cheap), "wrong", 50),
        (Some(&costly), "wrong", 50),
        (Some(&costly), "wr²ng", 80),
    ] {
        DERIVED.set(0);
        assert_eq!(hasher.verify(&password(wrong), stored), Ok(Verdict::Wrong));
        assert_eq!(DERIVED.get(), spent, "{stored:?} and {wrong}");
    }
}

#[test]
fn a_password_verifies_against_its_own_hash_and_no_other_does() {
    let hasher = with(10);
    let stored = hasher.hash(&password("correct horse")).unwrap();
    assert_eq!(hasher.verify(&password("correct horse"), Some(&stored)), Ok(Verdict::Right));
    assert_eq!(hasher.verify(&password("correct horsf"), Some(&stored)), Ok(Verdict::Wrong));
    assert_eq!(hasher.verify(&password("correct horse"), None), Ok(Verdict::Wrong));
    let again = hasher.hash(&password("correct horse")).unwrap();
    assert_ne!(again.to_string(), stored.to_string());
}

#[test]
fn a_hash_with_fewer_iterations_than_configured_is_right_but_weak() {
    let stored = with(10).hash(&password("correct horse")).unwrap();
    let verify = |n: u32| with(n).verify(&password("correct horse"), Some(&stored));
    assert_eq!(verify(11), Ok(Verdict::RightButWeak));
    assert_eq!(verify(9), Ok(Verdict::Right));
}

#[test]
fn the_same_password_from_another_keyboard_is_the_same() {
    let hasher = with(10);
    let stored = hasher.hash(&password("Å①ﬁ")).unwrap();
    let decomposed = password("A\u{30a}1fi");
    assert_eq!(hasher.verify(&decomposed, Some(&stored)), Ok(Verdict::Right));
}

#[test]
fn a_password_has_1_to_1024_bytes_after_normalisation() {
    assert!(Password::parse("").is_err());
    assert!(Password::parse(&"x".repeat(1024)).is_ok());
    assert!(Password::parse(&"x".repeat(1025)).is_err());
    assert!(Password::parse("nul\0nul").is_err());
    // One character of three bytes that NFKC makes eighteen of.
    assert!(Password::parse(&"\u{fdfa}".repeat(31)).is_ok());
    assert!(Password::parse(&"\u{fdfa}".repeat(32)).is_err());
}

#[test]
fn a_password_does_not_print_itself() {
    assert_eq!(format!("{:?}", password("hunter2hunter2")), "Password(…)");
}

#[test]
fn a_hash_under_a_previous_pepper_or_none_is_right_but_weak() {
    let right = password("correct horse");
    let [unpeppered, old] =
        [peppered(None, &[]), peppered(Some("o"), &[])].map(|hasher| hasher.hash(&right).unwrap());
    let current = peppered(Some("c"), &["o"]);
    let new = current.hash(&right).unwrap();
    for (stored, expected) in [
        (&unpeppered, Verdict::RightButWeak),
        (&old, Verdict::RightButWeak),
        (&new, Verdict::Right),
    ] {
        assert_eq!(current.verify(&right, Some(stored)), Ok(expected), "{stored:?}");
        assert_eq!(current.verify(&password("wrong"), Some(stored)), Ok(Verdict::Wrong));
    }
}

#[test]
fn a_hash_whose_pepper_is_missing_is_an_error_that_names_it_and_never_a_wrong_password() {
    let right = password("correct horse");
    let stored = peppered(Some("o"), &[]).hash(&right).unwrap();
    let stored_text = stored.to_string();
    let (_, id) = stored_text.split_once("keyid=").unwrap();
    for hasher in [peppered(None, &[]), peppered(Some("c"), &["x"])] {
        let Err(Error::Internal(text)) = hasher.verify(&right, Some(&stored)) else { panic!() };
        assert!(text.contains(&format!("keyid {}", &id[..8])), "{text}");
        assert!(hasher.check(&stored).is_err());
    }
}

#[test]
fn a_stolen_hash_is_worth_nothing_without_its_pepper() {
    let right = password("correct horse");
    let text = peppered(Some("o"), &[]).hash(&right).unwrap().to_string();
    let id = &text[text.find(",keyid=").unwrap()..][..",keyid=".len() + 8];
    let without: PasswordHash = text.replace(id, "").parse().unwrap();
    assert_eq!(peppered(None, &[]).verify(&right, Some(&without)), Ok(Verdict::Wrong));
}

#[test]
fn a_foreign_hash_is_verified_as_the_password_was_typed_and_is_then_weak() {
    let hasher = with(10);
    for hash in [
        "$2b$05$wtKn/LXJLZAxDK8TegzXrOMsMwGdxY1tmAODTveCdJfvMAYZrevDG",
        "pbkdf2_sha256$1000$saltsaltsalt$en+a81IaqrP0yDav+lVHzzSWjBz91dAE1Af/2HawpKk=",
    ] {
        let hash: PasswordHash = hash.parse().unwrap();
        let verify = |text: &str| hasher.verify(&password(text), Some(&hash)).unwrap();
        assert_eq!(verify("Ångström ①② password"), Verdict::RightButWeak);
        assert_eq!(verify("Ångström 12 password"), Verdict::Wrong);
    }
}

#[test]
fn whoever_answers_a_quick_request_cannot_wait_for_a_hash() {
    let hasher = with(10);
    let activity = Activity::default();
    let hash = hasher.hash(&password("x")).unwrap();
    let answering = activity.begin();
    assert!(matches!(hasher.hash(&password("x")), Err(Error::Internal(_))));
    assert!(matches!(hasher.verify(&password("x"), Some(&hash)), Err(Error::Internal(_))));
    assert!(matches!(hasher.verify(&password("x"), None), Err(Error::Internal(_))));
    drop(answering);
    assert_eq!(hasher.verify(&password("x"), Some(&hash)), Ok(Verdict::Right));
}
