//! How other services write their hashes.
//!
//! | maker | form |
//! |---|---|
//! | bcrypt, Flask-Bcrypt, PHP | `$2a$`, `$2b$`, `$2y$`, cost, salt and hash |
//! | Argon2 libraries | `$argon2id$v=19$m=…,t=…,p=…$SALT$HASH`, and `argon2i`, `argon2d` |
//! | passlib | `$scrypt$ln=…,r=…,p=…$SALT$HASH`; `$pbkdf2-sha256$N$SALT$HASH`, `$pbkdf2$`, `-sha512` |
//! | Werkzeug | `scrypt:N:r:p$SALT$HEX`; `pbkdf2:sha256:N$SALT$HEX`, and `sha1`, `sha512` |
//! | Django | `pbkdf2_sha256$N$SALT$HASH`, `pbkdf2_sha1$`; `argon2$`, `bcrypt$`, `bcrypt_sha256$` before the above; `scrypt$N$SALT$r$p$HASH` |

use super::{Digest, Foreign, MAX_FIELD, MAX_LANES};
use crate::passwords::not_a_hash::NotAHash;
use argon2::{Algorithm, Version};
use base64::Engine;
use base64::alphabet::{self, Alphabet};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use std::fmt::Display;
use std::str::FromStr;

type Result<T> = std::result::Result<T, NotAHash>;

impl FromStr for Foreign {
    type Err = NotAHash;

    fn from_str(text: &str) -> Result<Self> {
        let fields: Vec<&str> = text.split('$').collect();
        match *fields.as_slice() {
            ["", version @ ("2a" | "2b" | "2y"), cost, rest] => bcrypt(version, cost, rest, false),
            ["bcrypt", "", version, cost, rest] => bcrypt(version, cost, rest, false),
            ["bcrypt_sha256", "", version, cost, rest] => bcrypt(version, cost, rest, true),
            ["" | "argon2", kind, version, parameters, salt, hash]
                if kind.starts_with("argon2") =>
            {
                argon2(kind, version, parameters, salt, hash)
            }
            // The first version wrote no version number.
            ["", kind, parameters, salt, hash] if kind.starts_with("argon2") => {
                argon2(kind, "v=16", parameters, salt, hash)
            }
            ["", "scrypt", parameters, salt, hash] => {
                let [log_n, r, p] = numbers(parameters, ["ln=", "r=", "p="])?;
                scrypt(1_u64.checked_shl(log_n), r, p, base64(salt)?, base64(hash)?)
            }
            ["scrypt", n, salt, r, p, hash] => {
                let salt = salt.as_bytes().to_vec();
                scrypt(n.parse().ok(), number("r", r)?, number("p", p)?, salt, base64(hash)?)
            }
            ["", kind @ ("pbkdf2" | "pbkdf2-sha256" | "pbkdf2-sha512"), iterations, salt, hash] => {
                let digest = kind.strip_prefix("pbkdf2-").unwrap_or("sha1");
                pbkdf2(digest, iterations, base64(salt)?, base64(hash)?)
            }
            [kind @ ("pbkdf2_sha256" | "pbkdf2_sha1"), iterations, salt, hash] => {
                pbkdf2(&kind["pbkdf2_".len()..], iterations, salt.into(), base64(hash)?)
            }
            [method, salt, hash] => werkzeug(method, salt, hash),
            _ if text.starts_with('!') => {
                fail("marked by Django as a password that nobody can log in with")
            }
            _ => fail("not a supported kind of password hash"),
        }
    }
}

fn fail<T>(cause: impl Into<String>) -> Result<T> {
    Err(NotAHash::new(cause))
}

fn werkzeug(method: &str, salt: &str, hash: &str) -> Result<Foreign> {
    let parts: Vec<&str> = method.split(':').collect();
    let (salt, hash) = (salt.as_bytes().to_vec(), || hex(hash));
    match *parts.as_slice() {
        ["scrypt", n, r, p] => {
            scrypt(n.parse().ok(), number("r", r)?, number("p", p)?, salt, hash()?)
        }
        ["pbkdf2", digest, iterations] => pbkdf2(digest, iterations, salt, hash()?),
        _ => fail("not a supported kind of password hash"),
    }
}

fn bcrypt(version: &str, cost: &str, rest: &str, prehashed: bool) -> Result<Foreign> {
    if !matches!(version, "2a" | "2b" | "2y") {
        return fail("bcrypt: only $2a$, $2b$ and $2y$ are known");
    }
    let cost = within("bcrypt: cost", number("bcrypt: cost", cost)?, 4, 31)?;
    // The four bits after the salt and after the hash are unused; some libraries set them.
    let decode = |text: Option<&str>| decode(&alphabet::BCRYPT, text.unwrap_or_default());
    let (salt, hash) = (decode(rest.get(..22))?, decode(rest.get(22..))?);
    match (salt.try_into(), hash.try_into()) {
        (Ok(salt), Ok(hash)) => Ok(Foreign::Bcrypt { cost, salt, hash, prehashed }),
        _ => fail("bcrypt: salt and hash must have 53 characters"),
    }
}

