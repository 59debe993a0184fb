//! The worker pools: threads that pull requests from tiny_http.
//!
//! There are two, one for each lane, each on a tiny_http server of its own behind a private Unix
//! socket. Only the front door connects there, so what arrives is complete, canonical and bounded.
//! A panic in a handler becomes a 500 and the worker goes on.
//!
//! The ordinary pool has a fixed number of threads. Those of the hashing pool do little but wait for
//! their hash, and a processor may compute many at once. So that pool begins with a few, starts one
//! more when the last idle one takes a request, and lets go of those that had none for some seconds.

use super::private_dir::PrivateDir;
use super::{Request, Response};
use crate::error::{Error, Result};
use crate::front_door::{PROBE_TARGET, REQUEST_ID_FIELD, Upstreams};
use crate::metrics;
use crate::modes;
use crate::printable;
use crate::threads;
use std::io::{self, Cursor};
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a pool that is dropped waits for its threads. Then it has not served yet, or its owner
/// has panicked.
const DROPPED: Duration = Duration::from_secs(5);

/// Threads of the hashing pool that are always there.
const LEAST: usize = 2;

/// How long a thread beyond those waits for a request: much longer than the pauses in steady traffic.
const LINGER: Duration = Duration::from_secs(10);

/// Answers requests.
type Router = dyn Fn(&Request) -> Response + Send + Sync;

/// Called with the reason when no more requests can be received.
type OnFailure = dyn Fn(String) + Send + Sync;

/// The running pools.
pub(crate) struct Server {
    ordinary: Pool,
    hashing: Pool,
    /// Removed after the pools, whose sockets are in it.
    _directory: PrivateDir,
}

impl Server {
    /// Starts both pools: this many workers, and at most so many that wait for hashes. With `log_requests` each request that is answered has a line in the log.
    ///
    /// # Errors
    /// [`Error::Startup`] when a private socket cannot be made or a thread cannot be started.
    pub(crate) fn start(
        workers: usize,
        hashing_workers: usize,
        log_requests: bool,
        router: impl Fn(&Request) -> Response + Send + Sync + 'static,
        on_failure: impl Fn(String) + Send + Sync + 'static,
    ) -> Result<Self> {
        let fault = |e| Error::startup(format!("cannot make a directory for sockets: {e}"));
        let directory = PrivateDir::new().map_err(fault)?;
        let router: Arc<Router> = Arc::new(router);
        let on_failure: Arc<OnFailure> = Arc::new(on_failure);
        let pool = |name, threads| {
            let path = directory.path().join(name);
            let (router, on_failure) = (Arc::clone(&router), Arc::clone(&on_failure));
            Pool::start(&path, name, threads, log_requests, router, on_failure)
        };
        Ok(Self {
            ordinary: pool("worker", workers..=workers)?,
            hashing: pool("hashing", LEAST.min(hashing_workers)..=hashing_workers)?,
            _directory: directory,
        })
    }

    /// Where the front door connects.
    pub(crate) fn upstreams(&self) -> Upstreams {
        Upstreams { ordinary: self.ordinary.path.clone(), hashing: self.hashing.path.clone() }
    }

    /// Answers the requests that were received, ends the threads and waits for them, at most for
    /// `deadline`. Dropping the server does so too, but waits only a moment.
    pub(crate) fn stop(self, deadline: Duration) {
        let end = Instant::now() + deadline;
        self.ordinary.stop(end);
        self.hashing.stop(end);
    }
}

/// The threads of one lane.
struct Pool {
    shared: Arc<Shared>,
    path: PathBuf,
    /// Disconnected when the last thread has ended.
    ended: Mutex<Receiver<()>>,
}

struct Shared {
    listener: tiny_http::Server,
    name: &'static str,
    /// The least threads and the most.
    bounds: RangeInclusive<usize>,
    threads: AtomicUsize,
    /// Those that wait for a request.
    idle: AtomicUsize,
    log_requests: bool,
    router: Arc<Router>,
    on_failure: Arc<OnFailure>,
    stopping: AtomicBool,
}

