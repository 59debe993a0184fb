//! Keys: published, rotated, agreed on by instances, encrypted in the database.

mod commands;
mod encryption;
mod planted;
mod publishing;
mod rotation;
mod rsa;

use crate::support::{TestServer, client, config};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatepost::{Config, Service};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use serde_json::{Value, json};

pub(crate) const SECRET: &str = "an encryption key of 32 bytes and more";

pub(crate) fn jwks(url: &str) -> Vec<Value> {
    let response = client().get(format!("{url}/.well-known/jwks.json")).send().unwrap();
    assert_eq!(response.status(), 200);
    response.json::<Value>().unwrap()["keys"].as_array().unwrap().clone()
}

pub(crate) fn header(token: &str) -> Value {
    let (head, _) = token.split_once('.').unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(head).unwrap()).unwrap()
}

pub(crate) fn payload(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// Whether a token verifies with the published keys, by a library that knows nothing of us.
pub(crate) fn verifies(token: &str, keys: &[Value]) -> bool {
    let kid = &header(token)["kid"];
    let Some(key) = keys.iter().find(|key| key["kid"] == *kid) else { return false };
    assert_eq!((&key["use"], &key["alg"]), (&json!("sig"), &header(token)["alg"]));
    let (message, signature) = token.rsplit_once('.').unwrap();
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let part = |name: &str| decode(key[name].as_str().unwrap());
    let signature = decode(signature);
    let verified = match (key["kty"].as_str().unwrap(), key["crv"].as_str().unwrap_or_default()) {
        ("RSA", "") => RsaPublicKeyComponents { n: part("n"), e: part("e") }.verify(
            &RSA_PKCS1_2048_8192_SHA256,
            message.as_bytes(),
            &signature,
        ),
        ("OKP", "Ed25519") => {
            UnparsedPublicKey::new(&ED25519, part("x")).verify(message.as_bytes(), &signature)
        }
        ("EC", "P-256") => {
            let point = [&[4], part("x").as_slice(), &part("y")].concat();
            let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
            key.verify(message.as_bytes(), &signature)
        }
        other => panic!("{other:?}"),
    };
    verified.is_ok()
}

/// Two instances on one database.
pub(crate) struct Pair {
    pub(crate) first: TestServer,
    pub(crate) second: TestServer,
}

impl Pair {
    pub(crate) fn start(change: impl Fn(&mut Config)) -> Self {
        let first = TestServer::with(&change);
        let mut settings = config(&first.database);
        change(&mut settings);
        let service = Service::start(settings).unwrap();
        let second = TestServer { service, database: first.database.clone(), client: client() };
        Self { first, second }
    }

    pub(crate) fn urls(&self) -> [String; 2] {
        [self.first.url(""), self.second.url("")]
    }

    /// Lets time pass for the keys, and both instances look again.
    pub(crate) fn let_pass(&self, seconds: i32) {
        let sql = "UPDATE gatepost.signing_keys
                   SET signs_from = signs_from - $1 * interval '1 second'";
        self.first.sql().execute(sql, &[&f64::from(seconds)]).unwrap();
        let sql = "UPDATE gatepost.refresh_keys
                   SET used_from = used_from - $1 * interval '1 second'";
        self.first.sql().execute(sql, &[&f64::from(seconds)]).unwrap();
        self.read_again();
    }

    /// Both instances read the keys again, as they do every so often.
    pub(crate) fn read_again(&self) {
        self.first.app().reload_keys().unwrap();
        self.second.app().reload_keys().unwrap();
    }
}

pub(crate) fn encrypted(database: &str, key: Option<&str>, previous: Option<&str>) -> Config {
    let mut config = config(database);
    config.encryption.key = key.map(Into::into);
    config.encryption.previous_key = previous.map(Into::into);
    config
}
