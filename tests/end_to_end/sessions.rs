//! Sessions: refreshed, stolen, ended, listed, swept, and given no number's next owner.

mod claims;
mod ending;
mod identity;
mod lifetimes;
mod listing;
mod model;
mod races;
mod refreshing;
mod theft;

use crate::support::TestServer;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::blocking::Response;
use serde_json::Value;

/// Makes the retirements of all sessions older than they are, as if that time had passed.
pub(crate) fn let_pass(server: &TestServer, seconds: i32) {
    let mut sql = server.sql();
    for row in sql.query("SELECT id, retired FROM gatepost.sessions", &[]).unwrap() {
        let (id, bytes): (i64, Vec<u8>) = (row.get(0), row.get(1));
        let older = |chunk: &[u8; 8]| i64::from_be_bytes(*chunk) - i64::from(seconds) * 1_000;
        let bytes: Vec<u8> =
            bytes.as_chunks().0.iter().flat_map(|c| older(c).to_be_bytes()).collect();
        let update = "UPDATE gatepost.sessions SET retired = $2 WHERE id = $1";
        sql.execute(update, &[&id, &bytes]).unwrap();
    }
    let update = "UPDATE gatepost.sessions
                  SET created_at = created_at - $1 * interval '1 second',
                      last_used_at = last_used_at - $1 * interval '1 second',
                      expires_at = expires_at - $1 * interval '1 second'";
    sql.execute(update, &[&f64::from(seconds)]).unwrap();
}

pub(crate) fn status(server: &TestServer, id: i64, token: &str) -> u16 {
    server.get(&format!("/user?id={id}"), token).status().as_u16()
}

/// What an access token claims.
pub(crate) fn claims(token: &str) -> Value {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

pub(crate) fn count(server: &TestServer, what: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM gatepost.sessions WHERE {what}");
    server.sql().query_one(&sql, &[]).unwrap().get(0)
}

pub(crate) fn listed(response: Response) -> Vec<Value> {
    assert_eq!(response.status(), 200);
    response.json::<Value>().unwrap()["sessions"].as_array().unwrap().clone()
}
