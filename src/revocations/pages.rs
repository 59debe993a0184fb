//! Making the parts of the list that are handed out. `app::board` decides when, and how many.

use super::{Cursor, MOST, read, store};
use crate::app::App;
use crate::app::board::Part;
use crate::error::Result;
use crate::sessions;
use crate::tokens::Keys;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Instant;

/// Says in the JWT's header what it is (RFC 8725, 3.11), so that nobody takes it for a token.
const TYPE: &str = "revocations+jwt";

/// How many steps a survey takes at once. A service whose first survey finds a long list needs
/// many.
const STEPS: usize = 64;

/// The part of the list that answers a position.
///
/// # Errors
/// [`Error::TooManyAttempts`](crate::Error::TooManyAttempts); database errors.
pub(super) fn part(app: &App, from: Cursor) -> Result<Arc<Part>> {
    let keys = app.keys()?;
    app.board().part(from.into(), keys.signer()?.kid(), || make(app, from))
}

fn make(app: &App, from: Cursor) -> Result<Arc<Part>> {
    survey(app)?;
    let board = app.board();
    let keys = app.keys()?;
    if let Some(part) = board.fresh(from.into(), keys.signer()?.kid()) {
        return Ok(part);
    }
    let (start, end) = board.bounds(from.into());
    board.admit(start)?;
    let begun = Instant::now();
    let (list, end) = read(app, start.into(), end.map(Cursor::from))?;
    if let Some(end) = end {
        board.divide(end.into());
    }
    let part = Arc::new(signed(&keys, TYPE, &list)?);
    board.keep(start, begun, &part);
    Ok(part)
}

/// A list of this type, signed.
///
/// # Errors
/// [`Error::Internal`](crate::Error::Internal) when it cannot be signed, which would be a bug.
pub(super) fn signed(keys: &Keys, typ: &str, list: &impl Serialize) -> Result<Part> {
    // Weak, and over what is signed, since not every algorithm signs the same content the same way
    // twice.
    let hash = Sha256::digest(serde_json::to_vec(list).unwrap_or_default());
    Ok(Part {
        body: keys.sign(typ, list)?,
        etag: format!("W/\"{}\"", URL_SAFE_NO_PAD.encode(&hash[..16])),
        kid: keys.signer()?.kid().to_owned(),
    })
}

/// Finds out where the last entries are.
fn survey(app: &App) -> Result<()> {
    let board = app.board();
    let keep = sessions::tokens_linger(app);
    let mut from = board.survey_is_due();
    for _ in 0..STEPS {
        let Some(start) = from else { break };
        let most = MOST + 1;
        let read = |conn: &mut _| store::positions(conn, start.into(), keep, most);
        let (entries, oldest) = app.database()?.with_connection(|conn| read(conn))?;
        let entries = entries.into_iter().map(Cursor::into).collect();
        from = board.survey(entries, MOST, oldest);
    }
    Ok(())
}
