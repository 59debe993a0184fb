//! Telling a program something, in the form of Standard Webhooks 1.0: the fields `webhook-id`,
//! `webhook-timestamp` and `webhook-signature`.

use super::{NotSent, trusted};
use crate::config::webhook_secret;
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::sync::Arc;
use std::time::Duration;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use zeroize::Zeroizing;

/// How long a program may take as a whole: Standard Webhooks, "Operational considerations", asks for 15 to 30 s.
const WEBHOOK_DEADLINE: Duration = Duration::from_secs(15);

/// A program that is told.
pub(crate) struct Webhook {
    agent: Agent,
    url: Secret,
    secret: Zeroizing<Vec<u8>>,
}

impl Webhook {
    /// # Errors
    /// [`NotSent::Away`] when nothing can be posted: the certificates of this machine cannot be read, for instance.
    pub(crate) fn open(url: &Secret, secret: &Secret) -> Result<Self, NotSent> {
        let secret = webhook_secret(secret).map_err(|fault| NotSent::Away(fault.to_owned()))?;
        let config = Agent::config_builder()
            .timeout_global(Some(WEBHOOK_DEADLINE))
            // Whoever is meant is named in the settings, and nobody else is told.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .proxy(None)
            .user_agent(concat!("gatepost/", env!("CARGO_PKG_VERSION")));
        let config = if url.expose().to_ascii_lowercase().starts_with("https:") {
            let roots =
                trusted()?.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            config.tls_config(
                TlsConfig::builder()
                    .provider(TlsProvider::Rustls)
                    .unversioned_rustls_crypto_provider(provider)
                    .root_certs(RootCerts::Specific(Arc::new(roots)))
                    .build(),
            )
        } else {
            config
        };
        Ok(Self { agent: config.build().new_agent(), url: url.clone(), secret })
    }

    /// Posts a body of JSON. `at` is the time in seconds since 1970.
    ///
    /// # Errors
    /// [`NotSent`] unless the answer is one of success.
    pub(crate) fn post(&self, id: &str, at: u64, body: &str) -> Result<(), NotSent> {
        let answer = self
            .agent
            .post(self.url.expose())
            .header("Content-Type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", &at.to_string())
            .header("webhook-signature", &signature(&self.secret, id, at, body))
            .send(body);
        match answer.map(|answer| answer.status().as_u16()) {
            Ok(200..=299) => Ok(()),
            // What is wrong with one message says nothing about others; that the path is wrong does.
            Ok(status @ (400 | 409 | 413 | 422)) => {
                Err(NotSent::Refused(format!("the webhook answered {status}")))
            }
            Ok(status) => Err(NotSent::Away(format!("the webhook answered {status}"))),
            // The text of an error about the URL would show it, and what it holds may be secret.
            Err(ureq::Error::BadUri(_)) => {
                Err(NotSent::Away("the webhook's URL is not valid".to_owned()))
            }
            Err(error) => Err(NotSent::Away(format!("the webhook: {error}"))),
        }
    }
}

/// The signature of version 1.
fn signature(secret: &[u8], id: &str, at: u64, body: &str) -> String {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(format!("{id}.{at}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification.
    #[test]
    fn a_signature_is_that_of_standard_webhooks() {
        let secret = webhook_secret(&"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into()).unwrap();
        let signed = signature(
            &secret,
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            "{\"test\": 2432232314}",
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
