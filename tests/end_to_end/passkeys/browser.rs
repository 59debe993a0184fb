//! A real browser does both ceremonies: Chromium, with an authenticator that WebDriver adds to it.

use crate::keys::payload;
use crate::support::program::Spawned;
use crate::support::{PASSWORD, TestServer, Tokens, client};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// A browser that is driven by WebDriver.
struct Browser {
    session: String,
    _profile: tempfile::TempDir,
    _driver: Spawned,
}

impl Browser {
    /// Starts one. Where it is not installed, only `.ci/run` misses it.
    fn start() -> Option<Self> {
        let mut command = Command::new("chromedriver");
        command.args(["--port=0"]).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut driver = match Spawned::try_start(&mut command) {
            Ok(driver) => driver,
            Err(_) if std::env::var_os("REQUIRE_CHROMIUM").is_none() => return None,
            Err(error) => panic!("chromedriver: {error}"),
        };
        let lines = BufReader::new(driver.stdout()).lines();
        let port = lines
            .map(Result::unwrap)
            .find_map(|line| {
                let (_, port) = line.split_once("successfully on port ")?;
                Some(port.trim_end_matches('.').to_owned())
            })
            .unwrap();
        let profile = tempfile::tempdir().unwrap();
        let data = format!("--user-data-dir={}", profile.path().display());
        let arguments =
            ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", &data];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": arguments},
            "webauthn:virtualAuthenticators": true,
        }}});
        let driver_url = format!("http://127.0.0.1:{port}/session");
        let started = ask(&driver_url, &wanted);
        let session = format!("{driver_url}/{}", started["sessionId"].as_str().unwrap());
        let browser = Self { session, _profile: profile, _driver: driver };
        let authenticator = json!({
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": true,
            "hasUserVerification": true, "isUserConsenting": true, "isUserVerified": true,
        });
        browser.ask("webauthn/authenticator", &authenticator);
        Some(browser)
    }

    fn ask(&self, command: &str, body: &Value) -> Value {
        ask(&format!("{}/{command}", self.session), body)
    }

    /// What a call of the browser's makes of these options.
    fn credential(&self, call: &str, parse: &str, options: &Value) -> Value {
        let script = format!(
            "const done = arguments[1];
             const publicKey = PublicKeyCredential.{parse}(arguments[0]);
             navigator.credentials.{call}({{publicKey}})
                 .then(credential => done(credential.toJSON()), error => done(String(error)));"
        );
        let credential = self.ask("execute/async", &json!({"script": script, "args": [options]}));
        assert!(credential.is_object(), "{credential}");
        credential
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        drop(client().delete(&self.session).send());
    }
}

fn ask(url: &str, body: &Value) -> Value {
    let mut answer: Value = client().post(url).json(body).send().unwrap().json().unwrap();
    assert!(answer["value"].get("error").is_none(), "{answer}");
    answer["value"].take()
}

#[test]
fn chromium_makes_a_passkey_and_signs_in_with_it() {
    let Some(browser) = Browser::start() else { return };
    let server = TestServer::start();
    let id = server.register("alice");
    let token = server.token("alice");
    let port = server.url("").rsplit(':').next().unwrap().to_owned();
    browser.ask("url", &json!({"url": format!("http://localhost:{port}/livez")}));

    let options = server.passkey_options(&token);
    let credential = browser.credential("create", "parseCreationOptionsFromJSON", &options);
    let added = server.call("/factor/passkey", &token, &credential);
    assert_eq!(added.status(), 201);

    let get = |options: &Value| browser.credential("get", "parseRequestOptionsFromJSON", options);
    let credential = get(&server.request_options());
    let tokens = Tokens::of(server.post("/passkey", &credential));
    let claims = payload(&tokens.access);
    assert_eq!((&claims["user_id"], &claims["amr"]), (&json!(id), &json!(["pop", "user", "mfa"])));

    let mfa_token = server.mfa_token("alice");
    let options = server.post("/mfa/options", &json!({"mfa_token": mfa_token})).json().unwrap();
    let body = json!({"mfa_token": mfa_token, "credential": get(&options)});
    assert_eq!(server.post("/mfa", &body).status(), 200);
    assert_eq!(server.log_in("alice", PASSWORD).status(), 403);
}
