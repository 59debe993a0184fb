//! A browser with an authenticator in it, written after the specification and apart from the service's own
//! code, which can do everything wrong.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};

pub(super) const UP: u8 = 1;
pub(super) const UV: u8 = 4;
pub(super) const BE: u8 = 8;
pub(super) const BS: u8 = 16;
pub(super) const AT: u8 = 64;
pub(super) const ED: u8 = 128;

pub(super) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn decode(text: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text.as_str().unwrap()).unwrap()
}

enum Pair {
    Es256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

pub(crate) struct Device {
    pub(super) origin: String,
    pub(super) flags: u8,
    pub(super) counter: u32,
    pub(super) id: Vec<u8>,
    pub(super) handle: Option<Vec<u8>>,
    pair: Pair,
}

/// What goes into a ceremony, before it is put together and signed.
pub(super) struct Draft {
    pub(super) client_data: Value,
    pub(super) rp_id: String,
    pub(super) flags: u8,
    pub(super) counter: u32,
    pub(super) id: Vec<u8>,
    /// The name in the authenticator's data.
    pub(super) attested_id: Vec<u8>,
    pub(super) key: Vec<u8>,
    pub(super) format: &'static str,
    pub(super) statement: Vec<u8>,
    pub(super) after: Vec<u8>,
    pub(super) handle: Option<Vec<u8>>,
}

impl Device {
    pub(crate) fn new() -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap();
        Self::with(Pair::Es256(pair))
    }

    pub(super) fn of_ed25519() -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self::with(Pair::Ed25519(Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap()))
    }

    fn with(pair: Pair) -> Self {
        Self {
            origin: "http://localhost:3000".to_owned(),
            flags: UP | UV,
            counter: 0,
            id: rand::random::<[u8; 16]>().to_vec(),
            handle: None,
            pair,
        }
    }

    /// The public key as COSE writes it.
    pub(super) fn cose(&self) -> Vec<u8> {
        match &self.pair {
            Pair::Es256(pair) => {
                let point = pair.public_key().as_ref();
                let head = [0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32];
                [&head[..], &point[1..33], &[0x22, 0x58, 32], &point[33..]].concat()
            }
            Pair::Ed25519(pair) => {
                let head = [0xa4, 1, 1, 3, 0x27, 0x20, 6, 0x21, 0x58, 32];
                [&head[..], pair.public_key().as_ref()].concat()
            }
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.pair {
            Pair::Es256(pair) => {
                pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
            }
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    fn draft(&self, kind: &str, options: &Value, rp_id: &Value) -> Draft {
        let client_data = json!({
            "type": kind,
            "challenge": options["challenge"],
            "origin": self.origin,
            "crossOrigin": false,
            "other_keys_can_be_added_here": "do not compare clientDataJSON against a template",
        });
        Draft {
            client_data,
            rp_id: rp_id.as_str().unwrap().to_owned(),
            flags: self.flags,
            counter: self.counter,
            id: self.id.clone(),
            attested_id: self.id.clone(),
            key: self.cose(),
            format: "none",
            statement: vec![0xa0],
            after: Vec::new(),
            handle: self.handle.clone(),
        }
    }

    /// What `navigator.credentials.create()` gives, as `toJSON()` writes it.
    pub(super) fn create(&mut self, options: &Value, change: impl FnOnce(&mut Draft)) -> Value {
        assert_eq!(options["attestation"], "none");
        let mut draft = self.draft("webauthn.create", options, &options["rp"]["id"]);
        draft.flags |= AT;
        change(&mut draft);
        self.handle = Some(decode(&options["user"]["id"]));
        let data = draft.authenticator_data();
        let text =
            |text: &str| [&[0x60 + u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
        let length = u16::try_from(data.len()).unwrap().to_be_bytes();
        let object = [
            vec![0xa3],
            text("fmt"),
            text(draft.format),
            text("attStmt"),
            draft.statement.clone(),
            text("authData"),
            vec![0x59],
            length.to_vec(),
            data.clone(),
        ]
        .concat();
        json!({
            "id": encode(&draft.id),
            "rawId": encode(&draft.id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {"credProps": {"rk": true}},
            "response": {
                "clientDataJSON": encode(draft.client_data.to_string().as_bytes()),
                "attestationObject": encode(&object),
                "authenticatorData": encode(&data),
                "publicKeyAlgorithm": -7,
                "transports": ["internal", "hybrid"],
            },
        })
    }

    /// What `navigator.credentials.get()` gives, as `toJSON()` writes it.
    pub(super) fn get(&mut self, options: &Value, change: impl FnOnce(&mut Draft)) -> Value {
        if self.counter > 0 {
            self.counter += 1;
        }
        let mut draft = self.draft("webauthn.get", options, &options["rpId"]);
        change(&mut draft);
        let data = draft.authenticator_data();
        let client_data = draft.client_data.to_string();
        let hash = digest(&SHA256, client_data.as_bytes());
        let signature = self.sign(&[&data, hash.as_ref()].concat());
        json!({
            "id": encode(&draft.id),
            "rawId": encode(&draft.id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": encode(client_data.as_bytes()),
                "authenticatorData": encode(&data),
                "signature": encode(&signature),
                "userHandle": draft.handle.as_deref().map(encode),
            },
        })
    }
}

impl Draft {
    fn authenticator_data(&self) -> Vec<u8> {
        let party = digest(&SHA256, self.rp_id.as_bytes());
        let head = [party.as_ref(), &[self.flags], &self.counter.to_be_bytes()].concat();
        let length = u16::try_from(self.attested_id.len()).unwrap().to_be_bytes();
        let attested = [&[0; 16][..], &length, &self.attested_id, &self.key].concat();
        let attested = if self.flags & AT == 0 { Vec::new() } else { attested };
        [head, attested, self.after.clone()].concat()
    }
}
