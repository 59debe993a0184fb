//! What webauthn-rs-core and Gatepost say of the same passkeys: each is shown what one authenticator makes for
//! its options, with the same thing wrong. What one takes and the other refuses is printed. It fails where Gatepost
//! takes what the other refuses, or judges otherwise than is right.
//!
//! The service runs in development or testing, so that pages of localhost may ask.

#[path = "../../../end_to_end/passkeys/device.rs"]
#[allow(dead_code, reason = "the tests do more with it")]
mod device;

use device::{AT, BE, BS, Device, Draft, ED, UP, UV, decode, encode};
use reqwest::Method;
use reqwest::blocking::Client;
use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::Duration;
use url::Url;
use webauthn_rs_core::WebauthnCore;
use webauthn_rs_core::proto::{
    AttestationConveyancePreference, COSEAlgorithm, Credential, PublicKeyCredential,
    RegisterPublicKeyCredential, UserVerificationPolicy,
};

/// What is changed, whether the result is right, and how.
type Case = (&'static str, bool, fn(&mut Draft));

const CREATE: [Case; 17] = [
    ("as it should be", true, |_| ()),
    ("that may be backed up, and is", true, |d| d.flags |= BE | BS),
    ("with extensions", true, |d| {
        d.flags |= ED;
        d.after = vec![0xa0];
    }),
    ("of the other ceremony", false, |d| d.client_data["type"] = json!("webauthn.get")),
    ("with another challenge", false, |d| d.client_data["challenge"] = json!(encode(&[7; 32]))),
    ("of another page", false, |d| d.client_data["origin"] = json!("https://evil.example")),
    ("of a page like ours", false, |d| {
        d.client_data["origin"] = json!("http://localhost.evil.example:3000");
    }),
    ("of a page within another", false, |d| d.client_data["crossOrigin"] = json!(true)),
    ("for another domain", false, |d| d.rp_id = "evil.example".to_owned()),
    ("without a user", false, |d| d.flags &= !UP),
    ("without a check of the user", false, |d| d.flags &= !UV),
    ("backed up and not eligible", false, |d| d.flags |= BS),
    ("without a key", false, |d| d.flags &= !AT),
    ("with extensions that are not there", false, |d| d.flags |= ED),
    ("with something after it", false, |d| d.after = vec![0]),
    ("with a key that is cut off", false, |d| d.key.truncate(40)),
    ("with another name inside", false, |d| d.attested_id = b"another name".to_vec()),
];

const GET: [Case; 14] = [
    ("as it should be", true, |_| ()),
    ("of the other ceremony", false, |d| d.client_data["type"] = json!("webauthn.create")),
    ("with another challenge", false, |d| d.client_data["challenge"] = json!(encode(&[7; 32]))),
    ("of another page", false, |d| d.client_data["origin"] = json!("https://evil.example")),
    ("of a page within another", false, |d| d.client_data["crossOrigin"] = json!(true)),
    ("for another domain", false, |d| d.rp_id = "evil.example".to_owned()),
    ("without a user", false, |d| d.flags &= !UP),
    ("without a check of the user", false, |d| d.flags &= !UV),
    ("backed up and not eligible", false, |d| d.flags |= BS),
    ("with something after it", false, |d| d.after = vec![0]),
    ("with extensions that are not there", false, |d| d.flags |= ED),
    ("by somebody else", false, |d| d.handle = Some(vec![7; 32])),
    ("of an unknown passkey", false, |d| d.id = b"unknown".to_vec()),
    ("of an unknown passkey of the same user", false, |d| d.id[0] ^= 1),
];

/// Gatepost, over HTTP.
struct Ours {
    client: Client,
    url: String,
    token: String,
}

impl Ours {
    fn ask(&self, method: Method, target: &str, body: &Value) -> (u16, Value) {
        let request = self.client.request(method, format!("{}{target}", self.url));
        let response = request.bearer_auth(&self.token).json(body).send().unwrap();
        (response.status().as_u16(), response.json().unwrap())
    }

    fn post(&self, target: &str, body: &Value) -> (u16, Value) {
        self.ask(Method::POST, target, body)
    }
}

/// The other judge.
struct Theirs(WebauthnCore);

impl Theirs {
    fn new() -> Self {
        let origin = Url::parse("http://localhost:3000").unwrap();
        let timeout = Duration::from_secs(300);
        Self(WebauthnCore::new_unsafe_experts_only(
            "judge",
            "localhost",
            vec![origin],
            timeout,
            None,
            None,
        ))
    }

    /// Registers what the authenticator makes for options of its own.
    fn create(
        &self,
        device: &mut Device,
        handle: &[u8],
        change: fn(&mut Draft),
    ) -> Result<Credential, String> {
        let said = |error: &dyn std::fmt::Debug| format!("{error:?}");
        let builder = self.0.new_challenge_register_builder(handle, "alice", "alice");
        let builder = builder
            .map_err(|e| said(&e))?
            .attestation(AttestationConveyancePreference::None)
            .user_verification_policy(UserVerificationPolicy::Required)
            .credential_algorithms(vec![COSEAlgorithm::ES256, COSEAlgorithm::EDDSA])
            .require_resident_key(true);
        let (options, state) = self.0.generate_challenge_register(builder).map_err(|e| said(&e))?;
        let mut options = serde_json::to_value(&options).unwrap()["publicKey"].take();
        options["attestation"] = json!("none");
        let made = device.create(&options, change);
        let made: RegisterPublicKeyCredential =
            serde_json::from_value(made).map_err(|e| said(&e))?;
        self.0.register_credential(&made, &state, None).map_err(|e| said(&e))
    }

    /// The same of a use.
    fn get(
        &self,
        device: &mut Device,
        credential: &Credential,
        change: fn(&mut Draft),
    ) -> Result<(), String> {
        let said = |error: &dyn std::fmt::Debug| format!("{error:?}");
        let policy = Some(UserVerificationPolicy::Required);
        let builder = self.0.new_challenge_authenticate_builder(vec![credential.clone()], policy);
        let (options, state) = self
            .0
            .generate_challenge_authenticate(builder.map_err(|e| said(&e))?)
            .map_err(|e| said(&e))?;
        let options = serde_json::to_value(&options).unwrap()["publicKey"].take();
        let used: PublicKeyCredential =
            serde_json::from_value(device.get(&options, change)).map_err(|e| said(&e))?;
        self.0.authenticate_credential(&used, &state).map(drop).map_err(|e| said(&e))
    }
}

/// Prints both verdicts, and whether Gatepost's is wrong.
fn is_wrong(name: &str, is_right: bool, ours: bool, theirs: Result<(), String>) -> bool {
    let word = |taken| if taken { "taken" } else { "refused" };
    print!("{name}: {}", word(ours));
    match &theirs {
        Ok(()) if !ours => println!(", webauthn-rs-core takes it"),
        Err(cause) if ours => println!(", webauthn-rs-core refuses it: {cause}"),
        _ => println!(),
    }
    ours != is_right || (ours && theirs.is_err())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, login, password] = arguments.as_slice() else {
        eprintln!("usage: gatepost-webauthn-judge URL LOGIN PASSWORD");
        return ExitCode::from(2);
    };
    let mut ours = Ours { client: Client::new(), url: url.clone(), token: String::new() };
    let theirs = Theirs::new();
    let mut failed = false;
    for (algorithm, new) in
        [("ES256", Device::new as fn() -> Device), ("EdDSA", Device::of_ed25519)]
    {
        let credentials = json!({"login": login, "password": password});
        let (status, tokens) = ours.post("/", &credentials);
        assert_eq!(status, 200, "{tokens}");
        ours.token = tokens["access_token"].as_str().unwrap().to_owned();
        for (what, is_right, change) in CREATE {
            let mut device = new();
            let (status, options) = ours.post("/factor/passkey/options", &json!({"name": "judge"}));
            assert_eq!(status, 200, "{options}");
            let handle = decode(&options["user"]["id"]);
            let said = theirs.create(&mut device, &handle, change);
            let made = device.create(&options, change);
            let (status, added) = ours.post("/factor/passkey", &made);
            let taken = status == 201;
            let name = format!("{algorithm} create {what}");
            failed |=
                is_wrong(&name, is_right, taken, said.as_ref().map(drop).map_err(Clone::clone));
            if !taken {
                continue;
            }
            if let (Ok(credential), "as it should be") = (&said, what) {
                for (what, is_right, change) in GET {
                    let said = theirs.get(&mut device, credential, change);
                    let (_, options) = ours.post("/passkey/options", &json!({}));
                    let (status, _) = ours.post("/passkey", &device.get(&options, change));
                    let name = format!("{algorithm} get {what}");
                    failed |= is_wrong(&name, is_right, status == 200, said);
                }
            }
            // With the factor a fresh sign-in with it is needed, to remove it.
            let (_, options) = ours.post("/passkey/options", &json!({}));
            let (status, tokens) = ours.post("/passkey", &device.get(&options, |_| ()));
            assert_eq!(status, 200, "{tokens}");
            ours.token = tokens["access_token"].as_str().unwrap().to_owned();
            let (status, _) = ours.ask(Method::DELETE, "/factor", &json!({"id": added["id"]}));
            assert_eq!(status, 200);
        }
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
