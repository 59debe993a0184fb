//! `GET /metrics`: what the process counts about itself, for Prometheus, on an address of its own
//! (`metrics.listen`).
//!
//! One thread answers one client after another, each within two seconds, so nothing piles up. The
//! numbers are in `metrics`; a scrape reads them and asks the database at most every 15 seconds.

mod families;
mod process;
mod request;

use crate::app::App;
use crate::error::{Error, Result};
use crate::threads;
use families::Families;
use prometheus_client::registry::Registry;
use request::Asked;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long one client may take. Prometheus is on the same network and gives up after 10 s.
const PATIENCE: Duration = Duration::from_secs(2);

/// The text format of OpenMetrics 1.0.
const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The thread. Dropping this ends it.
pub(crate) struct Monitoring {
    address: SocketAddr,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Monitoring {
    /// Starts it, if it is wanted.
    ///
    /// # Errors
    /// [`Error::Startup`] when the address is taken, or the thread cannot be started.
    pub(crate) fn start(app: &Arc<App>) -> Result<Option<Self>> {
        let Some(listen) = app.config().metrics.listen else { return Ok(None) };
        let fault = |e| Error::startup(format!("metrics.listen: cannot listen on {listen}: {e}"));
        let listener = TcpListener::bind(listen).map_err(fault)?;
        let address = listener.local_addr().map_err(fault)?;
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Families::new(Arc::clone(app))));
        let stopping = Arc::new(AtomicBool::new(false));
        let asked_to_stop = Arc::clone(&stopping);
        let thread = threads::start("metrics", move || {
            for client in listener.incoming() {
                if asked_to_stop.load(Ordering::SeqCst) {
                    return;
                }
                // A client that left is no concern of ours, and neither is a lack of descriptors
                // that passes.
                match client {
                    Ok(client) => drop(answer(client, &registry)),
                    Err(_) => std::thread::sleep(Duration::from_millis(100)),
                }
            }
        })?;
        log::info!("metrics on http://{address}/metrics");
        Ok(Some(Self { address, stopping, thread: Some(thread) }))
    }
}

impl Drop for Monitoring {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        // Wakes the thread.
        drop(TcpStream::connect_timeout(&self.address, PATIENCE));
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            log::error!("the thread of the metrics panicked");
        }
    }
}

fn answer(mut client: TcpStream, registry: &Registry) -> std::io::Result<()> {
    client.set_write_timeout(Some(PATIENCE))?;
    let asked = request::read(&mut client, Instant::now() + PATIENCE)?;
    let (status, more, body) = match asked {
        Asked::Metrics | Asked::HeadOfMetrics => {
            let mut text = String::new();
            let encoded = prometheus_client::encoding::text::encode(&mut text, registry);
            encoded.map_err(std::io::Error::other)?;
            ("200 OK", format!("Content-Type: {MEDIA_TYPE}\r\n"), text)
        }
        Asked::AnotherMethod => {
            ("405 Method Not Allowed", "Allow: GET, HEAD\r\n".into(), String::new())
        }
        Asked::AnotherPath => ("404 Not Found", String::new(), String::new()),
        Asked::Nonsense => ("400 Bad Request", String::new(), String::new()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\n{more}Content-Length: {}\r\nCache-Control: no-store\r\n\
         X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
        body.len()
    );
    client.write_all(head.as_bytes())?;
    if asked == Asked::Metrics { client.write_all(body.as_bytes()) } else { Ok(()) }
}
