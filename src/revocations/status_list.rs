//! The Token Status List (draft-ietf-oauth-status-list): the same news as the list of revocations, for
//! services whose library knows that form. What it says of a token, and what it cannot, is in
//! `tokens::status`.

use super::pages::signed;
use super::store;
use crate::app::App;
use crate::app::board::Part;
use crate::error::{Error, Result};
use crate::sessions;
use crate::tokens::{self, STATUS_SESSIONS, StatusBits, status_uri};
use serde::Serialize;
use std::sync::Arc;

/// The type in the JWT's header (draft, "Status List Token in JWT Format").
const TYPE: &str = "statuslist+jwt";

/// How many seconds whoever fetched a list may go on using it.
const TTL: u64 = 10;

/// A list, before it is signed. It has neither `iss` nor `aud`, so it cannot pass for a token.
#[derive(Serialize)]
struct StatusList {
    /// Where it is.
    sub: String,
    iat: u64,
    exp: u64,
    ttl: u64,
    status_list: Bits,
}

#[derive(Serialize)]
struct Bits {
    bits: u8,
    lst: String,
}

/// The list of this number. There is one for each number up to that of the newest session.
///
/// # Errors
/// [`Error::NoSuchStatusList`]; [`Error::TooManyAttempts`]; database errors.
pub(super) fn part(app: &App, list: i64) -> Result<Arc<Part>> {
    let keys = app.keys()?;
    let part = app.statuses().part(list, keys.signer()?.kid(), || make(app, list))?;
    part.ok_or(Error::NoSuchStatusList)
}

fn make(app: &App, list: i64) -> Result<Option<Part>> {
    let keep = sessions::tokens_linger(app);
    let Some(first) = list.checked_mul(STATUS_SESSIONS) else { return Ok(None) };
    let read = app.database()?.with_connection(|conn| {
        store::statuses(conn, first, first.saturating_add(STATUS_SESSIONS), keep)
    })?;
    let Some(revoked) = read else { return Ok(None) };
    let mut bits = StatusBits::new();
    for (session, goes_on) in revoked {
        bits.revoke(session, goes_on);
    }
    let iat = tokens::now() / super::DATED * super::DATED;
    let list = StatusList {
        sub: status_uri(&app.config().tokens.issuer, list),
        iat,
        exp: iat + super::VALID,
        ttl: TTL,
        status_list: Bits { bits: 1, lst: bits.compressed() },
    };
    let keys = app.keys()?;
    signed(&keys, TYPE, &list).map(Some)
}
