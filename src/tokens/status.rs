//! The place of a token in the Token Status List (draft-ietf-oauth-status-list), and the list's bits.
//!
//! A session has eight bits: one for each pair of the last two bits of the token's `token_version` and
//! its `admin`. So a token has its place without anything being written down, and a session that goes
//! on after a new password or a demotion keeps a good place for its next tokens. Sixteen thousand
//! sessions share a list, which has 16 KiB before it is compressed.
//!
//! A place is given out again when a user's version has gone up four times. If that happens within
//! the life of a token, the list cannot tell that token from the newest ones; the list of
//! revocations can.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

/// Sessions in a list.
pub(crate) const SESSIONS: i64 = 16_384;

/// Bits of a session, which are one byte.
const PLACES: i64 = 8;

/// Where the list of a number is. Tokens and the list itself must say it alike.
pub(crate) fn uri(issuer: &str, list: i64) -> String {
    format!("{}/status-list?id={list}", issuer.trim_end_matches('/'))
}

/// The claim `status` (draft, "Referenced Token").
#[derive(Debug, Serialize)]
pub(crate) struct Status {
    status_list: Reference,
}

#[derive(Debug, Serialize)]
struct Reference {
    idx: i64,
    uri: String,
}

impl Status {
    /// Of a token of this session with these claims, if the list is below this issuer.
    pub(crate) fn of(issuer: &str, session: i64, token_version: i64, admin: bool) -> Self {
        let (list, byte) = (session.div_euclid(SESSIONS), session.rem_euclid(SESSIONS));
        let idx = byte * PLACES + i64::from(place(token_version, admin));
        Self { status_list: Reference { idx, uri: uri(issuer, list) } }
    }
}

/// The bit of a session's byte.
fn place(token_version: i64, admin: bool) -> u8 {
    let version = u8::try_from(token_version.rem_euclid(4)).unwrap_or_default();
    version * 2 + u8::from(admin)
}

/// The bits of a list: 0 for a token that is good as far as the list knows, 1 for one that is not.
pub(crate) struct StatusBits(Vec<u8>);

impl StatusBits {
    /// Nothing is revoked.
    pub(crate) fn new() -> Self {
        Self(vec![0; usize::try_from(SESSIONS).unwrap_or_default()])
    }

    /// No token of a session is good, unless it goes on: then those with this version, and with
    /// `admin` only if that is still so.
    pub(crate) fn revoke(&mut self, session: i64, goes_on: Option<(i64, bool)>) {
        let good = goes_on.map_or(0, |(version, admin)| {
            1 << place(version, false) | u8::from(admin) << place(version, true)
        });
        let at = usize::try_from(session.rem_euclid(SESSIONS)).unwrap_or_default();
        if let Some(byte) = self.0.get_mut(at) {
            *byte = !good;
        }
    }

    /// The member `lst`: compressed (RFC 1950) at the highest level, as the draft recommends, and in
    /// base64url.
    pub(crate) fn compressed(&self) -> String {
        URL_SAFE_NO_PAD.encode(miniz_oxide::deflate::compress_to_vec_zlib(&self.0, 10))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idx(session: i64, version: i64, admin: bool) -> usize {
        let status = Status::of("https://auth.example/", session, version, admin);
        usize::try_from(status.status_list.idx).unwrap()
    }

    fn bit(bits: &StatusBits, idx: usize) -> bool {
        // Draft, "Status List": the least significant bit of each byte comes first.
        bits.0[idx / 8] >> (idx % 8) & 1 == 1
    }

    #[test]
    fn a_place_names_its_list_and_no_two_tokens_of_a_session_share_one() {
        let status = Status::of("https://auth.example/a/", 16_384 * 3 + 5, 1, false);
        assert_eq!(
            serde_json::to_string(&status).unwrap(),
            r#"{"status_list":{"idx":42,"uri":"https://auth.example/a/status-list?id=3"}}"#
        );
        let mut all: Vec<usize> =
            (1..5).flat_map(|version| [idx(7, version, false), idx(7, version, true)]).collect();
        all.sort_unstable();
        assert_eq!(all, (56..64).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_revoked_is_what_the_list_of_revocations_says() {
        let mut bits = StatusBits::new();
        bits.revoke(3, None);
        bits.revoke(4, Some((2, false)));
        bits.revoke(5, Some((2, true)));
        for version in 1..5 {
            for admin in [false, true] {
                assert!(!bit(&bits, idx(2, version, admin)), "never revoked");
                assert!(bit(&bits, idx(3, version, admin)), "over");
                let good = version == 2;
                assert_eq!(bit(&bits, idx(4, version, admin)), !good || admin);
                assert_eq!(bit(&bits, idx(5, version, admin)), !good);
            }
        }
    }

    #[test]
    fn a_list_is_compressed_as_zlib_does_it() {
        let mut bits = StatusBits::new();
        bits.revoke(16_384 + 100, None);
        let bytes = URL_SAFE_NO_PAD.decode(bits.compressed()).unwrap();
        assert!(bytes.len() < 100 && bytes[0] == 0x78, "{}", bytes.len());
        assert_eq!(miniz_oxide::inflate::decompress_to_vec_zlib(&bytes).unwrap(), bits.0);
    }
}
