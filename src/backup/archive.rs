//! A backup file: what `pg_dump -F custom` writes, then a few lines of text, which end with a checksum of
//! all that is before it. `pg_restore` reads the dump and leaves the rest alone.
//!
//! ```text
//! gatepost-backup 1
//! made 2027-01-31T18:00:00Z
//! postgresql 15
//! bytes 123456
//! sha256 …
//! ```

use crate::domain::Timestamp;
use crate::error::{Error, Result};
use crate::moment::write_seconds;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use time::OffsetDateTime;

/// The first line of the text, after a line feed that ends the dump.
const BEGIN: &str = "\ngatepost-backup ";

/// Most bytes of the text: its numbers have at most twenty digits.
const TEXT: u64 = 256;

/// The last line: `sha256`, a space, 64 digits, a line feed.
const LAST: usize = 72;

/// Bytes that are read at once.
const CHUNK: usize = 1 << 16;

/// Writes a dump and then the text.
pub(super) struct Writer<'a> {
    out: &'a mut dyn Write,
    hash: Sha256,
    bytes: u64,
}

impl<'a> Writer<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        Self { out, hash: Sha256::new(), bytes: 0 }
    }

    /// Copies the dump, and says how many bytes are written.
    pub(super) fn copy(
        &mut self,
        dump: &mut dyn Read,
        progress: &mut dyn FnMut(u64),
    ) -> std::io::Result<()> {
        self.bytes = each_chunk(dump, std::convert::identity, |chunk, done| {
            self.hash.update(chunk);
            self.out.write_all(chunk)?;
            progress(done);
            Ok(())
        })?;
        Ok(())
    }

    /// Writes the text, and returns the length of the dump.
    pub(super) fn finish(mut self, postgres: u32) -> std::io::Result<u64> {
        let made = write_seconds(OffsetDateTime::now_utc());
        let bytes = self.bytes;
        let text = format!("{BEGIN}1\nmade {made}\npostgresql {postgres}\nbytes {bytes}\n");
        self.hash.update(text.as_bytes());
        self.out.write_all(text.as_bytes())?;
        let last = format!("sha256 {}\n", hex(self.hash));
        self.out.write_all(last.as_bytes())?;
        self.out.flush()?;
        Ok(bytes)
    }
}

/// A backup file that is open.
#[derive(Debug)]
pub(super) struct Archive {
    path: PathBuf,
    file: File,
    /// The dump in it, in bytes.
    dump: u64,
    /// The major version of the server that the dump is from.
    pub(super) postgres: u32,
    /// When it was made.
    pub(super) made: Timestamp,
}

impl Archive {
    /// Opens a backup file, or standard input for `-`, and reads the whole of it. `progress` is told the
    /// bytes that have been read, and how many there are.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be read, is cut off, was changed, or is something else.
    pub(super) fn open(path: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<Self> {
        let fault = |e: std::io::Error| Error::File(format!("{}: {e}", path.display()));
        let refuse = |why: &str| Err(Error::File(format!("{}: {why}", path.display())));
        let mut file = match path.as_os_str() == "-" {
            true => std::io::stdin().as_fd().try_clone_to_owned().map(File::from),
            false => File::open(path),
        }
        .map_err(fault)?;
        let meta = file.metadata().map_err(fault)?;
        if !meta.is_file() {
            return refuse("is not a plain file, and it has to be read twice");
        }
        let length = meta.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TEXT))).map_err(fault)?;
        let mut end = Vec::new();
        (&file).take(TEXT).read_to_end(&mut end).map_err(fault)?;
        let end = String::from_utf8_lossy(&end);
        let Some(text) = end.rfind(BEGIN).map(|at| &end[at..]) else {
            file.rewind().map_err(fault)?;
            let mut magic = Vec::new();
            file.take(5).read_to_end(&mut magic).map_err(fault)?;
            return refuse(match &magic[..] {
                b"PGDMP" => {
                    "is cut off, or was not made by `gatepost database backup`: the checksum at its end is \
                     missing"
                }
                _ => "is no backup that `gatepost database backup` has made",
            });
        };
        if !text[BEGIN.len()..].starts_with("1\n") {
            return refuse("was made by a later release of gatepost, or was changed");
        }
        let Some((archive, expected)) = Self::described(path, file, length, text) else {
            return refuse("was cut off or changed: its last lines are not as they were written");
        };
        let mut hash = Sha256::new();
        let hashed = length - LAST as u64;
        archive.read(hashed, &mut |chunk, done| {
            hash.update(chunk);
            progress(done, hashed);
            Ok(())
        })?;
        match hex(hash) == expected {
            true => Ok(archive),
            false => refuse("was changed after it was made: its checksum is another"),
        }
    }

    /// What the text says, if it is as a writer writes it.
    fn described(path: &Path, file: File, length: u64, text: &str) -> Option<(Self, String)> {
        let mut lines = text.strip_suffix('\n')?.lines().skip(2);
        let mut value = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
        let made = Timestamp::parse(value("made")?).ok()?;
        let postgres = value("postgresql")?.parse().ok()?;
        let dump = value("bytes")?.parse().ok()?;
        let expected = value("sha256")?.to_owned();
        let fits = length.checked_sub(dump)? == text.len() as u64 && expected.len() == LAST - 8;
        let archive = Self { path: path.to_owned(), file, dump, postgres, made };
        fits.then_some((archive, expected))
    }

    /// Writes the dump to `out`. `progress` is as with [`open`](Self::open).
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be read, [`Error::Startup`] when `out` takes no more.
    pub(super) fn copy(
        &self,
        out: &mut dyn Write,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<()> {
        self.read(self.dump, &mut |chunk, done| {
            progress(done, self.dump);
            out.write_all(chunk).map_err(|e| Error::startup(format!("pg_restore: {e}")))
        })
    }

    /// Reads the first bytes of the file, this many, and passes them on with how many it were so far.
    fn read(&self, bytes: u64, each: &mut dyn FnMut(&[u8], u64) -> Result<()>) -> Result<()> {
        let fault = |e: std::io::Error| Error::File(format!("{}: {e}", self.path.display()));
        let mut file = &self.file;
        file.rewind().map_err(fault)?;
        let done = each_chunk(&mut file.take(bytes), fault, each)?;
        match done == bytes {
            true => Ok(()),
            false => Err(fault(std::io::ErrorKind::UnexpectedEof.into())),
        }
    }
}

/// Reads to the end and passes everything on, each time with how many bytes it were so far. Returns how
/// many it were in all.
fn each_chunk<E>(
    input: &mut dyn Read,
    fault: impl Fn(std::io::Error) -> E,
    mut each: impl FnMut(&[u8], u64) -> std::result::Result<(), E>,
) -> std::result::Result<u64, E> {
    let (mut chunk, mut done) = (vec![0; CHUNK], 0);
    loop {
        match input.read(&mut chunk).map_err(&fault)? {
            0 => return Ok(done),
            count => {
                done += count as u64;
                each(&chunk[..count], done)?;
            }
        }
    }
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
