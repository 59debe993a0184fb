//! A service that verifies Gatepost's access tokens by itself, and still learns of a logout within
//! seconds: it fetches the public keys once and the list of revocations again and again.
//!
//! `cargo run --example offline_verifier -- http://127.0.0.1:8080 1000` reads access tokens from
//! standard input, one a line, and answers each with `good` or with why it is refused; 1000 is the
//! polling interval in milliseconds. It asks Gatepost once in every interval and for a key that it
//! does not know yet, and never for a token.
//!
//! It accepts EdDSA, Gatepost's default. For other algorithms use a JWT library in `signed`, and
//! keep the rest. Over a network, enable TLS in `reqwest`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signature, VerifyingKey};
use reqwest::{StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::io::BufRead;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    exp: u64,
    sub: String,
    user_id: i64,
    sid: String,
    auth_time: u64,
    token_version: i64,
    admin: bool,
}

/// One name is a text, several are an array (RFC 7519, 4.1.3).
#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn has(&self, name: &str) -> bool {
        match self {
            Self::One(one) => one == name,
            Self::Several(names) => names.iter().any(|one| one == name),
        }
    }
}

#[derive(Deserialize)]
struct List {
    iss: String,
    aud: String,
    exp: u64,
    keep: u64,
    revoked: Vec<Entry>,
    next: String,
    more: bool,
}

/// `token_version` and `admin` are both present or both absent. If absent, the session has ended.
#[derive(Clone, Deserialize)]
struct Entry {
    sid: String,
    token_version: Option<i64>,
    auth_time: Option<u64>,
    admin: Option<bool>,
}

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<Jwk>,
}

#[derive(Deserialize)]
struct Jwk {
    kid: String,
    alg: Option<String>,
    x: Option<String>,
}

struct Verifier {
    keys: Url,
    issuer: String,
    client: reqwest::blocking::Client,
    state: Mutex<State>,
}

struct State {
    keys: HashMap<String, VerifyingKey>,
    asked_for_keys: Option<Instant>,
    /// What is known of each listed session, and until when it matters.
    revoked: HashMap<String, (Entry, Instant)>,
    /// Where the list continues, and the entity tag of the last answer from there.
    next: Url,
    etag: Option<String>,
    /// Seconds since 1970 after which the list is too old to be relied upon.
    fresh_until: u64,
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Reads an object and nothing else: serde would also accept an array, and read it by position.
fn decode<T: DeserializeOwned>(part: &str) -> Outcome<T> {
    let object: Map<String, Value> = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part)?)?;
    Ok(serde_json::from_value(Value::Object(object))?)
}

