//! Bytes on their way to a client, and since when it has taken none of them.

use std::io::{self, Write};
use std::time::Instant;

use super::nonblocking::is_not_now;
use super::stream::Stream;

/// What is left to write.
#[derive(Debug)]
pub(super) struct Outgoing {
    bytes: Vec<u8>,
    written: usize,
    /// Whether the stream itself may hold something back (TLS records).
    unflushed: bool,
    progress: Instant,
}

impl Outgoing {
    pub(super) const fn new(now: Instant) -> Self {
        Self { bytes: Vec::new(), written: 0, unflushed: false, progress: now }
    }

    /// The buffer to append to.
    pub(super) fn buffer(&mut self, now: Instant) -> &mut Vec<u8> {
        if self.len() == 0 {
            self.progress = now;
        }
        // Moved to the front now and then, so the buffer does not grow with the reply.
        if self.written > 0 && self.written >= self.bytes.len() / 2 {
            self.bytes.drain(..self.written);
            self.written = 0;
        }
        &mut self.bytes
    }

    pub(super) fn push(&mut self, bytes: &[u8], now: Instant) {
        self.buffer(now).extend_from_slice(bytes);
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.written
    }

    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Since when the client has taken nothing although something is left.
    pub(super) fn stuck_since(&self) -> Option<Instant> {
        (self.len() > 0 || self.unflushed).then_some(self.progress)
    }

    /// Writes as much as the client takes. True when nothing is left.
    pub(super) fn write_to(&mut self, stream: &mut Stream, now: Instant) -> io::Result<bool> {
        while self.len() > 0 {
            match stream.write(&self.bytes[self.written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.written += count;
                    self.unflushed = true;
                    self.progress = now;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_not_now(&error) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        if self.unflushed {
            match stream.flush() {
                Ok(()) => self.unflushed = false,
                Err(error) if is_not_now(&error) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}
