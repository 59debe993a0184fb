//! Backing up the private PostgreSQL, and restoring it.
//!
//! A backup is a file of PostgreSQL's own, with a checksum. It is restored into a new cluster beside the
//! one in use, which takes its place when all is well. [`rehearse`] does the same and throws the new
//! cluster away.
//!
//! These are for operators: no caller needs a right, and nothing here is reached over HTTP. A database that
//! `database.url` names is backed up by its own server's ways.

mod archive;
mod new_file;
mod restoring;
mod saving;

pub use restoring::{Content, Restored, rehearse, restore};
pub use saving::{Saved, save, save_to};
