//! A PEM file with a certificate or a key. A file that is something else is named for what it is,
//! with the command that converts it.
//!
//! A byte order mark before the text is skipped. Editors put it there, and without this the first
//! certificate, which is the one that counts, would not be found.

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use zeroize::Zeroizing;

/// Size limit of a file in bytes, far above any chain.
const MOST: u64 = 1 << 20;

/// What is expected in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Certificate,
    Key,
}

/// The certificates in a file, in their order. `name` is the file in a command that is advised, where
/// it may be shown.
///
/// # Errors
/// What is wrong with it. Nothing of its content is quoted.
pub(crate) fn certificates(
    path: &Path,
    name: Option<&str>,
) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = read(path, Kind::Certificate, name)?;
    let all = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    all.map_err(|error| of_pem(&error))
}

/// The private key in a file. `name` is as for [`certificates`].
///
/// # Errors
/// As [`certificates`].
pub(crate) fn key(path: &Path, name: Option<&str>) -> Result<PrivateKeyDer<'static>, String> {
    let text = read(path, Kind::Key, name)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| of_pem(&error))
}

/// What is wrong with a PEM file, without the lines of it that the library quotes.
fn of_pem(error: &pem::Error) -> String {
    match error {
        pem::Error::Io(error) => error.to_string(),
        pem::Error::NoItemsFound => "it holds nothing of that kind".to_owned(),
        _ => "not in PEM".to_owned(),
    }
}

fn read(path: &Path, kind: Kind, name: Option<&str>) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut bytes = Zeroizing::new(Vec::new());
    let read = File::open(path).and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes));
    read.map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MOST {
        return Err(format!("is longer than {MOST} bytes"));
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
    }
    fault(&bytes, kind, name.unwrap_or("FILE")).map_or(Ok(bytes), Err)
}

/// Why the bytes are not what is expected, if that can be told.
fn fault(bytes: &[u8], kind: Kind, name: &str) -> Option<String> {
    let command = if kind == Kind::Key { "pkey" } else { "x509" };
    let has = |word: &str| bytes.windows(word.len()).any(|window| window == word.as_bytes());
    if bytes.is_empty() {
        return Some("is empty".to_owned());
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        let advice = format!("type `iconv -f UTF-16 -t ASCII {name} >{name}.pem`");
        return Some(format!("is in UTF-16, and PEM is plain text: {advice}"));
    }
    if is_pkcs12(bytes) {
        let part = if kind == Kind::Key { "-nocerts" } else { "-nokeys" };
        return Some(format!(
            "is in PKCS #12, and PEM is needed: type \
             `openssl pkcs12 -in {name} {part} -nodes -out {name}.pem`"
        ));
    }
    if content_of_sequence(bytes).is_some() {
        return Some(format!(
            "is in DER, and PEM is needed: type \
             `openssl {command} -inform der -in {name} -out {name}.pem`"
        ));
    }
    if !has("-----BEGIN ") {
        return Some("is not in PEM: no line in it begins with -----BEGIN".to_owned());
    }
    let (certificate, key) = (has("-----BEGIN CERTIFICATE-----"), has(" PRIVATE KEY-----"));
    match kind {
        Kind::Key if has("BEGIN ENCRYPTED PRIVATE KEY") || has("Proc-Type: 4,ENCRYPTED") => {
            Some(format!(
                "holds a key that is encrypted, and a service cannot type its passphrase: type \
                 `openssl pkey -in {name} -out {name}.plain`, and close that file to others"
            ))
        }
        Kind::Key if !key => Some(format!("holds no private key{}", swapped(certificate))),
        Kind::Certificate if !certificate => Some(format!("holds no certificate{}", swapped(key))),
        _ => None,
    }
}

fn swapped(other: bool) -> &'static str {
    if other {
        "; it looks as if the files of the certificate and of the key are swapped"
    } else {
        ""
    }
}

/// The content of a SEQUENCE of DER (X.690), if the bytes are one. A certificate or a key in DER
/// is.
fn content_of_sequence(bytes: &[u8]) -> Option<&[u8]> {
    let [0x30, length, rest @ ..] = bytes else { return None };
    let (length, content) = match length {
        0..=0x7f => (usize::from(*length), rest),
        0x81..=0x84 => {
            let (length, content) = rest.split_at_checked(usize::from(length - 0x80))?;
            (length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), content)
        }
        _ => return None,
    };
    (content.len() == length).then_some(content)
}

/// PKCS #12 begins with its version, 3 (RFC 7292).
fn is_pkcs12(bytes: &[u8]) -> bool {
    content_of_sequence(bytes).is_some_and(|content| content.starts_with(&[2, 1, 3]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_is_instead_is_told_with_what_to_type() {
        let key = "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n";
        let certificate = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n";
        let encrypted = key.replace("PRIVATE", "ENCRYPTED PRIVATE");
        let old = key.replace("\nx", "\nProc-Type: 4,ENCRYPTED\nx");
        for (kind, bytes, expected) in [
            (Kind::Certificate, b"".as_slice(), Some("is empty")),
            (Kind::Certificate, b"\xff\xfe-\0", Some("iconv -f UTF-16")),
            (
                Kind::Certificate,
                b"\x30\x82\x00\x02\x30\x00",
                Some("openssl x509 -inform der -in f"),
            ),
            (Kind::Key, b"\x30\x03\x02\x01\x00", Some("openssl pkey -inform der -in f")),
            (Kind::Key, b"\x30\x81\x03\x02\x01\x03", Some("openssl pkcs12 -in f -nocerts")),
            (Kind::Certificate, b"0\x02 is", Some("no line in it begins")),
            (Kind::Certificate, key.as_bytes(), Some("are swapped")),
            (Kind::Key, certificate.as_bytes(), Some("are swapped")),
            (Kind::Key, encrypted.as_bytes(), Some("openssl pkey -in f -out")),
            (Kind::Key, old.as_bytes(), Some("is encrypted")),
            (Kind::Key, key.as_bytes(), None),
            (Kind::Certificate, certificate.as_bytes(), None),
            (Kind::Certificate, b"0 is no sequence\n-----BEGIN CERTIFICATE-----\n", None),
        ] {
            let told = fault(bytes, kind, "f");
            match (&told, expected) {
                (Some(told), Some(expected)) => assert!(told.contains(expected), "{told}"),
                (told, expected) => assert_eq!((told, expected), (&None, None), "{bytes:?}"),
            }
        }
    }
}
