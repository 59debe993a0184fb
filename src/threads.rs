//! Threads with a name, and the one error when the system grants none.

use crate::error::{Error, Result};
use std::thread::{Builder, JoinHandle};

/// Starts a thread. Its name is seen in the system's list of threads, which shows 15 bytes of it.
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
