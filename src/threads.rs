//! Named threads, and the one error when the system refuses one.

use crate::error::{Error, Result};
use std::thread::{Builder, JoinHandle};

/// Starts a thread. The system's list of threads shows the first 15 bytes of its name.
///
/// # Errors
/// [`Error::Startup`] when the system refuses.
pub(crate) fn start<T: Send + 'static>(
    name: impl Into<String>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>> {
    let started = Builder::new().name(name.into()).spawn(work);
    started.map_err(|e| Error::startup(format!("cannot start a thread: {e}")))
}
