//! A local file of passwords known from breaches, looked up when a password is set.
//!
//! The file is a head of 32 bytes and then, sorted, the first eight bytes of the SHA-1 of each
//! password. SHA-1, because the well-known corpora hold it. Eight bytes, because a thousand million
//! of them mistake a good password for a breached one with a probability of 10^-10.
//!
//! It is read with pread(2), a page at a time, out of the kernel's cache. SHA-1's output is evenly
//! spread, so a guess from its value is near, and three or four pages decide. Mapping the file
//! instead would need `unsafe`, and an unreadable disk or a shortened file would raise SIGBUS,
//! which ends the process. Here each is an error of one request. A list that is replaced by
//! renaming another over it stays in use, whole, until the next start.

mod build;
mod format;

pub use build::{BuildProgress, Built, build_breach_list};

use crate::error::{Error, Result};
use format::{FINGERPRINT_BYTES, Fingerprint, HEAD_BYTES, MAGIC, fingerprint};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Entries in one read: a page on most systems.
const PAGE: usize = 4096 / FINGERPRINT_BYTES;

/// After this many guesses without a decision, the file is not as evenly spread as SHA-1 is, and
/// halving is sure.
const GUESSES: u32 = 16;

/// Entries, evenly spread over the file, whose order is checked at the start.
const SAMPLES: u64 = 1_000;

/// An opened list.
#[derive(Debug)]
pub(crate) struct BreachList {
    path: PathBuf,
    file: File,
    count: u64,
}