impl Pool {
    fn start(
        path: &Path,
        name: &'static str,
        bounds: RangeInclusive<usize>,
        log_requests: bool,
        router: Arc<Router>,
        on_failure: Arc<OnFailure>,
    ) -> Result<Self> {
        let fault = |e: &dyn std::fmt::Display| {
            Error::startup(format!("cannot listen on the private socket {}: {e}", path.display()))
        };
        let listener = tiny_http::Server::http_unix(path).map_err(|e| fault(&e))?;
        let stopping = AtomicBool::new(false);
        let (threads, idle) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let least = *bounds.start();
        let shared = Shared {
            listener,
            name,
            bounds,
            threads,
            idle,
            log_requests,
            router,
            on_failure,
            stopping,
        };
        let (alive, ended) = channel();
        modes::set(path, 0o600).map_err(|e| fault(&e))?;
        let pool =
            Self { shared: Arc::new(shared), path: path.to_owned(), ended: Mutex::new(ended) };
        for _ in 0..least {
            if let Err(error) = start_thread(&pool.shared, &alive) {
                // The pool, which is dropped here, waits until every sender is gone.
                drop(alive);
                return Err(error);
            }
        }
        Ok(pool)
    }

    fn stop(&self, end: Instant) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // A thread that was woken looks for requests once more, and may take the next thread's
        // wake-up call instead. Hence two for each.
        for _ in 0..2 * self.shared.bounds.end() {
            self.shared.listener.unblock();
        }
        let left = end.saturating_duration_since(Instant::now());
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(left) {
            log::warn!("requests were still running at the deadline of the stop");
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if !self.shared.stopping.load(Ordering::SeqCst) {
            self.stop(Instant::now() + DROPPED);
        }
    }
}

/// Starts one more thread, unless there are as many as may be. It holds a sender as long as it lives.
fn start_thread(shared: &Arc<Shared>, alive: &Sender<()>) -> Result<()> {
    let more = |threads: usize| (threads < *shared.bounds.end()).then(|| threads + 1);
    let counted = shared.threads.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more);
    let Ok(number) = counted else { return Ok(()) };
    // Counted as idle before it runs, so that others do not start one for the same need.
    shared.idle.fetch_add(1, Ordering::SeqCst);
    let (its, life) = (Arc::clone(shared), alive.clone());
    let started = threads::start(format!("{}-{number}", shared.name), move || work(&its, &life));
    if started.is_err() {
        shared.threads.fetch_sub(1, Ordering::SeqCst);
        shared.idle.fetch_sub(1, Ordering::SeqCst);
    }
    started.map(drop)
}

/// A thread's life. It begins as an idle one.
fn work(shared: &Arc<Shared>, alive: &Sender<()>) {
    while let Some(request) = shared.next() {
        let others = shared.idle.fetch_sub(1, Ordering::SeqCst) - 1;
        // Where the system refuses, those that there are go on.
        if others == 0
            && let Err(error) = start_thread(shared, alive)
        {
            log::debug!("{error}");
        }
        // The handler's panic is a 500 already; this catches any other, such as a logger's.
        drop(catch_unwind(AssertUnwindSafe(|| shared.answer(request))));
        shared.idle.fetch_add(1, Ordering::SeqCst);
    }
    shared.idle.fetch_sub(1, Ordering::SeqCst);
}

impl Shared {
    /// The next request. `None` is the end of this thread, which is no longer counted then.
    fn next(&self) -> Option<tiny_http::Request> {
        loop {
            let stopping = self.stopping.load(Ordering::SeqCst);
            let may_go = self.threads.load(Ordering::SeqCst) > *self.bounds.start();
            let received = if stopping {
                self.listener.try_recv()
            } else if may_go {
                self.wait()
            } else {
                self.listener.recv().map(Some)
            };
            match received {
                Ok(Some(request)) => return Some(request),
                Ok(None) if stopping || self.may_end() => return None,
                Ok(None) => (),
                Err(_) if self.stopping.load(Ordering::SeqCst) => (),
                // tiny_http accepts nothing after its first accept error, and reports it once.
                Err(error) => {
                    (self.on_failure)(format!(
                        "the private server accepts no more connections: {error}"
                    ));
                    return None;
                }
            }
        }
    }