fn argon2(kind: &str, version: &str, parameters: &str, salt: &str, hash: &str) -> Result<Foreign> {
    let Ok(algorithm) = Algorithm::new(kind) else {
        return fail("Argon2: only argon2id, argon2i and argon2d are known");
    };
    let version = match version {
        "v=19" => Version::V0x13,
        "v=16" => Version::V0x10,
        _ => return fail("Argon2: only the versions 16 and 19 are known"),
    };
    let [kib, passes, lanes] = numbers(parameters, ["m=", "t=", "p="])?;
    let lanes = within("Argon2: p", lanes, 1, MAX_LANES)?;
    let passes = within("Argon2: t", passes, 1, u32::MAX)?;
    let kib = within("Argon2: m", kib, 8 * lanes, u32::MAX)?;
    let (salt, hash) = (field(base64(salt)?, 8)?, field(base64(hash)?, 4)?);
    Ok(Foreign::Argon2 { algorithm, version, kib, passes, lanes, salt, hash })
}

fn scrypt(n: Option<u64>, r: u32, p: u32, salt: Vec<u8>, hash: Vec<u8>) -> Result<Foreign> {
    let Some(n) = n.filter(|n| *n > 1 && n.is_power_of_two()) else {
        return fail("scrypt: N is not a power of two");
    };
    let (r, p) = (within("scrypt: r", r, 1, u32::MAX)?, within("scrypt: p", p, 1, MAX_LANES)?);
    // The condition of RFC 7914, section 2.
    if u64::from(n.ilog2()) >= 16 * u64::from(r) {
        return fail("scrypt: N is too large for this r");
    }
    let (salt, hash) = (field(salt, 0)?, field(hash, 16)?);
    Ok(Foreign::Scrypt { log_n: n.ilog2() as u8, r, p, salt, hash })
}

fn pbkdf2(digest: &str, iterations: &str, salt: Vec<u8>, hash: Vec<u8>) -> Result<Foreign> {
    let (digest, length) = match digest {
        "sha1" => (Digest::Sha1, 20),
        "sha256" => (Digest::Sha256, 32),
        "sha512" => (Digest::Sha512, 64),
        _ => return fail("PBKDF2: only sha1, sha256 and sha512 are known"),
    };
    let name = "PBKDF2: iterations";
    let iterations = within(name, number(name, iterations)?, 1, u32::MAX)?;
    if hash.len() != length {
        return fail("PBKDF2: the hash does not have the length of its hash function");
    }
    Ok(Foreign::Pbkdf2 { digest, iterations, salt: field(salt, 0)?, hash })
}

/// Comma-separated numbers, each after its name.
fn numbers<const N: usize>(text: &str, names: [&str; N]) -> Result<[u32; N]> {
    let mut parts = text.split(',');
    let mut values = [0; N];
    for (value, name) in values.iter_mut().zip(names) {
        let Some(digits) = parts.next().and_then(|part| part.strip_prefix(name)) else {
            return fail(format!("the parameter {name} is missing or not in its place"));
        };
        *value = number(name, digits)?;
    }
    if parts.next().is_some() { fail("it has unknown parameters") } else { Ok(values) }
}

fn number(name: &str, digits: &str) -> Result<u32> {
    digits.parse().or_else(|_| fail(format!("{name} is not a number in range")))
}

fn within(name: &str, value: u32, least: u32, most: u32) -> Result<u32> {
    if (least..=most).contains(&value) {
        return Ok(value);
    }
    let upper: &dyn Display = if most == u32::MAX { &"more" } else { &most };
    fail(format!("{name}={value} is outside the accepted range, {least} to {upper}"))
}

fn field(bytes: Vec<u8>, least: usize) -> Result<Vec<u8>> {
    if (least..=MAX_FIELD).contains(&bytes.len()) {
        Ok(bytes)
    } else {
        fail("its salt or hash is too short or too long")
    }
}

/// Base64 with or without padding, and passlib's variant, which has `.` for `+`.
fn base64(text: &str) -> Result<Vec<u8>> {
    decode(&alphabet::STANDARD, &text.replace('.', "+"))
}

fn decode(alphabet: &Alphabet, text: &str) -> Result<Vec<u8>> {
    let lenient = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let decoded = GeneralPurpose::new(alphabet, lenient).decode(text);
    decoded.or_else(|_| fail("its salt or hash is not Base64"))
}

fn hex(text: &str) -> Result<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let pairs = text.as_bytes().chunks(2).map(|pair| match *pair {
        [high, low] => Some((digit(high)? << 4) | digit(low)?),
        _ => None,
    });
    pairs.collect::<Option<_>>().map_or_else(|| fail("its hash is not hexadecimal"), Ok)
}
