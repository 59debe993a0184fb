//! `[tokens]` and `[encryption]`: the JWTs, and the keys that sign them.

use crate::secret::Secret;
use std::time::Duration;

section! {
    /// The JWTs, and the keys that sign them.
    tokens: Tokens with TokensTuning {
        /// The claim `iss`. Tokens of another issuer are refused.
        ///
        /// It should be the name of your service once others verify its tokens.
        issuer: String = "gatepost";

        /// With `EdDSA` or `ES256`, keys are generated, kept in the database, rotated and published.
        /// With `HS256`, the secret is yours, and never published.
        ///
        /// EdDSA is the fastest to sign. ES256 is for services that know no Ed25519.
        algorithm: Algorithm = "EdDSA";

        /// How long an access token is valid.
        ///
        /// The API also asks the user's row. Services that verify a token by themselves can only
        /// wait for its end.
        access_ttl: Duration = "15m", "1s" to "24h";

        /// The secret of HS256, at least 32 bytes (RFC 7518, 3.2).
        hs256_secret: Option<Secret> = "";

        /// How long a key signs before the next one does; 0s means until
        /// `gatepost signing-key rotate`. Must be at least twice `tokens.key_publication`.
        ///
        /// A stolen key ends by itself, and rotating keys is routine before it is an emergency.
        key_rotation: Duration = "90d", "1s" to "3650d" or "0s";

        /// How long a key is published before it signs.
        ///
        /// Other services may keep the published keys for 5 minutes, or for half of this where that
        /// is less, and many keep them longer.
        key_publication: Duration = "1h", "1s" to "30d";
    }
}

tuning! {
    tokens: TokensTuning {
        /// Tokens remembered as verified, so that a client's next request costs no signature check;
        /// the user's row and the token's end are looked at all the same. They take some 250 KiB,
        /// and are a small machine's clients of a quarter of an hour. 0 for none.
        verified_tokens: usize = "1024", "0" to "1048576";

        /// How often each instance reads the keys again. A key that was replaced because it leaked
        /// lives on that long elsewhere.
        key_check_interval: Duration = "30s", "1s" to "1h";
    }
}

section! {
    /// What the keys in the database are encrypted with.
    encryption: Encryption {
        /// What private keys are encrypted with, at least 32 bytes. Production needs it.
        /// `openssl rand -base64 48` makes one.
        ///
        /// Without it the keys lie in the database as they are.
        key: Option<Secret> = "";

        /// The earlier encryption key, while keys are still encrypted with it. Goes with
        /// `encryption.key`. It is no longer needed after `gatepost signing-key reencrypt`.
        previous_key: Option<Secret> = "";
    }
}

/// How tokens are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Ed25519 (RFC 8037).
    EdDsa,
    /// ECDSA with P-256 and SHA-256 (RFC 7518, 3.4).
    Es256,
    /// HMAC with SHA-256 (RFC 7518, 3.2).
    Hs256,
}

impl Algorithm {
    const ALL: [Self; 3] = [Self::EdDsa, Self::Es256, Self::Hs256];

    /// Its name in a token's header (RFC 7518, 3.1; RFC 8037, 3.1).
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Hs256 => "HS256",
        }
    }

    /// The algorithm of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }
}

words!(Algorithm {
    "EdDSA" => Algorithm::EdDsa,
    "ES256" => Algorithm::Es256,
    "HS256" => Algorithm::Hs256,
});
