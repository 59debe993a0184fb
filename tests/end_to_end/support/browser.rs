//! Chromium, as WebDriver drives it (W3C).

use super::client;
use super::program::Spawned;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A browser that is driven by WebDriver.
pub(crate) struct Browser {
    session: String,
    _profile: tempfile::TempDir,
    _driver: Spawned,
}

impl Browser {
    /// Starts one. Where it is not installed, only `.ci/run` misses it.
    pub(crate) fn start() -> Option<Self> {
        // It takes a port that is free in one version of IP, and exits ("port not available") if the same
        // number is taken in the other. Nothing was asked of it by then.
        let mut drivers = (0..10).map(|_| driver());
        let (driver, port) = drivers
            .find_map(|started| match started {
                Started::Listens(driver, port) => Some(Some((driver, port))),
                Started::PortTaken => None,
                Started::NotInstalled => Some(None),
            })
            .expect("chromedriver finds no port")?;
        let profile = tempfile::tempdir().unwrap();
        let data = format!("--user-data-dir={}", profile.path().display());
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            // For tests with names and certificates of their own.
            "--host-resolver-rules=MAP *.example.com 127.0.0.1",
            "--ignore-certificate-errors",
            &data,
        ];
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

    pub(crate) fn ask(&self, command: &str, body: &Value) -> Value {
        ask(&format!("{}/{command}", self.session), body)
    }

    /// Opens a page.
    pub(crate) fn open(&self, url: &str) {
        self.ask("url", &json!({"url": url}));
    }

    /// Asks the browser for something that takes no parameters.
    pub(crate) fn get(&self, what: &str) -> Value {
        let mut answer: Value =
            client().get(format!("{}/{what}", self.session)).send().unwrap().json().unwrap();
        assert!(answer["value"].get("error").is_none(), "{answer}");
        answer["value"].take()
    }

    /// Types into whatever has the focus.
    pub(crate) fn press(&self, keys: &str) {
        let keys = keys.chars().flat_map(|key| {
            [json!({"type": "keyDown", "value": key}), json!({"type": "keyUp", "value": key})]
        });
        let keyboard =
            json!({"type": "key", "id": "keyboard", "actions": keys.collect::<Vec<Value>>()});
        self.ask("actions", &json!({"actions": [keyboard]}));
    }

    /// Waits for a page that says this.
    #[track_caller]
    pub(crate) fn wait_for(&self, expected: &str) {
        let end = Instant::now() + Duration::from_secs(20);
        while !self.text().contains(expected) {
            assert!(Instant::now() < end, "{expected}: {}", self.text());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub(crate) fn text(&self) -> String {
        let script = "return document.body.innerText";
        let text = self.ask("execute/sync", &json!({"script": script, "args": []}));
        text.as_str().unwrap().to_owned()
    }

    /// Clicks on what a selector of CSS finds.
    pub(crate) fn click(&self, selector: &str) {
        let found = self.ask("element", &json!({"using": "css selector", "value": selector}));
        let id = found.as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned();
        self.ask(&format!("element/{id}/click"), &json!({}));
    }
}

/// What became of the start of a driver.
enum Started {
    Listens(Spawned, String),
    PortTaken,
    NotInstalled,
}

fn driver() -> Started {
    let mut command = Command::new("chromedriver");
    command.args(["--port=0"]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut driver = match Spawned::try_start(&mut command) {
        Ok(driver) => driver,
        Err(_) if std::env::var_os("REQUIRE_CHROMIUM").is_none() => return Started::NotInstalled,
        Err(error) => panic!("chromedriver: {error}"),
    };
    let lines = BufReader::new(driver.stdout()).lines();
    let port = lines.map(Result::unwrap).find_map(|line| {
        let (_, port) = line.split_once("successfully on port ")?;
        Some(port.trim_end_matches('.').to_owned())
    });
    port.map_or(Started::PortTaken, |port| Started::Listens(driver, port))
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
