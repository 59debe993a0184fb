//! `[tokens]` and `[encryption]`: the JWTs, and the keys that sign them.

use super::claims::ClaimTemplates;
use crate::secret::Secret;
use std::time::Duration;

section! {
    /// The JWTs, and the keys that sign them.
    tokens: Tokens with TokensTuning {
        /// The claim `iss`. Tokens of another issuer are refused.
        ///
        /// Production needs a URL, such as `https://auth.example.com`, without a query or a
        /// fragment. Choose it once: others compare it to the last character.
        issuer: String = "gatepost";

        /// The claim `aud`, beside the issuer: your services that accept the tokens, such as
        /// `https://api.example.com`.
        ///
        /// Libraries that verify tokens ask for their own name there. A login or a refresh can
        /// narrow its token to some of these with `resource`.
        audience: Vec<String> = "";

        /// The claim `client_id` in tokens of users who log in here (RFC 9068, 2.2). No API key can
        /// have this name.
        client_id: String = "gatepost";

        /// What tokens of users say beside the standard claims: an object in the shape that the claims
        /// will have, in TOML a table `[tokens.claims]`, in the environment JSON.
        ///
        /// A string that begins with `$` is something of the user: `$user_id`, `$login`, `$roles`,
        /// `$groups`, `$attributes.public` or `$attributes.public.NAME`. So
        /// `{"roles": "$roles", "groups": "$groups"}` switches these two on. Tokens travel with each
        /// request: 4,096 bytes are the most.
        claims: ClaimTemplates = "";

        /// Whether tokens of users have the claim `status`, their place in the Token Status List at
        /// `/status-list` (draft-ietf-oauth-status-list).
        ///
        /// It is for services whose library knows such lists, and makes each token some 120 bytes
        /// longer. `tokens.issuer` must be a URL then.
        status_list: bool = "false";

        /// With `EdDSA`, `ES256`, `RS256` or `RS256-3072`, keys are generated, kept in the database,
        /// rotated and published. With `HS256`, the secret is yours and never published.
        ///
        /// EdDSA is the fastest to sign and has the shortest tokens. ES256 is for services that do not
        /// support Ed25519, and RS256, with keys of 2,048 or 3,072 bits, for those that expect RSA.
        algorithm: Algorithm = "EdDSA";

        /// How long an access token is valid.
        ///
        /// The API also checks the user's row. Services that verify a token by themselves can only
        /// wait for it to expire.
        access_ttl: Duration = "15m", "1s" to "24h";

        /// The secret of HS256, at least 32 bytes (RFC 7518, 3.2).
        hs256_secret: Option<Secret> = "";

        /// How long a key signs before the next one takes over; 0s means until
        /// `gatepost signing-key rotate`. Must be at least twice `tokens.key_publication`.
        ///
        /// A stolen key expires by itself, and rotation is routine before it is an emergency.
        key_rotation: Duration = "90d", "1s" to "3650d" or "0s";

        /// How long a key is published before it signs.
        ///
        /// Other services may keep the published keys for 5 minutes, or for half of this if that is
        /// less, and many keep them longer.
        key_publication: Duration = "1h", "1s" to "30d";
    }
}

tuning! {
    tokens: TokensTuning {
        /// Tokens remembered as verified, so that a client's next request costs no signature check.
        /// The user's row and the token's expiry are checked all the same. They take some 250 KiB,
        /// and are the clients of a small machine in a quarter of an hour. 0 for none.
        verified_tokens: usize = "1024", "0" to "1048576";

        /// How often each instance reads the keys again. A leaked key that was replaced stays in
        /// force on other instances for that long.
        key_check_interval: Duration = "30s", "1s" to "1h";
    }
}

section! {
    /// The keys that encrypt the private keys in the database.
    encryption: Encryption {
        /// Encrypts private keys; at least 32 bytes. Production needs it. `openssl rand -base64 48`
        /// makes one.
        ///
        /// Without it the keys are in the database unencrypted.
        key: Option<Secret> = "";

        /// The earlier encryption key, as long as keys are still encrypted with it. Goes with
        /// `encryption.key`. It is no longer needed after `gatepost signing-key reencrypt`.
        previous_key: Option<Secret> = "";
    }
}

impl Tokens {
    /// What people call the issuer: the host of its URL, or the name as it is.
    pub(crate) fn issuer_name(&self) -> &str {
        let rest = self.issuer.split_once("://").map_or(self.issuer.as_str(), |(_, rest)| rest);
        rest.split(['/', '?', '#']).next().unwrap_or(rest)
    }
}

/// How tokens are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Ed25519 (RFC 8037).
    EdDsa,
    /// ECDSA with P-256 and SHA-256 (RFC 7518, 3.4).
    Es256,
    /// RSA with PKCS #1 v1.5 and SHA-256 (RFC 7518, 3.3), with keys of 2,048 bits.
    Rs256,
    /// The same with keys of 3,072 bits.
    Rs256Bits3072,
    /// HMAC with SHA-256 (RFC 7518, 3.2).
    Hs256,
}

impl Algorithm {
    const ALL: [Self; 5] =
        [Self::EdDsa, Self::Es256, Self::Rs256, Self::Rs256Bits3072, Self::Hs256];

    /// Its name, as settings and rows of keys have it: the one in a token's header (RFC 7518, 3.1; RFC
    /// 8037, 3.1), with the size of the key where there are two.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
            Self::Rs256Bits3072 => "RS256-3072",
            Self::Hs256 => "HS256",
        }
    }

    /// The size of its keys in bits, if it is RSA.
    pub(crate) fn rsa_bits(self) -> Option<usize> {
        match self {
            Self::Rs256 => Some(2_048),
            Self::Rs256Bits3072 => Some(3_072),
            Self::EdDsa | Self::Es256 | Self::Hs256 => None,
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
    "RS256" => Algorithm::Rs256,
    "RS256-3072" => Algorithm::Rs256Bits3072,
    "HS256" => Algorithm::Hs256,
});
