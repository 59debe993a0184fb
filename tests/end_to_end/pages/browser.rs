//! A real browser on the pages, with the keyboard alone.

use crate::support::browser::Browser;
use crate::support::{PASSWORD, TestServer};
use gatepost::config::PagesEnabled;
use serde_json::json;

#[test]
fn chromium_signs_in_with_a_passkey_alone_and_after_a_password() {
    let Some(browser) = Browser::start() else { return };
    let server = TestServer::with(|config| config.pages.enabled = PagesEnabled::SignIn);
    server.register("alice");
    let token = server.token("alice");
    let port = server.url("").rsplit(':').next().unwrap().to_owned();
    let sign_in = format!("http://localhost:{port}/sign-in");
    browser.open(&sign_in);
    // Nobody has one yet.
    browser.click("form.passkey button");
    browser.wait_for("The passkey was not used.");
    let options = server.passkey_options(&token);
    let script = "const done = arguments[1];
        const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(arguments[0]);
        navigator.credentials.create({publicKey}).then(made => done(made.toJSON()));";
    let made = browser.ask("execute/async", &json!({"script": script, "args": [options]}));
    assert_eq!(server.call("/factor/passkey", &token, &made).status(), 201);

    browser.click("form.passkey button");
    browser.wait_for("You are signed in");
    browser.click("button");
    browser.wait_for("Password");
    browser.press(&format!("alice{TAB}{PASSWORD}{ENTER}"));
    browser.wait_for("Second factor");
    browser.click("form.passkey button");
    browser.wait_for("You are signed in");
}

const TAB: char = '\u{e004}';
const ENTER: char = '\u{e007}';

#[test]
fn chromium_signs_in_and_out_with_the_keyboard_alone() {
    let Some(browser) = Browser::start() else { return };
    let server = TestServer::with(|config| config.pages.enabled = PagesEnabled::SignIn);
    server.register("alice");
    let port = server.url("").rsplit(':').next().unwrap().to_owned();
    browser.open(&format!("http://localhost:{port}/sign-in"));
    // The field for the login has the focus.
    browser.press(&format!("alice{TAB}wrong password{ENTER}"));
    browser.wait_for("wrong login or password");
    // The login is there still, and the focus is where the password belongs.
    browser.press(&format!("{PASSWORD}{ENTER}"));
    browser.wait_for("You are signed in");
    let cookies = browser.get("cookie");
    let cookie = &cookies[0];
    assert_eq!((&cookie["name"], &cookie["httpOnly"]), (&json!("gatepost"), &json!(true)));
    browser.press(&format!("{TAB}{ENTER}"));
    browser.wait_for("Password");
    assert_eq!(browser.get("cookie"), json!([]));
}
