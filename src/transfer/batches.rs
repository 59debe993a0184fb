//! Reading a source of users: line by line, a batch at a time, and what becomes of its ids.

use super::line::{IncomingUser, LineFault};
use crate::app::App;
use crate::error::{Error, Result};
use crate::lines::Lines;
use std::io::BufRead;

/// Users inserted with one statement: enough for the statement's cost not to matter, and far from
/// the five seconds that a statement may take.
pub(super) const BATCH: usize = 1_000;

/// The longest line, in bytes. A user with all that one can have takes some 30 KiB, with every
/// character escaped that may be.
const MAX_LINE: usize = 64 * 1024;

/// What becomes of the ids in a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ids {
    /// They stay what they are, and so does `sub` in tokens. This is for a source that has ids on
    /// all lines, in ascending order, as an export has, and for a Gatepost without users.
    Kept,
    /// Users get new ones, in the order of the lines.
    Renumbered,
}

/// How users are imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Importing {
    /// What becomes of their ids.
    pub ids: Ids,
    /// Whether users without a hash are invited to set a password, if they have an address.
    pub invite: bool,
}

impl Importing {
    /// The same, with users who have no hash invited.
    #[must_use]
    pub fn inviting(self) -> Self {
        Self { invite: true, ..self }
    }
}

impl From<Ids> for Importing {
    fn from(ids: Ids) -> Self {
        Self { ids, invite: false }
    }
}

/// A part of the source.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) lines: u64,
    pub(super) users: Vec<IncomingUser>,
    pub(super) faults: Vec<LineFault>,
}

/// The source, a batch at a time.
pub(super) struct Batches<'a, R> {
    app: &'a App,
    lines: Lines<R>,
    importing: Importing,
    /// Whether lines have ids, once the first of them has said so, and the last id.
    with_ids: Option<bool>,
    last: i64,
}

impl<'a, R: BufRead> Batches<'a, R> {
    /// # Errors
    /// [`Error::File`] when the source cannot be read.
    pub(super) fn new(app: &'a App, source: R, importing: Importing) -> Result<Self> {
        let lines = Lines::new(source, MAX_LINE).map_err(unreadable)?;
        Ok(Self { app, lines, importing, with_ids: None, last: 0 })
    }

    /// Whether the ids of the source are kept, which is known from the first user on.
    pub(super) fn has_ids(&self) -> bool {
        self.with_ids == Some(true)
    }

    /// The greatest id so far; 0 if there is none.
    pub(super) fn greatest_id(&self) -> i64 {
        self.last
    }

    /// The next batch; `None` at the end.
    ///
    /// # Errors
    /// [`Error::File`] when the source cannot be read.
    pub(super) fn next(&mut self) -> Result<Option<Batch>> {
        let mut batch = Batch::default();
        while batch.lines < BATCH as u64 {
            let Some((number, text)) = self.lines.next().map_err(unreadable)? else { break };
            if text.is_some_and(is_blank) {
                continue;
            }
            batch.lines += 1;
            let app = self.app;
            let nobody = self.importing.invite.then(|| app.nobody());
            let user = IncomingUser::parse(number, text, nobody, |hash| app.can_verify(hash));
            match user.and_then(|user| self.check_id(user)) {
                Ok(user) => batch.users.push(user),
                Err(fault) => batch.faults.push(fault),
            }
        }
        Ok((batch.lines > 0).then_some(batch))
    }

    /// Ascending ids are unique, which nobody needs to remember them for.
    fn check_id(&mut self, user: IncomingUser) -> std::result::Result<IncomingUser, LineFault> {
        if self.importing.ids == Ids::Renumbered {
            return Ok(IncomingUser { id: None, ..user });
        }
        match (user.id, *self.with_ids.get_or_insert(user.id.is_some())) {
            (None, true) => Err(user.fault("id: is missing, and the lines before have one")),
            (Some(_), false) => Err(user.fault("id: the lines before have none")),
            (Some(id), true) if id <= self.last => {
                Err(user.fault(format!("id: must be greater than {}, the one before", self.last)))
            }
            (id, _) => {
                self.last = id.unwrap_or_default();
                Ok(user)
            }
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
fn unreadable(error: std::io::Error) -> Error {
    Error::File(format!("cannot be read: {error}"))
}

fn is_blank(line: &[u8]) -> bool {
    std::str::from_utf8(line).is_ok_and(|text| text.trim().is_empty())
}
