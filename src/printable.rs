//! Text from outside, made safe to display.
//!
//! A name in a file, a row of the database or a message of another program may hold codes that a
//! terminal obeys, the beginning of a forged line, or characters that make a line read backwards.
//! Everything that the program prints and logs goes through here. A program that embeds the library
//! and writes its errors somewhere should do the same.

use std::borrow::Cow;
use std::fmt::Write;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// The text with everything invisible written out, as `\n` or `\u{1b}`. The result is one line.
///
/// A backslash stays as it is: the result is for reading, not for parsing.
#[must_use]
pub fn line(text: &str) -> Cow<'_, str> {
    escape(text, |_| false)
}

/// The same for a text of ours that has lines and columns.
#[must_use]
pub fn lines(text: &str) -> Cow<'_, str> {
    escape(text, |c| matches!(c, '\n' | '\t'))
}

fn escape(text: &str, stays: fn(char) -> bool) -> Cow<'_, str> {
    let acts = |c: char| is_invisible(c) && !stays(c);
    let Some(first) = text.find(acts) else { return Cow::Borrowed(text) };
    let mut escaped = String::with_capacity(text.len() + 16);
    escaped.push_str(&text[..first]);
    for c in text[first..].chars() {
        if acts(c) {
            // Writing to a String does not fail.
            let _ = match c {
                '\n' | '\r' | '\t' => write!(escaped, "{}", c.escape_default()),
                _ => write!(escaped, "{}", c.escape_unicode()),
            };
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

/// Whether a character is not seen but has an effect, or may get one in a later Unicode.
#[must_use]
pub fn is_invisible(c: char) -> bool {
    // Covers nearly everything that is ever printed.
    if matches!(c, ' '..='~') {
        return false;
    }
    matches!(
        c.general_category(),
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
            | GeneralCategory::PrivateUse
            | GeneralCategory::Unassigned
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_is_written_out_and_what_is_seen_stays() {
        let text = "Zoë \\ 日本\t1\n\u{1b}[2J\u{9b}\u{7f}\r\u{202e}\u{2028}\u{feff}";
        let all = "Zoë \\ 日本\\t1\\n\\u{1b}[2J\\u{9b}\\u{7f}\\r\\u{202e}\\u{2028}\\u{feff}";
        assert_eq!(line(text), all);
        let columns = all.replacen("\\t", "\t", 1).replacen("\\n", "\n", 1);
        assert_eq!(lines(text), columns);
        assert!(matches!(line("plain"), Cow::Borrowed("plain")));
    }

    #[test]
    fn what_is_written_out_once_stays_so() {
        let once = line("a\u{1b}\n").into_owned();
        assert_eq!(line(&once), once);
    }
}
