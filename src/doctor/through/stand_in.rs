//! What stands in for the program behind a proxy, and notes what reaches it.

use crate::error::{Error, Result};
use crate::threads;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often it looks for a request, and whether it is to end.
const PAUSE: Duration = Duration::from_millis(5);

/// How long a request may take to arrive.
const PATIENCE: Duration = Duration::from_secs(5);

/// Most bytes of a request's head.
const HEAD_BYTES: usize = 64 * 1024;

/// Most requests that are kept: more than are sent, since others may come.
const MOST: usize = 1_000;

/// Stands in until it is dropped.
pub(super) struct StandIn {
    seen: Arc<Mutex<Vec<String>>>,
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl StandIn {
    /// Takes the place of the program at this address.
    ///
    /// # Errors
    /// When the address is taken, or there can be no thread.
    pub(super) fn start(address: SocketAddr) -> Result<Self> {
        let fault = |e: io::Error| Error::startup(format!("cannot listen on {address}: {e}"));
        let listener = TcpListener::bind(address).map_err(fault)?;
        listener.set_nonblocking(true).map_err(fault)?;
        let (seen, ending) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (noted, end) = (Arc::clone(&seen), Arc::clone(&ending));
        let thread = threads::start("stand-in", move || {
            while !end.load(Ordering::SeqCst) {
                match listener.accept() {
                    Ok((stream, _)) => note(stream, &noted),
                    Err(_) => std::thread::sleep(PAUSE),
                }
            }
        })?;
        Ok(Self { seen, ending, thread: Some(thread) })
    }

    /// The head of the request that holds this text, in lower case.
    pub(super) fn seen(&self, text: &str) -> Option<String> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter().find(|head| head.contains(text)).cloned()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// Notes a request before it is answered. One that does not come, or not whole, is none.
fn note(mut stream: TcpStream, noted: &Mutex<Vec<String>>) {
    let read = || -> io::Result<String> {
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut head = Vec::new();
        let mut piece = [0; 4096];
        while head.len() < HEAD_BYTES && !head.windows(4).any(|four| four == b"\r\n\r\n") {
            match stream.read(&mut piece)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => head.extend_from_slice(&piece[..count]),
            }
        }
        Ok(String::from_utf8_lossy(&head).to_lowercase())
    };
    let mut read = read;
    let Ok(head) = read() else { return };
    let mut noted = noted.lock().unwrap_or_else(PoisonError::into_inner);
    if noted.len() < MOST {
        noted.push(head);
    }
    drop(noted);
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    // Whoever has gone has got no answer, and what it asked is noted.
    drop(stream.write_all(answer.as_bytes()));
}
