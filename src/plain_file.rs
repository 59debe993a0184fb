//! Opens files that another user may have put there: plain files only, of known owners, within a
//! size limit.
//!
//! As root we read files in a directory of the OS user postgres, who can put anything there: a link
//! to a file that only root can read, or a pipe that is never written to. So links are not
//! followed, opening never waits, and anything but a plain file of an expected owner is refused.
//! That does not protect the directories above, which no other user may own.

use rustix::fs::OFlags;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Opens a file with these options, if it is a plain file that belongs to us or to this OS user.
///
/// # Errors
/// Those of the system, and one that says what the file is instead. None quotes its content.
pub(crate) fn open(path: &Path, options: &mut OpenOptions, owner: Option<u32>) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let not_plain = || io::Error::new(ErrorKind::InvalidInput, "is not a plain file");
    let opened = options.custom_flags(flags.bits().cast_signed()).open(path);
    let file = match opened {
        // ELOOP is a link; ENXIO a socket, or a pipe without a reader; EISDIR a directory.
        Err(e)
            if [rustix::io::Errno::LOOP, rustix::io::Errno::NXIO, rustix::io::Errno::ISDIR]
                .iter()
                .any(|errno| e.raw_os_error() == Some(errno.raw_os_error())) =>
        {
            return Err(not_plain());
        }
        opened => opened?,
    };
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(not_plain());
    }
    // The owner of the directory can put a second name there for a file of ours.
    let ours = meta.uid() == rustix::process::geteuid().as_raw() && meta.nlink() == 1;
    if !ours && owner != Some(meta.uid()) {
        let text = format!("belongs to the OS user with the id {}", meta.uid());
        return Err(io::Error::new(ErrorKind::PermissionDenied, text));
    }
    Ok(file)
}

/// The text of such a file; `None` when there is none.
///
/// # Errors
/// As [`open`]; and when it holds more than `most` bytes, or is not UTF-8.
pub(crate) fn read(path: &Path, owner: Option<u32>, most: u64) -> io::Result<Option<String>> {
    let file = match open(path, OpenOptions::new().read(true), owner) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes)?;
    let fault = |text: String| io::Error::new(ErrorKind::InvalidData, text);
    if bytes.len() as u64 > most {
        return Err(fault(format!("is longer than {most} bytes")));
    }
    String::from_utf8(bytes).map(Some).map_err(|_| fault("is not text".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_bound_and_a_missing_one_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        assert_eq!(read(&path, None, 3).unwrap(), None);
        std::fs::write(&path, "abc").unwrap();
        assert_eq!(read(&path, None, 3).unwrap().as_deref(), Some("abc"));
        assert!(read(&path, None, 2).unwrap_err().to_string().contains("longer than 2"));
        std::fs::write(&path, b"\xff").unwrap();
        assert!(read(&path, None, 3).is_err());
    }

    #[test]
    fn what_is_no_plain_file_is_refused_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        std::fs::write(&file, "abc").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let socket = dir.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let pipe = dir.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
        for path in [&link, &socket, &pipe, &dir.path().to_owned()] {
            let fault = read(path, None, 9).unwrap_err().to_string();
            assert_eq!(fault, "is not a plain file", "{}", path.display());
        }
    }

    #[test]
    fn a_second_name_of_a_file_of_ours_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (file, other) = (dir.path().join("file"), dir.path().join("other"));
        std::fs::write(&file, "abc").unwrap();
        std::fs::hard_link(&file, other).unwrap();
        assert!(read(&file, None, 9).unwrap_err().to_string().contains("belongs to"));
    }
}
