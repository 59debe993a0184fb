//! A real browser does both ceremonies: Chromium, with an authenticator that WebDriver adds to it.

use crate::keys::payload;
use crate::support::browser::Browser;
use crate::support::{PASSWORD, TestServer, Tokens};
use serde_json::{Value, json};

/// What a call of the browser's makes of these options.
fn made_by(browser: &Browser, call: &str, parse: &str, options: &Value) -> Value {
    let script = format!(
        "const done = arguments[1];
         const publicKey = PublicKeyCredential.{parse}(arguments[0]);
         navigator.credentials.{call}({{publicKey}})
             .then(credential => done(credential.toJSON()), error => done(String(error)));"
    );
    let credential = browser.ask("execute/async", &json!({"script": script, "args": [options]}));
    assert!(credential.is_object(), "{credential}");
    credential
}

#[test]
fn chromium_makes_a_passkey_and_signs_in_with_it() {
    let Some(browser) = Browser::start() else { return };
    let server = TestServer::start();
    let id = server.register("alice");
    let token = server.token("alice");
    let port = server.url("").rsplit(':').next().unwrap().to_owned();
    browser.open(&format!("http://localhost:{port}/livez"));

    let options = server.passkey_options(&token);
    let credential = made_by(&browser, "create", "parseCreationOptionsFromJSON", &options);
    let added = server.call("/factor/passkey", &token, &credential);
    assert_eq!(added.status(), 201);

    let get = |options: &Value| made_by(&browser, "get", "parseRequestOptionsFromJSON", options);
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
