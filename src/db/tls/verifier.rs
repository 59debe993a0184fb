//! How the server's certificate is judged, for each `sslmode`.

use crate::config::conninfo::SslMode;
use crate::server_certificate::Shown;
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, OtherError, RootCertStore};
use x509_cert::der::{DateTime, Decode};

/// A judge of certificates.
pub(super) struct Verifier {
    pub(super) mode: SslMode,
    pub(super) roots: RootCertStore,
    /// The certificates in `sslrootcert` as they stand there.
    pub(super) trusted: Vec<CertificateDer<'static>>,
}

impl Verifier {
    /// Whether the server shows a certificate that stands in `sslrootcert` itself. `openssl req -x509`,
    /// with which PostgreSQL's manual begins, makes one that counts as an authority, and an authority
    /// is no server to rustls.
    fn is_pinned(&self, certificate: &CertificateDer<'_>, now: UnixTime) -> Result<bool, Error> {
        if !self.trusted.iter().any(|trusted| trusted == certificate) {
            return Ok(false);
        }
        let bad = |_| Error::InvalidCertificate(CertificateError::BadEncoding);
        let parsed = x509_cert::Certificate::from_der(certificate).map_err(bad)?;
        let validity = parsed.tbs_certificate().validity();
        let seconds = |time: DateTime| time.unix_duration().as_secs();
        if now.as_secs() > seconds(validity.not_after.to_date_time()) {
            return Err(Error::InvalidCertificate(CertificateError::Expired));
        }
        if now.as_secs() < seconds(validity.not_before.to_date_time()) {
            return Err(Error::InvalidCertificate(CertificateError::NotValidYet));
        }
        Ok(true)
    }

    /// Whether this is the right server.
    pub(super) fn check(&self, shown: Shown<'_>) -> Result<(), Error> {
        let (algorithms, certificate, others, name, now) = shown;
        if self.mode < SslMode::VerifyCa {
            return Ok(());
        }
        let parsed = ParsedCertificate::try_from(certificate)?;
        if !self.is_pinned(certificate, now)? {
            let (roots, all) = (&self.roots, algorithms.all);
            verify_server_cert_signed_by_trust_anchor(&parsed, roots, others, now, all)?;
        }
        if self.mode == SslMode::VerifyFull {
            verify_server_name(&parsed, name)?;
        }
        Ok(())
    }
}

/// What is wrong with the server's certificate, for an operator.
pub(super) fn describe(error: &Error) -> Option<String> {
    let Error::InvalidCertificate(cause) = error else { return None };
    Some(match cause {
        CertificateError::UnknownIssuer => {
            "the server's certificate is signed by none of the certificates in sslrootcert"
                .to_owned()
        }
        CertificateError::NotValidForNameContext { expected, presented }
            if presented.is_empty() =>
        {
            format!(
                "the server's certificate is not for the name {}: it has no subjectAltName, and \
                 names in CN do not count",
                expected.to_str()
            )
        }
        CertificateError::NotValidForNameContext { expected, presented } => format!(
            "the server's certificate is not for the name {}, only for {}",
            expected.to_str(),
            presented.join(", ")
        ),
        CertificateError::NotValidForName => {
            "the server's certificate is not for the name in the connection string".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the server's certificate has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet; is this machine's clock right?".to_owned()
        }
        CertificateError::Other(OtherError(cause)) => {
            let cause = cause.to_string();
            match cause.as_str() {
                "CaUsedAsEndEntity" => {
                    "the server's certificate is one of an authority, and stands \
                                        not in sslrootcert itself"
                        .to_owned()
                }
                "UnsupportedCertVersion" => {
                    "the server's certificate is of version 1, which is not supported".to_owned()
                }
                _ => format!("the server's certificate cannot be used: {cause}"),
            }
        }
        cause => format!("the server's certificate cannot be used: {cause:?}"),
    })
}
