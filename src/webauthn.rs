//! Passkeys: checking what browsers send (WebAuthn Level 3).
//!
//! Nothing here has side effects, and nothing is trusted before its signature. Attestation is not asked
//! for, so no statement about the make of an authenticator is read.

mod authenticator_data;
mod client_data;
mod cose;
mod party;

use crate::error::{Error, Result};
use authenticator_data::AuthenticatorData;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use client_data::ClientData;
pub(crate) use cose::ALGORITHMS;
use cose::CredentialKey;
use minicbor::Decoder;
use party::Ceremony;
pub(crate) use party::RelyingParty;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// Most bytes of a credential's name (WebAuthn, 4, "Credential ID").
const MAX_CREDENTIAL_ID: usize = 1023;

/// Most bytes of a public key as it is stored: an RSA key of 8,192 bits with room to spare.
const MAX_PUBLIC_KEY: usize = 1536;

/// A new passkey as a browser sends it (`RegistrationResponseJSON`).
#[derive(Clone, Debug)]
pub(crate) struct Creation {
    credential_id: Vec<u8>,
    client_data: ClientData,
    attestation_object: Vec<u8>,
    transports: Vec<String>,
}

/// A use of a passkey as a browser sends it (`AuthenticationResponseJSON`).
#[derive(Clone, Debug)]
pub struct Assertion {
    credential_id: Vec<u8>,
    client_data: ClientData,
    authenticator_data: Vec<u8>,
    signature: Vec<u8>,
    user_handle: Option<Vec<u8>>,
}

/// A passkey that was found in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewPasskey {
    pub(crate) credential_id: Vec<u8>,
    /// As the authenticator wrote it (RFC 9052, 7).
    pub(crate) public_key: Vec<u8>,
    pub(crate) sign_count: u32,
    pub(crate) backed_up: bool,
    /// How browsers reach it, as they name it themselves.
    pub(crate) transports: Vec<String>,
}

impl NewPasskey {
    /// How browsers reach it: they are handed these back, and ignore those that they do not know.
    pub(crate) fn words<'a>(words: impl Iterator<Item = &'a str>) -> Vec<String> {
        let is_word = |word: &&str| {
            (1..=16).contains(&word.len())
                && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
        };
        words.filter(is_word).take(8).map(str::to_owned).collect()
    }
}

/// Whether a credential may have this name.
pub(crate) fn is_credential_id(bytes: &[u8]) -> bool {
    (1..=MAX_CREDENTIAL_ID).contains(&bytes.len())
}

/// Whether these bytes are a public key that a passkey may have.
pub(crate) fn is_public_key(bytes: &[u8]) -> bool {
    bytes.len() <= MAX_PUBLIC_KEY && CredentialKey::parse(bytes).is_some()
}

/// What a use of a passkey says, once its signature was right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asserted {
    /// Whether the authenticator has checked who the user is, by a PIN or a finger.
    pub(crate) user_verified: bool,
    pub(crate) sign_count: u32,
    pub(crate) backed_up: bool,
}

/// The members of a credential. What is not known is left alone: browsers add to it.
struct Members<'a>(&'a Map<String, Value>);

impl<'a> Members<'a> {
    fn of(value: &'a Value, what: &str) -> Result<Self> {
        value.as_object().map(Self).ok_or_else(|| Error::parameter(what, "must be an object"))
    }

    fn bytes(&self, name: &str) -> Result<Vec<u8>> {
        let text = self.0.get(name).and_then(Value::as_str);
        let bytes = text.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        bytes.ok_or_else(|| Error::parameter(name, "must be a text in base64url without padding"))
    }
}

/// The name of the credential and the answer of the authenticator.
fn credential(value: &Value) -> Result<(Vec<u8>, Members<'_>)> {
    let members = Members::of(value, "credential")?;
    if members.0.get("type").and_then(Value::as_str) != Some("public-key") {
        return Err(Error::parameter("type", "must be public-key"));
    }
    let credential_id = members.bytes("rawId")?;
    if members.bytes("id")? != credential_id {
        return Err(Error::parameter("id", "differs from rawId"));
    }
    if !is_credential_id(&credential_id) {
        return Err(Error::parameter("rawId", format!("must have 1 to {MAX_CREDENTIAL_ID} bytes")));
    }
    let response = members.0.get("response").unwrap_or(&Value::Null);
    Ok((credential_id, Members::of(response, "response")?))
}

impl Creation {
    /// Reads what `PublicKeyCredential.toJSON()` gives for a new passkey.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] naming the member that is missing or malformed.
    pub(crate) fn parse(value: &Value) -> Result<Self> {
        let (credential_id, response) = credential(value)?;
        let transports = response.0.get("transports").and_then(Value::as_array);
        let words = transports.into_iter().flatten().filter_map(Value::as_str);
        Ok(Self {
            credential_id,
            client_data: ClientData::parse(response.bytes("clientDataJSON")?)?,
            attestation_object: response.bytes("attestationObject")?,
            transports: NewPasskey::words(words),
        })
    }

