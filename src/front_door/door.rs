//! The door as its owner holds it: starts the event loop's thread, and stops it.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mio::Waker;

use super::event_loop::EventLoop;
use super::lane::{Hooks, Upstreams};
use super::lifecycle::{End, Lifecycle};
use super::listener::{Address, Listener};
use super::settings::Settings;
use super::stopping;
#[cfg(feature = "tls")]
use super::tls;

/// Whether the certificate and the key, where they are configured, load.
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

/// A running door. Dropping it stops it without draining.
#[derive(Debug)]
pub struct Door {
    addresses: Vec<Address>,
    lifecycle: Arc<Lifecycle>,
    waker: Arc<Waker>,
    thread: Mutex<Option<JoinHandle<()>>>,
    #[cfg(feature = "tls")]
    certificates: Option<Arc<tls::Certificates>>,
}

impl Door {
    /// Opens the door. Requests that arrive before the upstreams listen wait as in any queue.
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
        let lifecycle = Arc::new(Lifecycle::default());
        let event_loop =
            EventLoop::new(settings, listeners, upstreams, hooks, Arc::clone(&lifecycle))?;
        #[cfg(feature = "tls")]
        let event_loop = event_loop.with_certificates(certificates.clone());
        let waker = event_loop.waker()?;
        let thread = std::thread::Builder::new()
            .name("front-door".to_owned())
            .spawn(move || stopping::run_to_the_end(event_loop))?;
        Ok(Self {
            addresses,
            lifecycle,
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

    /// Stops: refuses new connections, closes idle ones, answers requests that are queued, running
    /// or half sent, and cuts off the rest at the deadline. When it is called again from elsewhere,
    /// the earlier deadline counts, so a second signal stops at once with `Duration::ZERO`.
    pub fn stop(&self, deadline: Duration) -> End {
        self.lifecycle.ask_to_stop(Instant::now() + deadline);
        // This fails only when the loop is gone, and then the end is known already.
        let _ = self.waker.wake();
        let end = self.lifecycle.wait_for_end();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
        end.unwrap_or_else(|| End::Failed("the event loop ended silently".to_owned()))
    }

    /// Why the door cannot go on, if it cannot: the event loop has died, or tiny_http no longer
    /// accepts private connections. In the second case the open ones still serve, and `stop` drains
    /// as usual. The process should say so and exit non-zero.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.lifecycle.failure()
    }

    /// Waits until the door has ended or must be ended (`failure`), or the timeout has passed.
    #[must_use]
    pub fn wait(&self, timeout: Duration) -> Option<End> {
        self.lifecycle.wait(timeout)
    }

    /// Reads the certificate and the key again, for new connections, and says whether there are
    /// any. The loop does the same by itself when the files change.
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
