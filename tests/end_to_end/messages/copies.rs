//! A copy of the database, as somebody has who stole a backup.

use super::{Pulled, text};
use crate::support::problem;
use serde_json::json;

/// Everything that the tables hold, as text.
fn dump(pulled: &Pulled) -> String {
    let mut sql = pulled.server.sql();
    let tables = "SELECT relname::text FROM pg_class WHERE relnamespace = 'gatepost'::regnamespace AND relkind = 'r'";
    let tables: Vec<String> =
        sql.query(tables, &[]).unwrap().iter().map(|row| row.get(0)).collect();
    let mut all = String::new();
    for table in tables {
        for row in sql.query(&format!("SELECT t::text FROM gatepost.{table} AS t"), &[]).unwrap() {
            all += &row.get::<_, String>(0);
            all.push('\n');
        }
    }
    all
}

#[test]
fn a_copy_holds_no_link_and_no_code() {
    let pulled =
        Pulled::with(|config| config.encryption.key = Some("k".repeat(40).as_str().into()));
    pulled.register("alice", "a@example.com");
    let request = pulled.ask(&json!({"login": "alice"}));
    let before = dump(&pulled);
    let message = pulled.one("mail.recovery");
    let after = dump(&pulled);
    let (token, code) = (text(&message, "token"), text(&message, "code"));
    for copy in [&before, &after] {
        assert!(copy.contains("alice") && copy.contains("recovery"), "{copy}");
        assert!(!copy.contains(token) && !copy.contains(code));
        // Nor the part of the token that is secret, in any usual form.
        use base64::Engine;
        let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token).unwrap();
        let hex: String = bytes[16..].iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(!copy.contains(&hex));
        // What is not secret is there, and opens nothing.
        let identity: String = bytes[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(copy.contains(&identity));
    }
    problem(pulled.recover(&request, "staple and battery"), 400, "invalid_proof");
}

#[test]
fn another_encryption_key_makes_no_links_of_a_copy() {
    let pulled =
        Pulled::with(|config| config.encryption.key = Some("k".repeat(40).as_str().into()));
    pulled.register("alice", "a@example.com");
    pulled.ask(&json!({"login": "alice"}));
    let mut config = crate::support::config(&pulled.server.database);
    config.encryption.key = Some("x".repeat(40).as_str().into());
    assert!(gatepost::Service::start(config).is_err());
    let config = crate::support::config(&pulled.server.database);
    assert!(gatepost::Service::start(config).is_err());
}
