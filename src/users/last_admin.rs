//! The last admin: nobody who shows a token can leave the service without an admin who can act.
//!
//! A change that takes an admin away first locks the rows of all admins, of the caller and of the
//! user, in one statement and in the order of their ids. So of two such changes the second sees
//! what the first has left, and they do not deadlock. An expiry in the future is judged at that
//! time: someone else must be an active admin then.
//!
//! [`Caller::Trusted`] is not bound: the command line, an embedding program and open mode can make
//! another admin whenever they like.

use super::admins::{self, Admin};
use super::types::User;
use crate::access::Caller;
use crate::db::Transaction;
use crate::domain::UserId;
use crate::error::{Error, Result};
use time::OffsetDateTime;

impl Admin {
    fn is_active_at(&self, time: OffsetDateTime) -> bool {
        !self.locked && self.expires_at.is_none_or(|end| end > time)
    }
}

/// What is known of the admins until the transaction ends.
pub(super) enum Admins {
    /// The caller is not bound.
    NotAsked,
    /// The user is not an admin, so nothing was locked.
    NotAmongThem,
    /// All of them, whose rows are held, and the time.
    Held(Vec<Admin>, OffsetDateTime),
}

impl Admins {
    /// Locks their rows if the user is one of them.
    ///
    /// # Errors
    /// Database errors.
    pub(super) fn lock_for(tx: &mut Transaction<'_>, caller: &Caller, id: UserId) -> Result<Self> {
        // No key may change an admin, and a key's own row must be locked before any user's.
        let Caller::Bearer(claims) = caller else { return Ok(Self::NotAsked) };
        // An ordinary user's deletion must not wait for the admins, nor they for it.
        if !admins::is_admin(tx, id)? {
            return Ok(Self::NotAmongThem);
        }
        let (admins, now) = admins::lock_admins(tx, &[claims.user_id, id.get()])?;
        Ok(Self::Held(admins, now))
    }

    /// Checks that a user may cease to be an active admin, from this time on or from now.
    ///
    /// # Errors
    /// [`Error::LastAdmin`].
    pub(super) fn can_spare(&self, id: UserId, from: Option<OffsetDateTime>) -> Result<()> {
        match self {
            Self::Held(admins, now) if leaves_none(admins, id, from.unwrap_or(*now).max(*now)) => {
                Err(Error::LastAdmin)
            }
            _ => Ok(()),
        }
    }

    /// Compares this with the row that was changed.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the user was made an admin between our look and our lock. The
    /// transaction is then run again.
    pub(super) fn knew(&self, user: &User) -> Result<()> {
        match self {
            Self::NotAmongThem if user.admin => {
                Err(Error::Conflict("the user has just been made an admin".to_owned()))
            }
            _ => Ok(()),
        }
    }
}

/// Whether this user is the only active admin at this time.
fn leaves_none(admins: &[Admin], id: UserId, time: OffsetDateTime) -> bool {
    let mut active = admins.iter().filter(|admin| admin.is_active_at(time));
    active.next().is_some_and(|first| first.id == id) && active.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn only_who_is_the_last_at_that_time_cannot_be_spared() {
        let at = |seconds| OffsetDateTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let admin = |id, locked, end: Option<u64>| Admin {
            id: UserId::stored(id),
            locked,
            expires_at: end.map(at),
        };
        let admins = [admin(1, false, Some(100)), admin(2, true, None), admin(3, false, Some(200))];
        let none = |id, time| leaves_none(&admins, UserId::stored(id), at(time));
        // Two are active at 99, the third alone from 100 on, nobody from 200 on.
        assert!(!none(1, 99) && !none(3, 99));
        assert!(!none(1, 100) && none(3, 100) && none(3, 199));
        assert!(!none(3, 200) && !none(2, 0));
        assert!(!none(4, 150), "no admin at all");
        assert!(!leaves_none(&[], UserId::stored(1), at(0)));
    }
}
