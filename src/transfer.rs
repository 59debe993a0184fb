//! Coming and going: users from another service with the hashes of their passwords, and back out.
//!
//! Both are for operators, who have hashes in hand: no caller is asked for a right, and nothing
//! here is reached over HTTP. Users are taken and written as NDJSON, an object a line, a batch at a
//! time, so that memory does not grow with their number.
//!
//! Whether a login is there already is for the constraint to say. So an import that was cut off is
//! simply run again: what is there as its line says is passed over, and nothing that is there is
//! ever changed.

mod export;
mod import;
mod line;
mod store;
mod survey;

pub use export::export;
pub use import::{ImportEvent, Imported, import};
pub use line::LineFault;
#[cfg(feature = "internals")]
pub(crate) use line::again;
pub use survey::{HashKind, Survey, survey};