    /// The challenge that it answers.
    pub(crate) fn challenge(&self) -> &[u8] {
        &self.client_data.challenge
    }

    /// Checks it (WebAuthn, 7.1). The challenge is checked by the caller, who made it.
    pub(crate) fn verify(self, party: &RelyingParty<'_>) -> Option<NewPasskey> {
        self.client_data.is_for(Ceremony::Create, party).then_some(())?;
        let data = attested(&self.attestation_object)?;
        let data = AuthenticatorData::parse(data)?;
        data.is_for(party.id()).then_some(())?;
        // A passkey that could not stand in for a password later is none.
        (data.user_present && data.user_verified).then_some(())?;
        let (id, public_key) = data.credential?;
        (is_public_key(public_key) && id == self.credential_id.as_slice()).then(|| NewPasskey {
            credential_id: id.to_vec(),
            public_key: public_key.to_vec(),
            sign_count: data.sign_count,
            backed_up: data.backed_up,
            transports: self.transports,
        })
    }
}

/// The authenticator's data in an attestation object (WebAuthn, 6.5.4). The statement is that of nobody
/// when the format is `none`, and is not looked at otherwise.
fn attested(object: &[u8]) -> Option<&[u8]> {
    let mut decoder = Decoder::new(object);
    let (mut format, mut statement, mut data) = (None, None, None);
    for _ in 0..decoder.map().ok()?? {
        let place = match decoder.str().ok()? {
            "fmt" => {
                format.is_none().then_some(())?;
                format = Some(decoder.str().ok()?);
                continue;
            }
            "authData" => {
                data.is_none().then_some(())?;
                data = Some(decoder.bytes().ok()?);
                continue;
            }
            "attStmt" => &mut statement,
            _ => return None,
        };
        place.is_none().then_some(())?;
        let begin = decoder.position();
        decoder.skip().ok()?;
        *place = object.get(begin..decoder.position());
    }
    let is_whole = decoder.position() == object.len();
    // 0xa0 is the empty map.
    let is_nobodys = format? != "none" || statement? == [0xa0];
    (is_whole && is_nobodys && statement.is_some()).then_some(data?)
}

/// Name and public key of the new credential in an attestation object, for the fuzz target.
#[cfg(feature = "internals")]
pub(crate) fn new_credential(object: &[u8]) -> Option<(&[u8], &[u8])> {
    let (id, key) = AuthenticatorData::parse(attested(object)?)?.credential?;
    CredentialKey::parse(key).map(|_| (id, key))
}

impl Assertion {
    /// Reads what `PublicKeyCredential.toJSON()` gives for a use of a passkey.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] naming the member that is missing or malformed.
    pub fn parse(value: &Value) -> Result<Self> {
        let (credential_id, response) = credential(value)?;
        let handle = response.0.get("userHandle").filter(|handle| !handle.is_null());
        Ok(Self {
            credential_id,
            client_data: ClientData::parse(response.bytes("clientDataJSON")?)?,
            authenticator_data: response.bytes("authenticatorData")?,
            signature: response.bytes("signature")?,
            user_handle: handle.map(|_| response.bytes("userHandle")).transpose()?,
        })
    }

    /// The name of the credential.
    pub(crate) fn credential_id(&self) -> &[u8] {
        &self.credential_id
    }

    /// The challenge that it answers.
    pub(crate) fn challenge(&self) -> &[u8] {
        &self.client_data.challenge
    }

    /// Whom the authenticator takes the user for.
    pub(crate) fn user_handle(&self) -> Option<&[u8]> {
        self.user_handle.as_deref()
    }

    /// Checks it with the public key of the credential (WebAuthn, 7.2). The challenge, the user and the
    /// counter are checked by the caller, who knows them.
    pub(crate) fn verify(&self, party: &RelyingParty<'_>, public_key: &[u8]) -> Option<Asserted> {
        self.client_data.is_for(Ceremony::Get, party).then_some(())?;
        let data = AuthenticatorData::parse(&self.authenticator_data)?;
        (data.is_for(party.id()) && data.user_present).then_some(())?;
        let client_data = Sha256::digest(&self.client_data.bytes);
        let signed = [self.authenticator_data.as_slice(), &client_data].concat();
        CredentialKey::parse(public_key)?.has_signed(&signed, &self.signature).then_some(Asserted {
            user_verified: data.user_verified,
            sign_count: data.sign_count,
            backed_up: data.backed_up,
        })
    }
}
