//! Our own stored form: a PHC string,
//! `$pbkdf2-sha256$i=600000,l=32$SALT$HASH`, salt and hash in Base64 without padding; with a pepper
//! `$pbkdf2-sha256$i=600000,l=32,keyid=ID$SALT$HASH`, the hash under that pepper.

use super::kernel::HASH_BYTES;
use super::not_a_hash::NotAHash;
use super::pepper::KeyId;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use std::fmt;
use std::str::FromStr;

/// Bytes of salt (NIST SP 800-132 asks for at least 16).
pub(super) const SALT_BYTES: usize = 16;

/// How every hash of ours begins.
pub(super) const PREFIX: &str = "$pbkdf2-sha256$i=";

/// A password's hash with everything needed to compute it again, except the pepper.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Own {
    pub(super) iterations: u32,
    pub(super) pepper: Option<KeyId>,
    pub(super) salt: [u8; SALT_BYTES],
    pub(super) hash: [u8; HASH_BYTES],
}

impl fmt::Display for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{},l={HASH_BYTES}", self.iterations)?;
        if let Some(id) = self.pepper {
            write!(f, ",keyid={id}")?;
        }
        let [salt, hash] = [&self.salt[..], &self.hash].map(|bytes| STANDARD_NO_PAD.encode(bytes));
        write!(f, "${salt}${hash}")
    }
}

impl FromStr for Own {
    type Err = NotAHash;

    fn from_str(text: &str) -> Result<Self, NotAHash> {
        let fault = || NotAHash::new("not a complete pbkdf2-sha256 string of Gatepost");
        let parts: Vec<&str> = text.strip_prefix(PREFIX).ok_or_else(fault)?.split('$').collect();
        let &[parameters, salt, hash] = parts.as_slice() else {
            return Err(fault());
        };
        let (digits, rest) = parameters.split_once(",l=32").ok_or_else(fault)?;
        if digits.starts_with(['+', '0']) {
            return Err(fault());
        }
        let iterations = digits.parse().ok().filter(|n| *n > 0);
        let iterations = iterations.ok_or_else(fault)?;
        let pepper = match rest.strip_prefix(",keyid=") {
            Some(id) => Some(id.parse().map_err(|_| fault())?),
            None if rest.is_empty() => None,
            None => return Err(fault()),
        };
        let (salt, hash) = (bytes(salt).ok_or_else(fault)?, bytes(hash).ok_or_else(fault)?);
        Ok(Self { iterations, pepper, salt, hash })
    }
}

fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    STANDARD_NO_PAD.decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(iterations: u32, pepper: Option<KeyId>) -> Own {
        Own { iterations, pepper, salt: [7; 16], hash: [9; 32] }
    }

    #[test]
    fn a_hash_reads_back_as_it_was_written() {
        let hash = own(600_000, None);
        let text = hash.to_string();
        assert!(text.starts_with("$pbkdf2-sha256$i=600000,l=32$BwcHBwcHBwcHBwcHBwcHBw$"), "{text}");
        assert!(text.parse() == Ok(hash));
        let hash = own(600_000, Some("AAECAwQF".parse().unwrap()));
        let text = hash.to_string();
        assert!(text.starts_with("$pbkdf2-sha256$i=600000,l=32,keyid=AAECAwQF$BwcH"), "{text}");
        assert!(text.parse() == Ok(hash));
    }

    #[test]
    fn what_is_not_quite_a_hash_is_refused() {
        let good = own(5, Some("AAECAwQF".parse().unwrap())).to_string();
        assert!(good.parse::<Own>().is_ok());
        for bad in [
            good.replace("i=5", "i=0"),
            good.replace("i=5", "i=-5"),
            good.replace("i=5", "i=+5"),
            good.replace("i=5", "i=05"),
            good.replace("i=5", "i=99999999999"),
            good.replace("sha256", "sha512"),
            good.replace("l=32", "l=31"),
            good.replace("l=32", "l=320"),
            good.replace("keyid", "key"),
            good.replace("AAECAwQF", "AAECAwQ"),
            good.replace("AAECAwQF", "AAECAwQ!"),
            good.replace("$BwcH", "$"),
            format!("{good}$"),
            format!("{good}="),
            good[1..].to_owned(),
            String::new(),
        ] {
            assert!(bad.parse::<Own>().is_err(), "{bad}");
        }
    }
}
