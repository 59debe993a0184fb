//! The core of a password: what is left without repetitions and sequences.
//!
//! `passwordpassword` is no harder to guess than `password`, nor `123456789012345` than its first
//! digit. So a new password is judged by its core as well. A repetition of earlier characters
//! counts for nothing. Of a run along the alphabet, the digits or a keyboard, up or down, only the
//! first character counts. Alternating runs (`q1w2e3r4`, `qazwsxedc`) are one run, of which the
//! first character of each counts. Anything with fewer than [`LEAST`] characters is left alone,
//! since it occurs in ordinary words.
//!
//! These are not rules of composition: a password of any characters passes, if it is long enough
//! without its repetitions.

use zeroize::Zeroizing;

/// Fewest characters of a repetition, and of a run: `erty` is in `property`, `123` in many a
/// password that is long enough otherwise.
const LEAST: usize = 4;

/// Most runs that can alternate: the rows of a keyboard.
const MOST_RUNS: usize = 4;

/// The neighbours of a character. Each string is a ring: the row below goes on where the one above
/// ends, as people go on when they need more characters. A space is a gap.
const RINGS: [&str; 8] = [
    "0123456789",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopüasdfghjklöäyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "йцукенгшщзхъфывапролджэячсмитьбю",
    "!@#$%^&*()_+",
    "1qaz 2wsx 3edc 4rfv 5tgb 6yhn 7ujm 8ik, 9ol. 0p;/ ",
];

/// Directions along the rings, two bits for each; zero for characters that are not neighbours.
type Steps = u32;

/// The directions of alphabets that are not among the rings: up and down in the order of Unicode.
const UNICODE: [Steps; 2] = [1 << 30, 1 << 31];

/// In which directions one character follows the other.
fn steps(from: char, to: char) -> Steps {
    if from == ' ' || to == ' ' {
        return 0;
    }
    let mut steps = 0;
    for (number, ring) in RINGS.iter().enumerate() {
        for pair in ring.chars().zip(ring.chars().cycle().skip(1)) {
            steps |= Steps::from(pair == (from, to)) << (2 * number);
            steps |= Steps::from(pair == (to, from)) << (2 * number + 1);
        }
    }
    let [up, down] = UNICODE;
    match (from.is_alphabetic() && to.is_alphabetic(), u32::from(from), u32::from(to)) {
        (true, from, to) if from + 1 == to => steps | up,
        (true, from, to) if to + 1 == from => steps | down,
        _ => steps,
    }
}

/// How many characters from here on form this many alternating runs.
fn run(text: &[char], runs: usize) -> usize {
    let mut directions = [Steps::MAX; MOST_RUNS];
    let pairs = text.iter().zip(text.iter().skip(runs));
    let followed = pairs.enumerate().take_while(|(at, (from, to))| {
        let direction = &mut directions[at % runs];
        *direction &= steps(**from, **to);
        *direction != 0
    });
    runs + followed.count()
}

/// How many characters from `at` on repeat earlier ones, which they may overlap.
fn repeated(text: &[char], at: usize) -> usize {
    let same = |from: usize| {
        text[from..].iter().zip(&text[at..]).take_while(|(before, here)| before == here).count()
    };
    (0..at).map(same).max().unwrap_or(0)
}

/// The longest piece from `at` on that adds little, and how many of its characters count.
fn piece(text: &[char], at: usize) -> Option<(usize, usize)> {
    let copy = Some((repeated(text, at), 0)).filter(|(length, _)| *length >= LEAST);
    let runs = (1..=MOST_RUNS).map(|runs| (run(&text[at..], runs), runs));
    // Each of several needs at least three characters, or any six would be two runs.
    let runs = runs.filter(|(length, runs)| *length >= LEAST.max(3 * runs));
    copy.into_iter().chain(runs).max_by_key(|(length, counts)| length - counts)
}

/// The core of a folded password. For most it is the whole password.
///
/// It takes at most some millions of comparisons, for the longest password there can be.
pub(super) fn core(folded: &str) -> Zeroizing<String> {
    let text: Zeroizing<Vec<char>> = Zeroizing::new(folded.chars().collect());
    let mut core = Zeroizing::new(String::with_capacity(folded.len()));
    let mut at = 0;
    while at < text.len() {
        let (length, counts) = piece(&text, at).unwrap_or((1, 1));
        core.extend(&text[at..at + counts]);
        at += length;
    }
    core
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetitions_and_runs_come_to_their_beginnings() {
        for (text, expected) in [
            ("aaaaaaaaaaaaaaa", "a"),
            ("passwordpassword", "password"),
            ("passwordpasswordpass", "password"),
            ("monkey-monkey-monkey", "monkey-"),
            ("123456789012345", "1"),
            ("987654321098765", "9"),
            ("qwertyuiopasdfghjkl", "q"),
            ("lkjhgfdsapoiuytrewq", "l"),
            ("abcdefghijklmnopqrstuvwxyzabc", "a"),
            ("zyxwvutsrqponmlkj", "z"),
            ("q1w2e3r4t5y6u7i8o9", "q1"),
            ("1122334455667788", "11"),
            ("1qaz2wsx3edc4rfv", "1qaz"),
            ("zaq1xsw2cde3vfr4", "zaq1"),
            ("zaq12wsxcde34rfv", "z2c4"),
            ("qazwsxedcrfvtgb", "qaz"),
            ("!@#$%^&*()_+!@#", "!"),
            ("qwertzuiopü", "q"),
            ("йцукенгшщзхъ", "й"),
            ("абвгдежз", "а"),
            ("αβγδεζηθ", "α"),
        ] {
            assert_eq!(core(text).as_str(), expected, "{text}");
        }
    }

    #[test]
    fn ordinary_passwords_are_their_own_core() {
        for text in [
            "",
            "a",
            "correct horse battery staple",
            "staple and battery",
            "blåbærgrød ångström",
            "パスワードは長いほうがいい",
            "tr0ub4dor and 3",
            "83029475615 a",
            "12 monkeys in 1995",
            "k7#vq9!xw2$mz",
            "the cat sat on a mat",
        ] {
            assert_eq!(core(text).as_str(), text);
        }
        for (text, expected) in
            [("a liberty bell", "a libe bell"), ("mississippi queen", "missppi queen")]
        {
            assert_eq!(core(text).as_str(), expected);
        }
    }

    #[test]
    fn the_longest_and_worst_password_is_no_work() {
        let worst: String = (0..3_072_u32)
            .map(|n| {
                char::from(
                    b'a' + (n.wrapping_mul(n.wrapping_mul(2_654_435_761) >> 7) >> 11) as u8 % 26,
                )
            })
            .collect();
        assert!(core(&worst).len() > 1_000);
        assert_eq!(core(&"ab".repeat(1_536)).as_str(), "ab");
    }
}
