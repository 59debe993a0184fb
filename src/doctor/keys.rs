//! Whether there is a key that signs, and whether all keys are as the service wrote them.

use super::verdict::Verdict;
use crate::access::Caller;
use crate::app::App;
use crate::config::{Algorithm, Config};
use crate::error::{Error, Result};
use crate::signing_keys::{self, PrivateHalf, SigningKey, SigningKeyState};

pub(super) fn examine(config: &Config) -> Verdict {
    if config.tokens.algorithm == Algorithm::Hs256 {
        return Verdict::skipped("tokens.algorithm is HS256, whose secret is yours to change");
    }
    match keys(config) {
        Ok(keys) => judge(&keys, config.encryption.key.is_some()),
        Err(Error::SchemaBehind(_)) => Verdict::skipped("the schema is not up to date"),
        Err(error) => Verdict::fault(
            error.to_string(),
            "without its keys the service issues no tokens",
            "mend what is named; `gatepost signing-key list` shows the keys",
        ),
    }
}

fn keys(config: &Config) -> Result<Vec<SigningKey>> {
    signing_keys::list(&App::open_for_repair(config.clone())?, &Caller::Trusted)
}

fn judge(keys: &[SigningKey], encrypted: bool) -> Verdict {
    if let Some(key) = keys.iter().find(|key| key.state == SigningKeyState::Unusable) {
        let cause = key.fault.as_deref().unwrap_or("unknown");
        return Verdict::fault(
            format!("the key {} is unusable: {cause}", key.kid),
            "the service did not write this row as it is: it was planted or changed, or \
             encryption.key is another one",
            "if encryption.key is right, type `gatepost signing-key rotate --compromised`, which \
             ends all sessions",
        );
    }
    let is_plain = |key: &&SigningKey| key.private == PrivateHalf::Plain;
    if let Some(key) = keys.iter().find(is_plain).filter(|_| encrypted) {
        return Verdict::fault(
            format!("the key {} is not encrypted", key.kid),
            "whoever reads a backup of the database can make tokens",
            "type `gatepost signing-key reencrypt`",
        );
    }
    let Some(signing) = keys.iter().find(|key| key.state == SigningKeyState::Signing) else {
        return match keys.is_empty() {
            true => Verdict::skipped("none yet; the first start of the service makes one"),
            false => Verdict::fault(
                "no key signs",
                "the service issues no tokens",
                "type `gatepost signing-key rotate`",
            ),
        };
    };
    Verdict::ok(format!("{} signs ({}), {} in all", signing.kid, signing.algorithm, keys.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(state: SigningKeyState, private: PrivateHalf) -> SigningKey {
        let (kid, algorithm) = ("k".to_owned(), "EdDSA".to_owned());
        SigningKey {
            kid,
            generation: Some(1),
            algorithm,
            state,
            signs_from: None,
            private,
            fault: None,
        }
    }

    #[test]
    fn unusable_plain_and_missing_keys_are_faults() {
        let signing = key(SigningKeyState::Signing, PrivateHalf::Encrypted);
        let plain = key(SigningKeyState::Signing, PrivateHalf::Plain);
        let unusable = key(SigningKeyState::Unusable, PrivateHalf::Encrypted);
        let next = key(SigningKeyState::Next, PrivateHalf::Encrypted);
        for (keys, encrypted) in [
            (vec![signing.clone(), unusable], true),
            (vec![plain.clone()], true),
            (vec![next], true),
        ] {
            assert!(matches!(judge(&keys, encrypted), Verdict::Fault(_)), "{keys:?}");
        }
        assert!(matches!(judge(&[signing], true), Verdict::Ok(_)));
        assert!(matches!(judge(&[plain], false), Verdict::Ok(_)));
        assert!(matches!(judge(&[], true), Verdict::Skipped(_)));
    }
}
