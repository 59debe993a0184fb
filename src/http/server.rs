//! The worker pool: a fixed number of threads that pull requests from tiny_http.
//!
//! A panic in a handler becomes a 500 and the worker goes on.

use super::{Request, Response};
use crate::error::{Error, Result};
use std::io::Cursor;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What answers requests.
type Router = dyn Fn(&Request) -> Response + Send + Sync;

/// Told, once, why the server can no longer accept requests.
type OnFailure = Box<dyn FnOnce(String) + Send>;

/// A running server.
pub(crate) struct Server {
    shared: Arc<Shared>,
    workers: usize,
    addr: SocketAddr,
    /// Disconnected when the last worker has ended.
    ended: Mutex<Receiver<()>>,
}

struct Shared {
    listener: tiny_http::Server,
    router: Box<Router>,
    max_body: usize,
    stopping: AtomicBool,
    failure: Mutex<Failure>,
}

#[derive(Default)]
struct Failure {
    cause: Option<String>,
    listener: Option<OnFailure>,
}

impl Server {
    /// Listens and starts the workers.
    ///
    /// # Errors
    /// [`Error::Startup`] when the address cannot be had or a thread cannot be started.
    pub(crate) fn start(
        listen: SocketAddr,
        workers: usize,
        max_body: usize,
        router: impl Fn(&Request) -> Response + Send + Sync + 'static,
    ) -> Result<Self> {
        let fault = |e: &dyn std::fmt::Display| {
            Error::startup(format!("server.listen: cannot listen on {listen}: {e}"))
        };
        let listener = tiny_http::Server::http(listen).map_err(|e| fault(&e))?;
        let addr = listener.server_addr().to_ip().ok_or_else(|| fault(&"not an IP address"))?;
        let shared = Arc::new(Shared {
            listener,
            router: Box::new(router),
            max_body,
            stopping: AtomicBool::new(false),
            failure: Mutex::default(),
        });
        let (alive, ended) = channel();
        let mut server = Self { shared, workers: 0, addr, ended: Mutex::new(ended) };
        for number in 0..workers {
            let (shared, life) = (Arc::clone(&server.shared), alive.clone());
            let spawned = std::thread::Builder::new()
                .name(format!("worker-{number}"))
                .spawn(move || shared.work(&life));
            if let Err(error) = spawned {
                drop(alive);
                server.stop(Duration::ZERO);
                return Err(Error::startup(format!("cannot start a worker thread: {error}")));
            }
            server.workers += 1;
        }
        Ok(server)
    }

    /// The address that it listens on, with the port that port 0 became.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Calls `listener` once, from a worker, when no more requests can be accepted.
    pub(crate) fn on_failure(&self, listener: OnFailure) {
        let mut failure = self.shared.failure();
        match failure.cause.clone() {
            Some(cause) => listener(cause),
            None => failure.listener = Some(listener),
        }
    }

    /// Answers what was received, ends the workers and waits for them, at most for `deadline`.
    pub(crate) fn stop(self, deadline: Duration) {
        let end = Instant::now() + deadline;
        self.shared.stopping.store(true, Ordering::SeqCst);
        // A worker that was woken looks once more for requests, and may find the next one's wake-up
        // call instead; hence two for each.
        for _ in 0..2 * self.workers {
            self.shared.listener.unblock();
        }
        let left = end.saturating_duration_since(Instant::now());
        let ended = self.ended.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(left) {
            log::warn!("requests were still running after {} s", deadline.as_secs());
            return;
        }
        // What stood in the queue behind the wake-up calls.
        for _ in 0..=2 * self.workers {
            while let Ok(Some(request)) = self.shared.listener.try_recv() {
                self.shared.answer(request);
            }
        }
    }
}

impl Shared {
    fn failure(&self) -> std::sync::MutexGuard<'_, Failure> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A worker's life. `_alive` is dropped with it.
    fn work(&self, _alive: &Sender<()>) {
        loop {
            let stopping = self.stopping.load(Ordering::SeqCst);
            let received =
                if stopping { self.listener.try_recv() } else { self.listener.recv().map(Some) };
            match received {
                Ok(Some(request)) => self.answer(request),
                Ok(None) => return,
                Err(_) if self.stopping.load(Ordering::SeqCst) => (),
                Err(error) => return self.fail(&error.to_string()),
            }
        }
    }

    /// tiny_http accepts nothing after its first accept error, and does not say so twice.
    fn fail(&self, error: &str) {
        let mut failure = self.failure();
        let cause = format!("no more connections can be accepted: {error}");
        log::error!("{cause}");
        if let Some(listener) = failure.listener.take() {
            listener(cause.clone());
        }
        failure.cause = Some(cause);
    }

    fn answer(&self, mut from: tiny_http::Request) {
        let started = Instant::now();
        let id = format!("{:016x}", rand::random::<u64>());
        let (request, refusal) = Request::read(&mut from, id, self.max_body);
        let response = refusal.unwrap_or_else(|| {
            catch_unwind(AssertUnwindSafe(|| (self.router)(&request))).unwrap_or_else(|_| {
                log::error!("{} a handler panicked", request.id);
                Response::internal(&request.id)
            })
        });
        let status = response.status;
        if let Err(error) = from.respond(convert(response, &request.id)) {
            log::debug!("{} the client left: {error}", request.id);
        }
        log::info!(
            "{} {} {status} {} ms {}",
            printable(&request.method),
            printable(&request.path),
            started.elapsed().as_millis(),
            request.id
        );
    }
}

/// What a client made up, short and on one line.
fn printable(text: &str) -> String {
    text.chars().take(200).flat_map(char::escape_debug).collect()
}

fn convert(response: Response, id: &str) -> tiny_http::Response<Cursor<Vec<u8>>> {
    let request_id = ("X-Request-Id", id.to_owned());
    let fixed = [
        ("Server", "gatepost".to_owned()),
        ("X-Content-Type-Options", "nosniff".to_owned()),
        request_id,
    ];
    let headers = response.headers.into_iter().chain(fixed).filter_map(|(name, value)| {
        tiny_http::Header::from_bytes(name, value)
            .inspect_err(|()| log::error!("{id} a header {name} that HTTP does not allow"))
            .ok()
    });
    let length = response.body.len();
    let body = Cursor::new(response.body);
    tiny_http::Response::new(response.status.into(), headers.collect(), body, Some(length), None)
}
