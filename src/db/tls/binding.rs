//! The channel binding `tls-server-end-point` (RFC 5929, section 4): a hash of the server's
//! certificate, which SCRAM-SHA-256-PLUS mixes into the proof of the password. Whoever stands in
//! between with a certificate of their own cannot pass that proof on.

use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use x509_cert::Certificate;
use x509_cert::der::Decode;

/// The hash of a certificate in DER, by the function of its signature; SHA-256 where that is MD5 or
/// SHA-1. None for signatures that name no single function, such as Ed25519, for which the binding is
/// not defined, and for RSASSA-PSS, for which PostgreSQL knows it from version 16 on.
pub(super) fn server_end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    let parsed = Certificate::from_der(certificate).ok()?;
    let hash = match parsed.signature_algorithm().oid.to_string().as_str() {
        // RSA (RFC 8017, A.2.4) with MD5, SHA-1 and SHA-256; ECDSA (RFC 5758, 3.2) with SHA-1 and
        // SHA-256.
        "1.2.840.113549.1.1.4"
        | "1.2.840.113549.1.1.5"
        | "1.2.840.113549.1.1.11"
        | "1.2.840.10045.4.1"
        | "1.2.840.10045.4.3.2" => Sha256::digest(certificate).to_vec(),
        "1.2.840.113549.1.1.14" | "1.2.840.10045.4.3.1" => Sha224::digest(certificate).to_vec(),
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" => Sha384::digest(certificate).to_vec(),
        "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" => Sha512::digest(certificate).to_vec(),
        _ => return None,
    };
    Some(hash)
}
