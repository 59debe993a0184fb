//! RS256: RSA with PKCS #1 v1.5 and SHA-256 (RFC 7518, 3.3), for services that know nothing newer.
//!
//! `ring` signs and verifies, in constant time and without `tls` too, and makes no keys. The crate
//! `rsa` makes them and reads their numbers. Of what RUSTSEC-2023-0071 is about, private operations
//! whose time an attacker can measure, it does nothing here.

use crate::error::{Error, Result};
use ring::rand::SystemRandom;
use ring::rsa::KeyPair;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use rsa::pkcs1::{DecodeRsaPublicKey, EncodeRsaPrivateKey};
use rsa::traits::PublicKeyParts;
use rsa::{PrivateKey, PublicKey};
use zeroize::Zeroizing;

/// The public exponent of all keys: F4, as FIPS 186-5, A.1.1 recommends.
const EXPONENT: [u8; 3] = [1, 0, 1];

/// A new private key of this size: an `RSAPrivateKey` (RFC 8017, A.1.2). It takes up to some seconds.
///
/// # Errors
/// [`Error::Internal`] when none is found, which would be a bug.
pub(super) fn generate(bits: usize) -> Result<Zeroizing<Vec<u8>>> {
    let fault = |e: &dyn std::fmt::Display| Error::Internal(format!("cannot make an RSA key: {e}"));
    let key = PrivateKey::new(&mut rand::rng(), bits).map_err(|e| fault(&e))?;
    let der = key.to_pkcs1_der().map_err(|e| fault(&e))?;
    Ok(Zeroizing::new(der.as_bytes().to_vec()))
}

/// The key of an `RSAPrivateKey` of this size, if it is sound.
pub(super) fn pair(private: &[u8], bits: usize) -> Option<KeyPair> {
    let pair = KeyPair::from_der(private).ok()?;
    (pair.public().modulus_len() * 8 == bits).then_some(pair)
}

/// The public half of a key: an `RSAPublicKey` (RFC 8017, A.1.1).
pub(super) fn public_half(pair: &KeyPair) -> Vec<u8> {
    pair.public().as_ref().to_vec()
}

/// Modulus and exponent of an `RSAPublicKey` of this size, as big-endian numbers, if it is one of
/// ours by its form.
pub(super) fn numbers(public: &[u8], bits: usize) -> Option<(Vec<u8>, Vec<u8>)> {
    let (modulus, exponent) = numbers_of(public)?;
    let full = modulus.len() * 8 == bits && modulus.first().is_some_and(|first| *first >= 0x80);
    (full && exponent == EXPONENT).then_some((modulus, exponent))
}

/// Modulus and exponent of any `RSAPublicKey`, as big-endian numbers.
pub(super) fn numbers_of(public: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let key = PublicKey::from_pkcs1_der(public).ok()?;
    Some((trimmed(&key.n_bytes()), trimmed(&key.e_bytes())))
}

/// Without leading zeros, as RFC 7518, 6.3.1 writes numbers.
fn trimmed(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number[zeros..].to_vec()
}

/// The signature of a message.
///
/// # Errors
/// [`Error::Internal`] when it cannot be signed, which would be a bug.
pub(super) fn sign(pair: &KeyPair, message: &[u8]) -> Result<Vec<u8>> {
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
        .map_err(|_| Error::Internal("cannot sign a token with RSA".to_owned()))?;
    Ok(signature)
}

/// Whether a message has this signature of the holder of an `RSAPublicKey`.
pub(super) fn verifies(public: &[u8], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public).verify(message, signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_was_made_signs_and_its_public_half_verifies() {
        for bits in [2_048, 3_072] {
            let private = generate(bits).unwrap();
            let pair = pair(&private, bits).unwrap();
            let public = public_half(&pair);
            let signature = sign(&pair, b"message").unwrap();
            assert_eq!(signature.len() * 8, bits);
            assert!(verifies(&public, b"message", &signature));
            assert!(!verifies(&public, b"massage", &signature));
            let mut changed = signature.clone();
            changed[7] ^= 1;
            assert!(!verifies(&public, b"message", &changed));
            let (modulus, exponent) = numbers(&public, bits).unwrap();
            assert_eq!((modulus.len() * 8, exponent.as_slice()), (bits, &EXPONENT[..]));
        }
    }

    #[test]
    fn a_key_of_another_size_or_form_is_none() {
        let private = generate(2_048).unwrap();
        let public = public_half(&pair(&private, 2_048).unwrap());
        assert!(pair(&private, 3_072).is_none() && numbers(&public, 3_072).is_none());
        assert!(pair(&private[1..], 2_048).is_none() && numbers(&public[1..], 2_048).is_none());
        assert!(pair(&public, 2_048).is_none() && numbers(&private, 2_048).is_none());
        assert!(pair(b"", 2_048).is_none() && numbers(b"", 2_048).is_none());
    }
}
