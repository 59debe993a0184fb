//! Importing users from another service with the hashes of their passwords, and exporting them.
//!
//! Both are for operators, who handle hashes: no caller needs a right, and nothing here is reached
//! over HTTP. Users are read and written as NDJSON, an object a line, a batch at a time, so that
//! memory does not grow with their number.
//!
//! The constraint decides whether a login exists already. So an import that was cut off is simply
//! run again: users that exist as their lines say are skipped, and no existing user is ever
//! changed.

mod batches;
mod export;
mod import;
mod line;
mod store;
mod survey;

pub use batches::{Ids, Importing};
pub use export::{count, export};
pub use import::{ImportEvent, Imported, import};
pub use line::LineFault;
#[cfg(feature = "internals")]
pub(crate) use line::again;
pub use survey::{HashKind, Survey, survey};
