//! What is wrong about a passkey is refused, each thing by itself.

use super::device::{AT, BE, BS, Device, Draft, ED, UP, UV, decode, encode};
use super::server_with_passkey;
use crate::support::{PASSWORD, TestServer, problem};
use serde_json::{Value, json};

/// Changes a byte of what stands in a credential in base64url.
fn flip(value: &mut Value, at: usize) {
    let mut bytes = decode(value);
    let at = at.min(bytes.len() - 1);
    bytes[at] ^= 1;
    *value = json!(encode(&bytes));
}

#[test]
fn a_new_passkey_with_anything_wrong_is_refused() {
    type Change = fn(&mut Draft);
    let changes: [(&str, Change); 21] = [
        ("of the other ceremony", |d| d.client_data["type"] = json!("webauthn.get")),
        ("without a challenge of ours", |d| d.client_data["challenge"] = json!(encode(&[7; 80]))),
        ("of another page", |d| d.client_data["origin"] = json!("https://evil.example")),
        ("of a page like ours", |d| {
            d.client_data["origin"] = json!("http://localhost.evil.example");
        }),
        ("of no page", |d| d.client_data["origin"] = json!("null")),
        ("of a page within another", |d| d.client_data["crossOrigin"] = json!(true)),
        ("with a page above", |d| d.client_data["topOrigin"] = json!("https://evil.example")),
        ("for another domain", |d| d.rp_id = "evil.example".to_owned()),
        ("without a user", |d| d.flags &= !UP),
        ("without a check of the user", |d| d.flags &= !UV),
        ("backed up and not eligible", |d| d.flags |= BS),
        ("without a key", |d| d.flags &= !AT),
        ("with extensions that are not there", |d| d.flags |= ED),
        ("with something after it", |d| d.after = vec![0]),
        ("with extensions that are none", |d| {
            d.flags |= ED;
            d.after = vec![0x01];
        }),
        ("with another name inside", |d| d.attested_id = b"another name".to_vec()),
        ("with a statement of nobody", |d| d.statement = vec![0xa1, 0x61, b'x', 0x01]),
        // ES384, which was not asked for.
        ("of another algorithm", |d| {
            d.key.splice(4..5, [0x38, 0x22]);
        }),
        ("with a key that is cut off", |d| d.key.truncate(40)),
        ("with a key that goes on", |d| d.key[0] = 0xa6),
        ("with a key twice", |d| d.key = [d.key.clone(), d.key.clone()].concat()),
    ];
    let server = TestServer::start();
    server.register("alice");
    let token = server.token("alice");
    let mut device = Device::new();
    let options = server.passkey_options(&token);
    let add = |credential: &Value| server.call("/factor/passkey", &token, credential);
    for (what, change) in changes {
        let credential = device.create(&options, change);
        let response = add(&credential);
        assert_eq!(response.status(), 400, "{what}");
        problem(response, 400, "invalid_proof");
    }
    // The same is taken when nothing is wrong, once.
    let good = device.create(&options, |draft| {
        draft.flags |= BE | ED;
        draft.after = vec![0xa0];
    });
    assert_eq!(add(&good).status(), 201);
    let token = server.sign_in(&mut device).access;
    problem(server.call("/factor/passkey", &token, &good), 400, "invalid_proof");
}

#[test]
fn a_passkey_and_its_options_belong_to_one_user() {
    let (server, mut device) = server_with_passkey();
    server.register("mallory");
    let mallory = server.token("mallory");
    // The passkey of somebody else, with options of one's own.
    let handle = device.handle.clone();
    let credential = device.create(&server.passkey_options(&mallory), |_| ());
    device.handle = handle;
    problem(server.call("/factor/passkey", &mallory, &credential), 400, "invalid_proof");
    // Options of somebody else.
    let alice = server.sign_in(&mut device);
    let credential = Device::new().create(&server.passkey_options(&alice.access), |_| ());
    problem(server.call("/factor/passkey", &mallory, &credential), 400, "invalid_proof");
    // Options for something else.
    let mut options = server.passkey_options(&mallory);
    options["challenge"] = server.request_options()["challenge"].clone();
    let credential = Device::new().create(&options, |_| ());
    problem(server.call("/factor/passkey", &mallory, &credential), 400, "invalid_proof");
}