impl Verifier {
    fn new(base: &str, issuer: &str) -> Outcome<Self> {
        // All URLs are relative: a proxy may serve Gatepost under a path, which is then part of the
        // base.
        let base = Url::parse(&format!("{}/", base.trim_end_matches('/')))?;
        let state = State {
            keys: HashMap::new(),
            asked_for_keys: None,
            revoked: HashMap::new(),
            next: base.join("revocations")?,
            etag: None,
            fresh_until: 0,
        };
        let client = reqwest::blocking::Client::new();
        let keys = base.join(".well-known/jwks.json")?;
        Ok(Self { keys, issuer: issuer.to_owned(), client, state: Mutex::new(state) })
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key of this name. An unknown one may be new, but invented names make us ask at most once
    /// in ten seconds.
    fn key(&self, kid: &str) -> Outcome<VerifyingKey> {
        if let Some(key) = self.state().keys.get(kid) {
            return Ok(*key);
        }
        let last = self.state().asked_for_keys.replace(Instant::now());
        if last.is_some_and(|last| last.elapsed() < Duration::from_secs(10)) {
            return Err("signed with an unknown key".into());
        }
        let jwks: Jwks = self.client.get(self.keys.clone()).send()?.error_for_status()?.json()?;
        let mut keys = HashMap::new();
        for jwk in jwks.keys.into_iter().filter(|jwk| jwk.alg.as_deref() == Some("EdDSA")) {
            let bytes = URL_SAFE_NO_PAD.decode(jwk.x.unwrap_or_default())?;
            let key = VerifyingKey::from_bytes(bytes.as_slice().try_into()?)?;
            keys.insert(jwk.kid, key);
        }
        let key = keys.get(kid).copied();
        self.state().keys = keys;
        key.ok_or_else(|| "signed with an unknown key".into())
    }

    /// What a JWT of this type says, once its signature has been verified.
    fn signed<T: DeserializeOwned>(&self, typ: &str, jwt: &str) -> Outcome<T> {
        let (message, signature) = jwt.rsplit_once('.').ok_or("not a JWT")?;
        let (header, payload) = message.split_once('.').ok_or("not a JWT")?;
        let header: Header = decode(header)?;
        // The type keeps a list from passing for a token; the algorithm is ours to choose.
        if header.typ != typ || header.alg != "EdDSA" {
            return Err("not of the expected type".into());
        }
        let signature = Signature::from_slice(&URL_SAFE_NO_PAD.decode(signature)?)?;
        self.key(&header.kid)?.verify_strict(message.as_bytes(), &signature)?;
        decode(payload)
    }

    /// Brings the list up to date.
    fn poll(&self) -> Outcome<()> {
        loop {
            let (next, etag) = {
                let state = self.state();
                (state.next.clone(), state.etag.clone())
            };
            let mut request = self.client.get(next.clone());
            if let Some(etag) = etag {
                request = request.header("If-None-Match", etag);
            }
            let response = request.send()?;
            // If the list has tens of thousands of entries, Gatepost makes a limited number of
            // parts a second.
            if response.status() == StatusCode::TOO_MANY_REQUESTS {
                std::thread::sleep(Duration::from_secs(1));
                continue;
            }
            let response = response.error_for_status()?;
            if response.status() == StatusCode::NOT_MODIFIED {
                return Ok(());
            }
            let etag = response.headers().get("etag").and_then(|tag| tag.to_str().ok());
            let etag = etag.map(str::to_owned);
            let list: List = self.signed("revocations+jwt", &response.text()?)?;
            let ours = list.iss == format!("{}/revocations", self.issuer);
            if !ours || list.aud != "revocations" || list.exp <= now() {
                return Err("the list has another issuer or audience, or has expired".into());
            }
            let mut state = self.state();
            let until = Instant::now() + Duration::from_secs(list.keep);
            for entry in list.revoked {
                state.revoked.insert(entry.sid.clone(), (entry, until));
            }
            state.revoked.retain(|_, (_, until)| *until > Instant::now());
            state.fresh_until = list.exp;
            // A tag belongs to the URL that it came from.
            let then = next.join(&list.next)?;
            state.etag = etag.filter(|_| then == next);
            state.next = then;
            if !list.more {
                return Ok(());
            }
        }
    }

    /// The id of the user who shows an access token.
    fn verify(&self, token: &str) -> Outcome<i64> {
        let claims: Claims = self.signed("at+jwt", token)?;
        // Compared to the last character: the list's issuer is this one and more.
        if claims.iss != self.issuer || claims.exp <= now() {
            return Err("expired, or from another issuer".into());
        }
        // A service with a name of its own in `tokens.audience` asks for that.
        if !claims.aud.has(&self.issuer) {
            return Err("for another service".into());
        }
        let state = self.state();
        // The safe choice. A service that would rather answer can go on without the list. A token
        // then stays good until it expires, minutes after a logout.
        if state.fresh_until <= now() {
            return Err("the list of revocations is too old".into());
        }
        if let Some((entry, _)) = state.revoked.get(&claims.sid) {
            let still = match (entry.token_version, entry.admin) {
                (Some(version), Some(admin)) => {
                    claims.token_version >= version
                        && entry.auth_time.is_none_or(|at| claims.auth_time == at)
                        && (admin || !claims.admin)
                }
                _ => false,
            };
            if !still {
                return Err("revoked".into());
            }
        }
        if claims.sub != claims.user_id.to_string() {
            return Err("the subject is not the user".into());
        }
        Ok(claims.user_id)
    }
}

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let base = arguments.next().ok_or("usage: offline_verifier URL [MILLISECONDS [ISSUER]]")?;
    let interval = Duration::from_millis(arguments.next().as_deref().unwrap_or("1000").parse()?);
    let issuer = arguments.next().unwrap_or_else(|| "gatepost".to_owned());
    let verifier = Arc::new(Verifier::new(&base, &issuer)?);
    // Everything revoked so far must be known before the first token is judged.
    verifier.poll()?;
    let poller = Arc::clone(&verifier);
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(interval);
            if let Err(error) = poller.poll() {
                eprintln!("the list of revocations was not read: {error}");
            }
        }
    });
    for line in std::io::stdin().lock().lines() {
        match verifier.verify(line?.trim()) {
            Ok(user) => println!("good: user {user}"),
            Err(why) => println!("refused: {why}"),
        }
    }
    Ok(())
}
