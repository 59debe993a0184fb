//! Reads a file line by line, each within a bound: what an operator gives may be anything.

use std::io::{self, BufRead, Read};

/// The lines of a reader.
pub(crate) struct Lines<R> {
    reader: R,
    most: usize,
    number: u64,
    line: Vec<u8>,
}

/// A line's number, counted from 1, and its text without the end; `None` for one that is too long,
/// which has been passed over.
pub(crate) type Line<'a> = (u64, Option<&'a [u8]>);

impl<R: BufRead> Lines<R> {
    /// Lines of at most so many bytes.
    pub(crate) fn new(reader: R, most: usize) -> Self {
        Self { reader, most, number: 0, line: Vec::new() }
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
            let (used, done) = (end.map_or(buffer.len(), |at| at + 1), buffer.is_empty());
            self.reader.consume(used);
            if done || end.is_some() {
                return Ok(());
            }
        }
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
            let (mut lines, mut seen) = (Lines::new(reader, 5), Vec::new());
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
}