#[test]
fn a_use_with_anything_wrong_is_refused() {
    type Change = fn(&mut Draft);
    let changes: [(&str, Change); 17] = [
        ("of the other ceremony", |d| d.client_data["type"] = json!("webauthn.create")),
        ("without a challenge of ours", |d| d.client_data["challenge"] = json!(encode(&[7; 60]))),
        ("of another page", |d| d.client_data["origin"] = json!("https://evil.example")),
        ("of a page within another", |d| d.client_data["crossOrigin"] = json!(true)),
        ("with a page above", |d| d.client_data["topOrigin"] = json!("http://localhost:3000")),
        ("for another domain", |d| d.rp_id = "evil.example".to_owned()),
        ("without a user", |d| d.flags &= !UP),
        ("without a check of the user", |d| d.flags &= !UV),
        ("backed up and not eligible", |d| d.flags |= BS),
        ("with something after it", |d| d.after = vec![0]),
        ("with extensions that are not there", |d| d.flags |= ED),
        ("with a key that is cut off", |d| {
            d.flags |= AT;
            d.key.truncate(40);
        }),
        ("by nobody", |d| d.handle = None),
        ("by somebody else", |d| d.handle = Some(vec![7; 32])),
        ("by a part of the user", |d| {
            d.handle.as_mut().unwrap().pop();
        }),
        ("of an unknown passkey", |d| d.id = b"unknown".to_vec()),
        ("with a counter that was never there", |d| d.counter = 0),
    ];
    let server = TestServer::start();
    server.register("alice");
    let mut device = Device::new();
    device.counter = 1;
    server.add_passkey(&server.token("alice"), &mut device);
    let options = server.request_options();
    for (what, change) in changes {
        let response = server.post("/passkey", &device.get(&options, change));
        assert_eq!(response.status(), 400, "{what}");
        problem(response, 400, "invalid_proof");
    }
    // Whatever is changed after the signature was made.
    for part in ["clientDataJSON", "authenticatorData", "signature"] {
        for at in [0, 33, 36, 40, 70] {
            let mut credential = device.get(&options, |_| ());
            flip(&mut credential["response"][part], at);
            let response = server.post("/passkey", &credential);
            assert_eq!(response.status(), 400, "{part} {at}");
        }
    }
    // Another key of the same name.
    let mut other = Device::new();
    (other.id, other.handle, other.counter) = (device.id.clone(), device.handle.clone(), 90);
    problem(server.post("/passkey", &other.get(&options, |_| ())), 400, "invalid_proof");
    let good = device.get(&options, |_| ());
    assert_eq!(server.post("/passkey", &good).status(), 200);
    problem(server.post("/passkey", &good), 400, "invalid_proof");
}

#[test]
fn a_challenge_is_good_for_its_ceremony_and_its_user() {
    let (server, mut device) = server_with_passkey();
    server.register("mallory");
    let mut theirs = Device::new();
    server.add_passkey(&server.token("mallory"), &mut theirs);
    let options = |mfa_token: &str| -> Value {
        server.post("/mfa/options", &json!({"mfa_token": mfa_token})).json().unwrap()
    };
    let finish = |mfa_token: &str, credential: &Value| {
        server.post("/mfa", &json!({"mfa_token": mfa_token, "credential": credential}))
    };
    let (alice, mallory) = (server.mfa_token("alice"), server.mfa_token("mallory"));
    // Mallory's passkey in alice's login, with challenges of either.
    problem(finish(&alice, &theirs.get(&options(&alice), |_| ())), 400, "invalid_proof");
    problem(finish(&alice, &theirs.get(&options(&mallory), |_| ())), 400, "invalid_proof");
    // Alice's, with a challenge that mallory got.
    problem(finish(&alice, &device.get(&options(&mallory), |_| ())), 400, "invalid_proof");
    // The one ceremony's challenge in the other.
    problem(finish(&alice, &device.get(&server.request_options(), |_| ())), 400, "invalid_proof");
    let credential = device.get(&options(&alice), |_| ());
    problem(server.post("/passkey", &credential), 400, "invalid_proof");
    assert_eq!(finish(&alice, &credential).status(), 200);
    // Mallory's passkey in alice's session.
    let session = server.sign_in(&mut device);
    let credential = theirs.get(&server.request_options(), |_| ());
    let step_up = server.call("/step-up", &session.access, &json!({"credential": credential}));
    problem(step_up, 400, "invalid_proof");
}

#[test]
fn what_is_no_credential_is_named() {
    let (server, mut device) = server_with_passkey();
    let good = device.get(&server.request_options(), |_| ());
    let fault = |change: &dyn Fn(&mut Value)| {
        let mut credential = good.clone();
        change(&mut credential);
        problem(server.post("/passkey", &credential), 400, "invalid_request")
    };
    assert!(fault(&|c| c["type"] = json!("password")).starts_with("type:"));
    assert!(fault(&|c| c["rawId"] = json!(7)).starts_with("rawId:"));
    assert!(fault(&|c| c["rawId"] = json!("AA==")).starts_with("rawId:"));
    assert!(fault(&|c| c["id"] = json!("AAAA")).starts_with("id:"));
    assert!(fault(&|c| c["response"] = json!([])).starts_with("response:"));
    for part in ["clientDataJSON", "authenticatorData", "signature"] {
        assert!(fault(&|c| c["response"][part] = json!("=")).starts_with(part));
        assert!(fault(&|c| c["response"][part] = Value::Null).starts_with(part));
    }
    assert!(fault(&|c| c["response"]["userHandle"] = json!(1)).starts_with("userHandle:"));
    for text in ["", "[]", "{}", "{\"type\":1}", "\u{feff}{}"] {
        let detail = fault(&|c| c["response"]["clientDataJSON"] = json!(encode(text.as_bytes())));
        assert!(detail.starts_with("clientDataJSON:"), "{detail}");
    }
    let both = json!({"mfa_token": "x", "code": "123456", "credential": good});
    let detail = problem(server.post("/mfa", &both), 400, "invalid_request");
    assert!(detail.starts_with("credential:"), "{detail}");
    problem(server.log_in("alice", PASSWORD), 403, "mfa_required");
}
