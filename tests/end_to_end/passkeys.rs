//! Passkeys: signing in with one, and everything that is wrong about one.

mod attacks;
mod browser;
pub(crate) mod device;
mod signing_in;

use crate::support::{TestServer, Tokens};
use device::Device;
use serde_json::{Value, json};

impl TestServer {
    /// Adds a passkey of this device for the user of a token, and returns the answer.
    pub(crate) fn add_passkey(&self, token: &str, device: &mut Device) -> Value {
        let options = self.passkey_options(token);
        let credential = device.create(&options, |_| ());
        let response = self.call("/factor/passkey", token, &credential);
        assert_eq!(response.status(), 201);
        response.json().unwrap()
    }

    pub(crate) fn passkey_options(&self, token: &str) -> Value {
        let response = self.call("/factor/passkey/options", token, &json!({"name": "laptop"}));
        assert_eq!(response.status(), 200);
        response.json().unwrap()
    }

    fn request_options(&self) -> Value {
        let response = self.post("/passkey/options", &json!({}));
        assert_eq!(response.status(), 200);
        response.json().unwrap()
    }

    /// Signs the user of a device in.
    pub(crate) fn sign_in(&self, device: &mut Device) -> Tokens {
        Tokens::of(self.post("/passkey", &device.get(&self.request_options(), |_| ())))
    }
}

/// A service with alice, and a device with her passkey.
fn server_with_passkey() -> (TestServer, Device) {
    let server = TestServer::start();
    server.register("alice");
    let mut device = Device::new();
    server.add_passkey(&server.token("alice"), &mut device);
    (server, device)
}
