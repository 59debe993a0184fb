//! Public keys of credentials: COSE keys (RFC 9052, 7; RFC 9053), and what they have signed.

use minicbor::Decoder;
use minicbor::data::Type;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};

/// The algorithms that are taken, in the order in which they are asked for: ES256, EdDSA with Ed25519
/// (RFC 9053, 2) and RS256 (RFC 8812, 2).
pub(crate) const ALGORITHMS: [i64; 3] = [-7, -8, -257];

/// A public key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CredentialKey<'a> {
    /// The point, uncompressed (SEC 1, 2.3.3).
    Es256([u8; 65]),
    Ed25519([u8; 32]),
    Rs256 {
        n: &'a [u8],
        e: &'a [u8],
    },
}

/// The parameters of a key, by their labels.
#[derive(Default)]
struct Parameters<'a> {
    kind: Option<i64>,
    algorithm: Option<i64>,
    /// The curve, or the modulus.
    curve: Option<i64>,
    first: Option<&'a [u8]>,
    second: Option<&'a [u8]>,
    third: Option<&'a [u8]>,
}

impl<'a> Parameters<'a> {
    /// Reads a map of definite length with these labels alone, each once.
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut decoder = Decoder::new(bytes);
        let mut found = Self::default();
        for _ in 0..decoder.map().ok()?? {
            let label = decoder.i64().ok()?;
            let is_bytes = decoder.datatype().ok()? == Type::Bytes;
            if is_bytes {
                let place = match label {
                    -1 => &mut found.first,
                    -2 => &mut found.second,
                    -3 => &mut found.third,
                    _ => return None,
                };
                place.is_none().then_some(())?;
                *place = Some(decoder.bytes().ok()?);
            } else {
                let place = match label {
                    1 => &mut found.kind,
                    3 => &mut found.algorithm,
                    -1 => &mut found.curve,
                    _ => return None,
                };
                place.is_none().then_some(())?;
                *place = Some(decoder.i64().ok()?);
            }
        }
        (decoder.position() == bytes.len()).then_some(found)
    }
}

impl<'a> CredentialKey<'a> {
    /// Reads a key of one of our algorithms, whose parameters all agree.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let Parameters { kind, algorithm, curve, first, second, third } = Parameters::parse(bytes)?;
        match (kind?, algorithm?, curve, first, second, third) {
            // EC2, P-256.
            (2, -7, Some(1), None, Some(x), Some(y)) => {
                let (x, y): ([u8; 32], [u8; 32]) = (x.try_into().ok()?, y.try_into().ok()?);
                [&[4][..], &x, &y].concat().try_into().ok().map(Self::Es256)
            }
            // OKP, Ed25519.
            (1, -8, Some(6), None, Some(x), None) => x.try_into().ok().map(Self::Ed25519),
            // RSA (RFC 8230, 4).
            (3, -257, None, Some(n), Some(e), None) => Some(Self::Rs256 { n, e }),
            _ => None,
        }
    }

    /// Whether this is its signature of a message (WebAuthn, 6.5.5).
    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Es256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point)
                .verify(message, signature)
                .is_ok(),
            Self::Ed25519(key) => {
                UnparsedPublicKey::new(&ED25519, key).verify(message, signature).is_ok()
            }
            Self::Rs256 { n, e } => RsaPublicKeyComponents { n, e }
                .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
                .is_ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn es256() -> Vec<u8> {
        let head = [0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32];
        [&head[..], &[7; 32], &[0x22, 0x58, 32], &[9; 32]].concat()
    }

    #[test]
    fn keys_of_our_algorithms_are_read() {
        let Some(CredentialKey::Es256(point)) = CredentialKey::parse(&es256()) else { panic!() };
        assert_eq!((point[0], &point[1..33], &point[33..]), (4, &[7; 32][..], &[9; 32][..]));
        let ed25519 = [&[0xa4, 1, 1, 3, 0x27, 0x20, 6, 0x21, 0x58, 32][..], &[7; 32]].concat();
        assert_eq!(CredentialKey::parse(&ed25519), Some(CredentialKey::Ed25519([7; 32])));
        let rs256 = [0xa4, 1, 3, 3, 0x39, 1, 0, 0x20, 0x42, 5, 6, 0x21, 0x43, 1, 0, 1];
        let expected = CredentialKey::Rs256 { n: &[5, 6], e: &[1, 0, 1] };
        assert_eq!(CredentialKey::parse(&rs256), Some(expected));
    }

    #[test]
    fn no_other_key_is_read() {
        let good = es256();
        for length in 0..good.len() {
            assert_eq!(CredentialKey::parse(&good[..length]), None, "{length}");
        }
        let with = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            bytes
        };
        for (bytes, why) in [
            (with(2, 1), "another kind"),
            (with(4, 0x27), "another algorithm"),
            (with(6, 2), "another curve"),
            (with(3, 1), "a label twice"),
            (with(0, 0xbf), "a map without end"),
            (with(0, 0xa4), "too few"),
            ([&good[..], &[0]].concat(), "something left over"),
        ] {
            assert_eq!(CredentialKey::parse(&bytes), None, "{why}");
        }
        assert!(!CredentialKey::parse(&good).unwrap().has_signed(b"message", b"signature"));
    }
}
