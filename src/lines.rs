//! Reads a file line by line, each within a bound: an operator may give any file.
//!
//! A byte order mark is skipped. A file that is compressed, or in UTF-16 or UTF-32, shows that in
//! its first bytes, and nothing of it is read.

use std::io::{self, BufRead, Chain, Cursor, Read};

/// Number of first bytes that show what a file is.
const HEAD: usize = 6;

/// The lines of a reader.
pub(crate) struct Lines<R> {
    reader: Chain<Cursor<Vec<u8>>, R>,
    most: usize,
    number: u64,
    line: Vec<u8>,
}

/// A line's number, counted from 1, and its text without the line end; `None` for one that is too
/// long, which has been skipped.
pub(crate) type Line<'a> = (u64, Option<&'a [u8]>);

impl<R: BufRead> Lines<R> {
    /// Reads lines of at most `most` bytes.
    ///
    /// # Errors
    /// One that says what the file is instead of text in UTF-8; those of the reader.
    pub(crate) fn new(mut reader: R, most: usize) -> io::Result<Self> {
        let mut head = Vec::with_capacity(HEAD);
        reader.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
        if let Some(what) = other_than_text(&head) {
            let text = format!("it is {what}, where plain text in UTF-8 is needed");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        if head.starts_with(b"\xef\xbb\xbf") {
            head.drain(..3);
        }
        let reader = Cursor::new(head).chain(reader);
        Ok(Self { reader, most, number: 0, line: Vec::new() })
    }

    /// The next line.
    ///
    /// # Errors
    /// Those of the reader.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        let bound = self.most as u64 + 2;
        if self.reader.by_ref().take(bound).read_until(b'\n', &mut self.line)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
        } else if self.line.len() as u64 == bound {
            self.pass_over()?;
        }
        if self.line.last() == Some(&b'\r') {
            self.line.pop();
        }
        let fits = self.line.len() <= self.most;
        Ok(Some((self.number, fits.then_some(self.line.as_slice()))))
    }

    fn pass_over(&mut self) -> io::Result<()> {
        loop {
            let buffer = self.reader.fill_buf()?;
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let used = end.map_or(buffer.len(), |at| at + 1);
            let done = buffer.is_empty();
            self.reader.consume(used);
            if done || end.is_some() {
                return Ok(());
            }
        }
    }
}

/// What a file with these first bytes is, unless it is text in UTF-8 or another byte encoding.
fn other_than_text(head: &[u8]) -> Option<&'static str> {
    match head {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Some("in UTF-32"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("in UTF-16"),
        // Text holds no NUL, so these bytes are parts of an ASCII character.
        [_, 0, 0, 0, ..] | [0, 0, 0, _, ..] => Some("in UTF-32"),
        [_, 0, ..] | [0, _, ..] => Some("in UTF-16"),
        [0x1f, 0x8b, ..] => Some("compressed with gzip"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some("compressed with zstd"),
        [b'P', b'K', 3, 4, ..] => Some("a zip archive"),
        [0xfd, b'7', b'z', b'X', b'Z', 0] => Some("compressed with xz"),
        [b'B', b'Z', b'h', b'1'..=b'9', b'1', b'A'] => Some("compressed with bzip2"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_numbered_and_those_that_are_too_long_are_passed_over() {
        let text =
            format!("one\r\n\n{}\n12345\n123456\r\n{}\nlast", "x".repeat(100), "y".repeat(7));
        for buffer in [1, 3, 1000] {
            let reader = io::BufReader::with_capacity(buffer, text.as_bytes());
            let mut lines = Lines::new(reader, 5).unwrap();
            let mut seen = Vec::new();
            while let Some((number, line)) = lines.next().unwrap() {
                seen.push((number, line.map(|line| String::from_utf8(line.to_vec()).unwrap())));
            }
            let some = |text: &str| Some(text.to_owned());
            let expected = [
                (1, some("one")),
                (2, some("")),
                (3, None),
                (4, some("12345")),
                (5, None),
                (6, None),
                (7, some("last")),
            ];
            assert_eq!(seen, expected);
        }
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_line_and_other_encodings_are_named() {
        for text in ["\u{feff}one\n", "one\n", "\u{feff}one", "one"] {
            let reader = io::BufReader::with_capacity(1, text.as_bytes());
            let mut lines = Lines::new(reader, 5).unwrap();
            assert_eq!(lines.next().unwrap(), Some((1, Some(&b"one"[..]))), "{text:?}");
            assert_eq!(lines.next().unwrap(), None);
        }
        for text in ["", "\u{feff}"] {
            assert_eq!(Lines::new(text.as_bytes(), 5).unwrap().next().unwrap(), None, "{text:?}");
        }
        let refused = |bytes: &[u8]| Lines::new(bytes, 5).err().map(|e| e.to_string());
        for (bytes, name) in [
            (&b"o\0n\0"[..], "UTF-16"),
            (b"\0o\0n", "UTF-16"),
            (b"o\0\0\0", "UTF-32"),
            (b"\x1f\x8b\x08", "gzip"),
        ] {
            assert!(refused(bytes).is_some_and(|text| text.contains(name)), "{name}");
        }
        // A Latin-1 password from the last century, and one that begins as an archive does.
        assert_eq!(
            (refused(b"caf\xe9\n"), refused(b"PKzip\n"), refused(b"BZh9\n")),
            (None, None, None)
        );
    }
}
