//! Builds a list from text files: passwords, one a line, or SHA-1 in hexadecimal with or without a
//! count (`HASH:COUNT`), as the well-known corpora are published. It is sorted on disk, so memory
//! does not grow with the list.

use super::format::{FINGERPRINT_BYTES, Fingerprint, HEAD_BYTES, MAGIC, fingerprint};
use crate::error::{Error, Result};
use crate::lines::Lines;
use crate::sorter::Sorter;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

/// Longest line that is read: longer than any password of ours.
const MAX_LINE: usize = 4096;

/// Lines between two calls of `progress`: some thirty a second.
const PROGRESS: u64 = 1 << 16;

/// How far the reading is.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct BuildProgress {
    /// Lines read.
    pub lines: u64,
    /// How much of the input that is, from 0 to 1; `None` where an input has no length, such as a
    /// pipe.
    pub part: Option<f64>,
}

/// What was built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Built {
    /// Lines read.
    pub lines: u64,
    /// Passwords in the list.
    pub entries: u64,
    /// Lines without a count, which are taken whatever `min_count` is.
    pub uncounted: u64,
}

/// Builds a list of breached passwords, for `passwords.breach_list`, and puts it in place of
/// `output` when it is complete. A line of 40 hexadecimal digits is a SHA-1, with or without
/// `:COUNT` after it, and is left out when its count is below `min_count`. Any other line is a
/// password. A line without a count is taken. `progress` is called now and then.
///
/// # Errors
/// [`Error::File`] naming the file, and the line where one is too long.
pub fn build_breach_list(
    inputs: &[PathBuf],
    output: &Path,
    min_count: u64,
    mut progress: impl FnMut(BuildProgress),
) -> Result<Built> {
    let dir = output.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut sorter = Sorter::new(dir);
    let all = inputs.iter().map(|input| length(input)).sum::<Option<u64>>();
    let (mut lines, mut bytes, mut uncounted) = (0_u64, 0_u64, 0);
    for input in inputs {
        let file = File::open(input).map_err(at(input))?;
        let reader = BufReader::with_capacity(1 << 16, file);
        let mut reader = Lines::new(reader, MAX_LINE).map_err(at(input))?;
        while let Some((number, line)) = reader.next().map_err(at(input))? {
            let Some(line) = line else {
                let text = format!("{}:{number}: longer than {MAX_LINE} bytes", input.display());
                return Err(Error::File(text));
            };
            if let Some((entry, count)) = fingerprint_and_count(line) {
                uncounted += u64::from(count.is_none());
                if count.is_none_or(|count| count >= min_count) {
                    sorter.push(entry).map_err(at(dir))?;
                }
            }
            lines += 1;
            bytes += line.len() as u64 + 1;
            if lines.is_multiple_of(PROGRESS) {
                let part = all.map(|all| bytes as f64 / all as f64);
                progress(BuildProgress { lines, part });
            }
        }
    }
    let entries = write(sorter, output).map_err(at(output))?;
    Ok(Built { lines, entries, uncounted })
}

/// The bytes of a file; `None` of what has no length.
fn length(path: &Path) -> Option<u64> {
    std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file).map(|file| file.len())
}

/// The error for a file.
fn at(path: &Path) -> impl Fn(io::Error) -> Error {
    move |e| Error::File(format!("{}: {e}", path.display()))
}

/// The entry of a line, unless it is empty, and its count, where it has one.
fn fingerprint_and_count(line: &[u8]) -> Option<(Fingerprint, Option<u64>)> {
    if line.is_empty() {
        return None;
    }
    Some(hash_and_count(line).unwrap_or_else(|| (fingerprint(line), None)))
}

fn hash_and_count(line: &[u8]) -> Option<(Fingerprint, Option<u64>)> {
    let (hash, rest) = line.split_at_checked(40)?;
    if !hash.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let count = match rest {
        [] => None,
        [b':', digits @ ..] => Some(std::str::from_utf8(digits).ok()?.trim().parse().ok()?),
        _ => return None,
    };
    let digits = std::str::from_utf8(&hash[..2 * FINGERPRINT_BYTES]).ok()?;
    Some((u64::from_str_radix(digits, 16).ok()?.to_be_bytes(), count))
}

/// Writes beside the output and renames: a process that has the old list open keeps it, whole.
fn write(sorter: Sorter<FINGERPRINT_BYTES>, output: &Path) -> io::Result<u64> {
    let mut name = output.as_os_str().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let beside = PathBuf::from(name);
    let written = write_to(sorter, &beside).and_then(|count| {
        std::fs::rename(&beside, output)?;
        Ok(count)
    });
    if written.is_err() {
        // It is of no more use, and may not even exist.
        let _ = std::fs::remove_file(&beside);
    }
    written
}

fn write_to(sorter: Sorter<FINGERPRINT_BYTES>, path: &Path) -> io::Result<u64> {
    let mut out = BufWriter::with_capacity(1 << 16, File::create(path)?);
    out.write_all(&[0; HEAD_BYTES])?;
    let (mut count, mut before) = (0_u64, None);
    sorter.finish(|entry| {
        if before.replace(entry) == Some(entry) {
            return Ok(());
        }
        count += 1;
        out.write_all(&entry)
    })?;
    let mut file = out.into_inner()?;
    // Last, so that an unfinished file is not taken for a finished one.
    file.rewind()?;
    file.write_all(&MAGIC)?;
    file.write_all(&count.to_be_bytes())?;
    file.sync_all()?;
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::super::BreachList;
    use super::*;

    fn build(text: &[u8], min_count: u64) -> (Built, BreachList, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let (input, output) = (dir.path().join("in"), dir.path().join("out"));
        std::fs::write(&input, text).unwrap();
        let built = build_breach_list(&[input], &output, min_count, |_| ()).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
        (built, BreachList::open(&output).unwrap(), dir)
    }

    #[test]
    fn passwords_and_hashes_are_read_as_what_they_are() {
        // The SHA-1 of `password` and of `abc`.
        let text = b"hunter2hunter2\r\n\n5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:42\n\
            a9993e364706816aba3e25717850c26c9cd0d89d\nhunter2hunter2\n\xff\xfe\nlast";
        let (built, list, _dir) = build(text, 1);
        assert_eq!(built, Built { lines: 7, entries: 5, uncounted: 5 });
        for word in [&b"hunter2hunter2"[..], b"password", b"abc", b"last", b"\xff\xfe"] {
            assert!(list.contains(word).unwrap(), "{word:?}");
        }
        for word in [&b"hunter2"[..], b"", b"5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:42"] {
            assert!(!list.contains(word).unwrap(), "{word:?}");
        }
    }

    #[test]
    fn rare_ones_can_be_left_out() {
        let text = b"5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:9\n\
            A9993E364706816ABA3E25717850C26C9CD0D89D:10\nplain\n";
        let (built, list, _dir) = build(text, 10);
        assert_eq!(built.entries, 2);
        assert!(!list.contains(b"password").unwrap() && list.contains(b"abc").unwrap());
    }

    #[test]
    fn a_line_that_is_too_long_is_named_and_nothing_is_left_behind() {
        let dir = tempfile::tempdir().unwrap();
        let (input, output) = (dir.path().join("in"), dir.path().join("out"));
        std::fs::write(&input, format!("ok\n{}\n", "x".repeat(4097))).unwrap();
        let built = build_breach_list(&[input], &output, 1, |_| ());
        let Err(Error::File(text)) = built else { panic!() };
        assert!(text.contains("in:2: "), "{text}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
