//! The most common passwords (OWASP ASVS 5.0, 6.2.4). `common/SOURCE.md` says where the list comes
//! from, and how it is written.
//!
//! A look-up walks the list. That takes well under a millisecond and no memory, which is little
//! beside the hash that follows.

const LIST: &str = include_str!("common/passwords.txt");

/// Longest shared prefix that a line can name.
#[cfg(test)]
const MAX_SHARED: usize = 25;

/// Whether this, case-folded and normalised, is one of the most common passwords.
pub(crate) fn is_common(folded: &str) -> bool {
    let folded = folded.as_bytes();
    // Bytes of the prefix that `folded` shares with the previous word, which sorts before it.
    let mut equal = 0;
    for line in LIST.lines() {
        let (shared, rest) = split(line);
        if shared > equal {
            // It differs from `folded` where the previous word did.
            continue;
        }
        let wanted = &folded[shared..];
        let same = rest.iter().zip(wanted).take_while(|(a, b)| a == b).count();
        match (rest.get(same), wanted.get(same)) {
            (None, None) => return true,
            (Some(_), None) => return false,
            (Some(here), Some(there)) if here > there => return false,
            _ => equal = shared + same,
        }
    }
    false
}

fn split(line: &str) -> (usize, &[u8]) {
    match line.as_bytes() {
        [letter, rest @ ..] => (usize::from(letter.saturating_sub(b'a')), rest),
        [] => (0, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passwords::Password;

    fn words() -> Vec<String> {
        let mut word = Vec::new();
        let decode = |line: &str| {
            let (shared, rest) = split(line);
            word.truncate(shared);
            word.extend(rest);
            String::from_utf8(word.clone()).unwrap()
        };
        LIST.lines().map(decode).collect()
    }

    #[test]
    fn every_word_of_the_list_is_found_and_its_neighbours_are_not() {
        let words = words();
        let all: std::collections::HashSet<&String> = words.iter().collect();
        for word in &words {
            assert!(is_common(word), "{word}");
            let cut = word.char_indices().next_back().map_or("", |(at, _)| &word[..at]);
            for other in
                [cut.to_owned(), format!("{word}~"), format!("!{word}"), format!("~{word}")]
            {
                assert_eq!(is_common(&other), all.contains(&other), "{other}");
            }
        }
        assert!(!is_common(""));
    }

    #[test]
    fn the_list_is_large_enough_sorted_folded_and_written_as_it_says() {
        let words = words();
        // Of the minimum length of each profile (ASVS 6.2.4).
        for length in [8, 15] {
            let long = words.iter().filter(|word| word.chars().count() >= length).count();
            assert!(long >= 3_000, "{long} of {length}");
        }
        assert!(words.is_sorted());
        let mut before: &str = "";
        for (word, line) in words.iter().zip(LIST.lines()) {
            assert_eq!(Password::parse(word).unwrap().folded().as_str(), word);
            let same = word.bytes().zip(before.bytes()).take_while(|(a, b)| a == b).count();
            let shared = (0..=same.min(MAX_SHARED)).rev().find(|at| word.is_char_boundary(*at));
            let shared = shared.unwrap_or_default();
            assert_eq!(line, format!("{}{}", (b'a' + shared as u8) as char, &word[shared..]));
            before = word;
        }
    }
}
