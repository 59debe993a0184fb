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

#[test]
fn chromium_changes_an_account_with_the_keyboard_alone_and_adds_a_passkey() {
    let Some(browser) = Browser::start() else { return };
    let server = TestServer::with(|config| config.pages.enabled = PagesEnabled::All);
    server.register("alice");
    let port = server.url("").rsplit(':').next().unwrap().to_owned();
    let url = |path: &str| format!("http://localhost:{port}{path}");
    browser.open(&url("/account/email"));
    browser.wait_for("Sign in");
    browser.press(&format!("alice\u{e004}{PASSWORD}\u{e007}"));
    browser.wait_for("New address");
    browser.press("\u{e004}alice@example.com\u{e007}");
    browser.wait_for("alice@example.com – not confirmed");
    browser.open(&url("/account/password"));
    browser.wait_for("Current password");
    browser.press(&format!("{PASSWORD}\u{e004}another good password\u{e007}"));
    browser.wait_for("Your password is set");
    browser.open(&url("/account/factors"));
    browser.wait_for("There are none.");
    browser.press("\u{e004}laptop");
    browser.click("button[formaction]");
    browser.wait_for("Make the passkey");
    browser.click("form.passkey-made button");
    browser.wait_for("Recovery codes");
    browser.click("a[href$=factors]");
    browser.wait_for("laptop");
    browser.wait_for("Recovery codes left: 10");
    // What is done an hour later asks for the passkey, and goes on.
    let sql = "UPDATE gatepost.sessions
               SET created_at = created_at - interval '1 hour', authenticated_at = NULL";
    server.sql().execute(sql, &[]).unwrap();
    browser.open(&url("/account"));
    browser.wait_for("My account");
    browser.open(&url("/account/factors"));
    browser.wait_for("laptop");
    browser.click(".rows button");
    browser.wait_for("Confirm that it is you");
    browser.click("form.passkey button");
    browser.wait_for("There are none.");
}