impl BreachList {
    /// Opens a list and checks that it is one, and whole.
    ///
    /// # Errors
    /// [`Error::Startup`], naming the file and what is wrong with it.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Self::try_open(path)
            .map_err(|e| Error::startup(format!("passwords.breach_list: {}: {e}", path.display())))
    }

    fn try_open(path: &Path) -> io::Result<Self> {
        let fault = |text: &str| io::Error::new(io::ErrorKind::InvalidData, text);
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let mut head = [0; HEAD_BYTES];
        if length < HEAD_BYTES as u64 {
            return Err(fault("not a list made by `gatepost passwords build-list`"));
        }
        file.read_exact_at(&mut head, 0)?;
        if head[..MAGIC.len() - 1] != MAGIC[..MAGIC.len() - 1] {
            return Err(fault("not a list made by `gatepost passwords build-list`"));
        }
        if head[MAGIC.len() - 1] != MAGIC[MAGIC.len() - 1] {
            return Err(fault("of a version that this program does not know; build it again"));
        }
        let mut count = [0; 8];
        count.copy_from_slice(&head[MAGIC.len()..MAGIC.len() + 8]);
        let count = u64::from_be_bytes(count);
        let bytes = count.checked_mul(FINGERPRINT_BYTES as u64);
        if bytes.and_then(|bytes| bytes.checked_add(HEAD_BYTES as u64)) != Some(length) {
            return Err(fault("cut short, or with more than its head says; build it again"));
        }
        let list = Self { path: path.to_owned(), file, count };
        let mut before = Fingerprint::default();
        for number in (0..count).step_by(usize::try_from(count / SAMPLES + 1).unwrap_or(usize::MAX))
        {
            let mut found = [Fingerprint::default()];
            list.read(number, &mut found)?;
            if found[0] < before {
                return Err(fault("not sorted; build it again"));
            }
            before = found[0];
        }
        Ok(list)
    }

    /// Whether a password is in the list. Takes microseconds while the file is in memory.
    ///
    /// # Errors
    /// [`Error::Internal`] when the file cannot be read.
    pub(crate) fn contains(&self, password: &[u8]) -> Result<bool> {
        self.find(&fingerprint(password))
            .map_err(|e| Error::Internal(format!("breach list {}: {e}", self.path.display())))
    }

    fn find(&self, wanted: &Fingerprint) -> io::Result<bool> {
        // The wanted entry, if it is there, has a position from `low` to before `high`, and these
        // have values from `least` to `most`.
        let (mut low, mut high) = (0, self.count);
        let (mut least, mut most) = (0, u64::MAX);
        let value = u64::from_be_bytes(*wanted);
        let mut guesses = 0;
        let mut page = [Fingerprint::default(); PAGE];
        while low < high {
            let guess = if guesses < GUESSES {
                let share = u128::from(value - least) * u128::from(high - low);
                low + (share / (u128::from(most - least) + 1)) as u64
            } else {
                low + (high - low) / 2
            };
            guesses += 1;
            // The undecided part of the page around the guess.
            let first = guess.saturating_sub(PAGE as u64 / 2).max(low);
            let last = (first + PAGE as u64).min(high);
            let entries = &mut page[..(last - first) as usize];
            self.read(first, entries)?;
            match entries.binary_search(wanted) {
                Ok(_) => return Ok(true),
                Err(0) => {
                    high = first;
                    most = u64::from_be_bytes(entries[0]).min(most);
                }
                Err(end) if end == entries.len() => {
                    low = last;
                    least = u64::from_be_bytes(entries[end - 1]).max(least);
                }
                Err(_) => return Ok(false),
            }
        }
        Ok(false)
    }

    fn read(&self, first: u64, entries: &mut [Fingerprint]) -> io::Result<()> {
        let at = HEAD_BYTES as u64 + first * FINGERPRINT_BYTES as u64;
        self.file.read_exact_at(entries.as_flattened_mut(), at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A list file with these entries, in the order given.
    fn list(entries: &[u64]) -> tempfile::NamedTempFile {
        let mut bytes = MAGIC.to_vec();
        bytes.extend((entries.len() as u64).to_be_bytes());
        bytes.resize(HEAD_BYTES, 0);
        entries.iter().for_each(|entry| bytes.extend(entry.to_be_bytes()));
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        file
    }

    #[test]
    fn every_entry_is_found_and_nothing_else_however_the_entries_are_spread() {
        let even: Vec<u64> = (0..5_000_u64).map(|n| n * (u64::MAX / 5_000) + 7).collect();
        let crowded: Vec<u64> = (0..5_000_u64).map(|n| n * n * 3).collect();
        let late: Vec<u64> = (0..5_000_u64).map(|n| u64::MAX - (5_000 - n) * 3).collect();
        let powers: Vec<u64> = (0..64).map(|n| 1 << n).collect();
        let same = vec![u64::MAX; 2_000];
        for entries in [even, crowded, late, powers, same, vec![0], vec![u64::MAX], vec![]] {
            let file = list(&entries);
            let list = BreachList::open(file.path()).unwrap();
            for value in entries.iter().copied().chain([0, 1, u64::MAX, u64::MAX / 2]) {
                for wanted in [value.saturating_sub(1), value, value.saturating_add(1)] {
                    let found = list.find(&wanted.to_be_bytes()).unwrap();
                    assert_eq!(found, entries.contains(&wanted), "{wanted} of {}", entries.len());
                }
            }
        }
    }

    #[test]
    fn a_file_that_is_no_whole_list_is_refused_with_its_name() {
        let good = std::fs::read(list(&[1, 2, 3]).path()).unwrap();
        let unsorted = std::fs::read(list(&[1, 3, 2]).path()).unwrap();
        let mut other_version = good.clone();
        other_version[15] = 9;
        for (bytes, cause) in [
            (&b""[..], "not a list"),
            (b"password\n", "not a list"),
            (&[b'x'; 100], "not a list"),
            (&other_version, "version"),
            (&good[..good.len() - 1], "cut short"),
            (&[&good[..], b"more    "].concat(), "cut short"),
            (&unsorted, "not sorted"),
        ] {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), bytes).unwrap();
            let text = BreachList::open(file.path()).unwrap_err().to_string();
            assert!(text.contains(cause), "{text} does not say {cause}");
            assert!(text.contains(&file.path().display().to_string()), "{text}");
        }
        assert!(BreachList::open(Path::new("/does/not/exist")).is_err());
    }

    #[test]
    fn a_list_that_is_cut_under_us_is_an_error_and_not_the_end() {
        let file = list(&(0..10_000).collect::<Vec<u64>>());
        let list = BreachList::open(file.path()).unwrap();
        std::fs::OpenOptions::new().write(true).open(file.path()).unwrap().set_len(100).unwrap();
        assert!(matches!(list.contains(b"password"), Err(Error::Internal(_))));
    }
}