    /// Waits for a request, but not for ever.
    fn wait(&self) -> io::Result<Option<tiny_http::Request>> {
        match self.listener.recv_timeout(LINGER)? {
            // When it is woken in its last millisecond, it does not look for what it was woken for.
            None => self.listener.try_recv(),
            request => Ok(request),
        }
    }

    /// Counts this thread as ended, unless it is one of the least.
    fn may_end(&self) -> bool {
        let fewer = |threads: usize| (threads > *self.bounds.start()).then(|| threads - 1);
        self.threads.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fewer).is_ok()
    }

    fn answer(&self, mut from: tiny_http::Request) {
        if is_probe(&from) {
            return send(from, tiny_http::Response::empty(204), "probe");
        }
        let started = Instant::now();
        let (request, refusal) = Request::read(&mut from);
        let response = refusal.unwrap_or_else(|| {
            catch_unwind(AssertUnwindSafe(|| (self.router)(&request))).unwrap_or_else(|_| {
                let id = request.id.as_str();
                log::error!(request_id = id; "{id} a handler panicked");
                Response::internal(&request.id)
            })
        });
        let (status, level, route) = (response.status, response.level, response.route);
        send(from, convert(response, &request.id), &request.id);
        let took = started.elapsed();
        metrics::HTTP_REQUESTS.count(route, &request.method, status);
        metrics::HTTP_DURATIONS[usize::from(route)].observe(took);
        if self.log_requests {
            log_line(&request, status, level, took);
        }
    }
}

/// The line of a request: a text for people, and the same as fields for programs. Their names are
/// frozen. The query is in neither, and so is nothing that a client sends as a parameter.
fn log_line(request: &Request, status: u16, level: log::Level, took: Duration) {
    let (method, path) = (short(&request.method), short(&request.path));
    let (id, client) = (request.id.as_str(), request.client.as_str());
    let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let trace_id = request.trace_id.as_deref();
    let trace = trace_id.map(|id| format!(" trace_id={id}")).unwrap_or_default();
    log::log!(
        level,
        request_id = id, method = method, path = path, status = status, ms = ms, client = client,
        trace_id = trace_id.unwrap_or_default();
        "{method} {path} {status} {ms} ms {id} {client}{trace}"
    );
}

/// Whether the front door itself asks: a client's request has an id.
fn is_probe(request: &tiny_http::Request) -> bool {
    let has_id = request.headers().iter().any(|header| header.field.equiv(REQUEST_ID_FIELD));
    request.url() == PROBE_TARGET && !has_id
}

fn send<R: io::Read>(to: tiny_http::Request, response: tiny_http::Response<R>, id: &str) {
    if let Err(error) = to.respond(response) {
        log::debug!("{id} the front door left: {error}");
    }
}

/// Text that a client made up, made short and put on one line.
fn short(text: &str) -> String {
    let end = text.char_indices().nth(200).map_or(text.len(), |(at, _)| at);
    printable::line(&text[..end]).into_owned()
}

fn convert(response: Response, id: &str) -> tiny_http::Response<Cursor<Vec<u8>>> {
    let named = [("Server", "gatepost".to_owned()), ("X-Request-Id", id.to_owned())];
    let all = response.headers.into_iter().chain(named);
    let headers = all.filter_map(|(name, value)| {
        tiny_http::Header::from_bytes(name, value)
            .inspect_err(|()| log::error!("{id} a header {name} that HTTP does not allow"))
            .ok()
    });
    let length = response.body.len();
    let body = Cursor::new(response.body);
    let headers = headers.collect();
    tiny_http::Response::new(response.status.into(), headers, body, Some(length), None)
        // The length is known, and the answer to HEAD gives it too.
        .with_chunked_threshold(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_panic_is_a_500_and_the_only_worker_goes_on() {
        let router = |request: &Request| {
            assert!(request.path != "/panic", "asked to");
            Response::json(200, &"well")
        };
        let server = Server::start(1, 1, true, router, |_| ()).unwrap();
        for (path, status) in [("/panic", "500"), ("/", "200"), ("/panic", "500"), ("/", "200")] {
            let mut stream = UnixStream::connect(server.upstreams().ordinary).unwrap();
            let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {answer}");
        }
        server.stop(Duration::from_secs(10));
    }
}
