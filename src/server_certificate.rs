//! TLS as a client, where it is ours to say which certificate of a server will do.

use rustls::client::WantsClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ConfigBuilder, DigitallySignedStruct, Error, SignatureScheme};
use std::sync::Arc;

/// What is known of a server: the algorithms that count here, its certificate, those that it sends
/// beside it, the name that was asked for, and the time.
pub(crate) type Shown<'a> = (
    &'a WebPkiSupportedAlgorithms,
    &'a CertificateDer<'a>,
    &'a [CertificateDer<'a>],
    &'a ServerName<'a>,
    UnixTime,
);

/// A configuration that takes a server for the right one where the closure does. That the server has
/// its certificate's key is always checked.
///
/// # Errors
/// None that ring's provider would give.
pub(crate) fn judged_by(
    verdict: impl Fn(Shown<'_>) -> Result<(), Error> + Send + Sync + 'static,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, Error> {
    let provider = Arc::new(ring::default_provider());
    let algorithms = provider.signature_verification_algorithms;
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions()?.dangerous();
    Ok(builder.with_custom_certificate_verifier(Arc::new(Judge { algorithms, verdict })))
}

struct Judge<F> {
    algorithms: WebPkiSupportedAlgorithms,
    verdict: F,
}

impl<F> std::fmt::Debug for Judge<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Judge").finish_non_exhaustive()
    }
}

impl<F: Fn(Shown<'_>) -> Result<(), Error> + Send + Sync> ServerCertVerifier for Judge<F> {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        (self.verdict)((&self.algorithms, certificate, others, name, now))?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
