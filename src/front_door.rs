//! The front door: the only part of Gatepost that a client's bytes reach unchecked.
//!
//! One thread with `mio` owns all client sockets, and holds every limit and deadline. tiny_http,
//! which has none, gets complete and canonical requests over a few persistent private Unix sockets
//! (`upstream`), one set for each lane, and its replies are relayed in order. A slow or hostile
//! client costs some bytes in a buffer, never a thread.
//!
//! Top to bottom: `event_loop` waits and calls; `accepting` lets clients in; `connection` is one
//! client (`relaying` and `lateness` are parts of it); `exchange` brings a request to an `upstream`
//! and the reply back; `stopping` ends it all.
//! Beside them stand pure parts: `framing`, `request_line` and `chunked` (where a request ends), `canonical` and
//! `reply` (what is written), `forwarded` (who the client is), `problem` (all own answers).
//!
//! What is bounded here and could belong to whoever takes it first is shared out by the clients'
//! networks (`crate::shares`): the places in the waiting lists, the bytes of half-sent requests, the
//! TLS handshakes. Until a request's head is read, its connection counts for the peer; from then on
//! for the client that a listed proxy names.
//!
//! Limits of the design: HTTP/1.0 and HTTP/1.1 only; request bodies are held whole, so they are
//! small; one thread does the TLS of all clients.

mod accepting;
mod answer;
pub mod canonical;
pub mod chunked;
mod connection;
mod crowd;
mod deadlines;
mod event_loop;
mod exchange;
pub mod forwarded;
pub mod framing;
mod lateness;
mod listener;
mod outgoing;
#[cfg(feature = "tls")]
mod pem_file;
mod problem;
mod quiet;
mod relaying;
mod reply;
mod request;
mod request_line;
mod settings;
mod slots;
mod stopping;
mod stream;
#[cfg(feature = "tls")]
mod tls;
mod upstream;
mod waiting;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mio::Waker;

pub use self::canonical::{CLIENT_FIELD, REQUEST_ID_FIELD};
pub use self::listener::{Address, Listener};
pub use self::problem::{Cause, Problem, Refusal};
pub use self::settings::Settings;
pub use self::stopping::End;
pub use self::upstream::PROBE_TARGET;

use self::event_loop::EventLoop;
use self::stopping::Shared;

/// Which workers answer a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Everything that takes well under a millisecond of CPU.
    Ordinary,
    /// Whatever hashes a password.
    Hashing,
}

/// The private Unix sockets on which one `tiny_http::Server` each listens. Their directory must
/// be closed to other users.
#[derive(Clone, Debug)]
pub struct Upstreams {
    /// For `Lane::Ordinary`.
    pub ordinary: PathBuf,
    /// For `Lane::Hashing`.
    pub hashing: PathBuf,
}

/// What the door asks the layers above it. Both are called in the event loop and must be quick;
/// a panic in them ends the door.
#[derive(Clone, Copy, Debug)]
pub struct Hooks {
    /// The lane of a method, a path (without the query) and a complete body.
    pub lane: fn(method: &str, path: &str, body: &[u8]) -> Lane,
    /// The JSON of a problem document.
    pub problem: fn(&Problem) -> Vec<u8>,
}

/// Whether certificate and key, where they are configured, load.
///
/// # Errors
/// Which file does not, and why.
pub(crate) fn check_tls(settings: &Settings) -> io::Result<()> {
    #[cfg(feature = "tls")]
    settings.tls_files().map(tls::Certificates::load).transpose()?;
    #[cfg(not(feature = "tls"))]
    let _ = settings;
    Ok(())
}

/// A running door. Dropping it stops it the hard way.
#[derive(Debug)]
pub struct Door {
    addresses: Vec<Address>,
    shared: Arc<Shared>,
    waker: Arc<Waker>,
    thread: Mutex<Option<JoinHandle<()>>>,
    #[cfg(feature = "tls")]
    certificates: Option<Arc<tls::Certificates>>,
}

impl Door {
    /// Opens the door. Requests that come before the upstreams listen wait as in any queue.
    ///
    /// # Errors
    /// When the certificate does not load, or the system refuses what an event loop needs.
    pub fn start(
        settings: Settings,
        listeners: Vec<Listener>,
        upstreams: Upstreams,
        hooks: Hooks,
    ) -> io::Result<Self> {
        let addresses = listeners.iter().map(Listener::address).collect::<io::Result<_>>()?;
        #[cfg(not(feature = "tls"))]
        if settings.tls_files().is_some() {
            let text = "this binary was built without TLS";
            return Err(io::Error::new(io::ErrorKind::Unsupported, text));
        }
        #[cfg(feature = "tls")]
        let certificates =
            settings.tls_files().map(tls::Certificates::load).transpose()?.map(Arc::new);
        let shared = Arc::new(Shared::default());
        let event_loop =
            EventLoop::new(settings, listeners, upstreams, hooks, Arc::clone(&shared))?;
        #[cfg(feature = "tls")]
        let event_loop = event_loop.with_certificates(certificates.clone());
        let waker = event_loop.waker()?;
        let thread = std::thread::Builder::new()
            .name("front-door".to_owned())
            .spawn(move || stopping::run_to_the_end(event_loop))?;
        Ok(Self {
            addresses,
            shared,
            waker,
            thread: Mutex::new(Some(thread)),
            #[cfg(feature = "tls")]
            certificates,
        })
    }

    /// The address of the first listener.
    #[must_use]
    pub fn addr(&self) -> Option<&Address> {
        self.addresses.first()
    }

    /// The addresses of all listeners, in the order given.
    #[must_use]
    pub fn addrs(&self) -> &[Address] {
        &self.addresses
    }

    /// Stops: refuses new connections, closes idle ones, answers what is queued, running and half
    /// sent, and cuts off after the deadline. Called again from elsewhere, the earlier deadline
    /// counts, so a second signal stops at once with `Duration::ZERO`.
    pub fn stop(&self, deadline: Duration) -> End {
        self.shared.ask_to_stop(Instant::now() + deadline);
        // Only fails when the loop is gone, and then there is an end already.
        let _ = self.waker.wake();
        let end = self.shared.wait_for_end();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
        end.unwrap_or_else(|| End::Failed("the event loop ended silently".to_owned()))
    }

    /// Why the door cannot go on, if so: the event loop has died, or tiny_http no longer accepts
    /// private connections (then the present ones still serve, and `stop` drains as ever). The
    /// process should say so and exit non-zero.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.shared.failure()
    }

    /// Waits until the door has ended or must be ended (`failure`), but no longer than the
    /// timeout.
    #[must_use]
    pub fn wait(&self, timeout: Duration) -> Option<End> {
        self.shared.wait(timeout)
    }

    /// Reads certificate and key again, for new connections, and says whether there are any. The
    /// loop does the same by itself when the files change.
    ///
    /// # Errors
    /// When the new ones do not load; the old ones stay in force.
    pub fn reload_tls(&self) -> io::Result<bool> {
        #[cfg(feature = "tls")]
        if let Some(certificates) = &self.certificates {
            return certificates.reload().map(|()| true);
        }
        Ok(false)
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        let _ = self.stop(Duration::ZERO);
    }
}
