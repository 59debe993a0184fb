//! What the authenticator says (WebAuthn, 6.1).

use minicbor::Decoder;
use sha2::{Digest, Sha256};

/// The flags.
const USER_PRESENT: u8 = 1;
const USER_VERIFIED: u8 = 1 << 2;
const BACKUP_ELIGIBLE: u8 = 1 << 3;
const BACKED_UP: u8 = 1 << 4;
const ATTESTED_CREDENTIAL: u8 = 1 << 6;
const EXTENSIONS: u8 = 1 << 7;

/// Bytes of the name of a make of authenticators, which nobody has vouched for.
const AAGUID: usize = 16;

/// The authenticator's data.
#[derive(Debug)]
pub(super) struct AuthenticatorData<'a> {
    party: [u8; 32],
    pub(super) user_present: bool,
    pub(super) user_verified: bool,
    pub(super) backed_up: bool,
    pub(super) sign_count: u32,
    /// Name and public key of a new credential.
    pub(super) credential: Option<(&'a [u8], &'a [u8])>,
}

impl<'a> AuthenticatorData<'a> {
    /// Reads it, if it is whole and nothing is left over.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (party, rest) = bytes.split_first_chunk::<32>()?;
        let (flags, rest) = rest.split_first()?;
        let (count, mut rest) = rest.split_first_chunk::<4>()?;
        let has = |flag: u8| flags & flag != 0;
        let credential = if has(ATTESTED_CREDENTIAL) {
            let (length, after) = rest.split_at_checked(AAGUID)?.1.split_first_chunk::<2>()?;
            let (id, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
            let (key, after) = item(after)?;
            rest = after;
            Some((id, key))
        } else {
            None
        };
        if has(EXTENSIONS) {
            let (extensions, after) = item(rest)?;
            Decoder::new(extensions).map().ok()??;
            rest = after;
        }
        // What is not eligible for a backup has none (6.1.3).
        let sound = rest.is_empty() && (has(BACKUP_ELIGIBLE) || !has(BACKED_UP));
        sound.then_some(Self {
            party: *party,
            user_present: has(USER_PRESENT),
            user_verified: has(USER_VERIFIED),
            backed_up: has(BACKED_UP),
            sign_count: u32::from_be_bytes(*count),
            credential,
        })
    }

    /// Whether it is about credentials of this domain.
    pub(super) fn is_for(&self, party: &str) -> bool {
        self.party == <[u8; 32]>::from(Sha256::digest(party))
    }
}

/// An item of CBOR, and what follows it.
fn item(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut decoder = Decoder::new(bytes);
    decoder.skip().ok()?;
    bytes.split_at_checked(decoder.position())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(flags: u8, rest: &[u8]) -> Vec<u8> {
        [&Sha256::digest("example.com")[..], &[flags], &7_u32.to_be_bytes(), rest].concat()
    }

    #[test]
    fn it_is_read_whole_or_not_at_all() {
        let bytes = data(USER_PRESENT | BACKUP_ELIGIBLE | BACKED_UP, &[]);
        let read = AuthenticatorData::parse(&bytes).unwrap();
        assert!(read.user_present && !read.user_verified && read.backed_up);
        assert!(read.is_for("example.com") && !read.is_for("example.org"));
        assert_eq!((read.sign_count, read.credential), (7, None));
        for length in 0..bytes.len() {
            assert!(AuthenticatorData::parse(&bytes[..length]).is_none(), "{length}");
        }
        assert!(AuthenticatorData::parse(&data(USER_PRESENT, &[0xa0])).is_none());
        assert!(AuthenticatorData::parse(&data(USER_PRESENT | EXTENSIONS, &[])).is_none());
        assert!(AuthenticatorData::parse(&data(USER_PRESENT | EXTENSIONS, &[0x01])).is_none());
        assert!(AuthenticatorData::parse(&data(USER_PRESENT | EXTENSIONS, &[0xa0])).is_some());
        assert!(AuthenticatorData::parse(&data(USER_PRESENT | BACKED_UP, &[])).is_none());
    }

    #[test]
    fn a_credential_is_read_with_its_key_and_no_further() {
        let rest = [&[0; AAGUID][..], &[0, 2], b"id", &[0xa1, 1, 2]].concat();
        let bytes = data(USER_PRESENT | ATTESTED_CREDENTIAL, &rest);
        let read = AuthenticatorData::parse(&bytes).unwrap();
        assert_eq!(read.credential, Some((&b"id"[..], &[0xa1, 1, 2][..])));
        for length in 37..bytes.len() {
            assert!(AuthenticatorData::parse(&bytes[..length]).is_none(), "{length}");
        }
        let long = [&[0; AAGUID][..], &[0xff, 0xff], b"id"].concat();
        assert!(AuthenticatorData::parse(&data(ATTESTED_CREDENTIAL, &long)).is_none());
    }
}
