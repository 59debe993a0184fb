//! One request on its way: what is kept once the head has been understood.

use std::time::Instant;

use super::canonical::{self, Sender};
use super::chunked::Decoder;
use super::cors::Asked;
use super::framing::{BodyLength, Head};
use super::lane::{Hooks, Lane};
use super::problem::Refusal;
use super::request_line::Version;
use crate::shares::{Network, Ticket};

/// What must be known to forward a request and to relay its reply.
#[derive(Debug)]
pub(super) struct Request {
    /// Canonical bytes; empty while the upstream has them.
    pub(super) bytes: Vec<u8>,
    pub(super) lane: Lane,
    /// The network that it waits and takes up room for.
    pub(super) network: Network,
    /// Its place while it waits.
    pub(super) ticket: Option<Ticket>,
    pub(super) id: String,
    pub(super) version: Version,
    pub(super) keep_alive: bool,
    pub(super) head_request: bool,
    /// Whether it may be sent twice without doing anything twice.
    pub(super) safe: bool,
    pub(super) retried: bool,
    /// When it was complete.
    pub(super) complete: Instant,
    /// Where it comes from, if a browser says so.
    pub(super) asked: Asked,
}

/// A request whose body is still coming.
#[derive(Debug)]
pub(super) struct Receiving {
    request: Request,
    framing: BodyLength,
    body: Vec<u8>,
    decoder: Option<Decoder>,
    pub(super) since: Instant,
}

impl Receiving {
    pub(super) fn new(
        head: &Head<'_>,
        sender: Sender,
        id: String,
        asked: Asked,
        body_limit: usize,
        now: Instant,
    ) -> Self {
        Self {
            request: Request {
                bytes: canonical::begin(head, sender, &id),
                // The lane is decided when the body is there.
                lane: Lane::Hashing,
                network: Network::of(sender.client),
                ticket: None,
                id,
                version: head.version,
                keep_alive: head.keep_alive,
                head_request: head.method == "HEAD",
                safe: canonical::is_safe(head.method),
                retried: false,
                complete: now,
                asked,
            },
            framing: head.body,
            body: Vec::new(),
            decoder: (head.body == BodyLength::Chunked).then(|| Decoder::new(body_limit)),
            since: now,
        }
    }

    /// Whether the client may be holding back a body that is still to come.
    pub(super) fn wants_body(&self) -> bool {
        !matches!(self.framing, BodyLength::None | BodyLength::Known(0))
    }

    /// Takes the body's bytes from the front of the input. True when the body is complete.
    pub(super) fn take(&mut self, input: &mut Vec<u8>) -> Result<bool, Refusal> {
        let (taken, done) = match (&mut self.decoder, self.framing) {
            (Some(decoder), _) => {
                let progress = decoder.feed(input, &mut self.body)?;
                (progress.consumed, progress.done)
            }
            (None, BodyLength::Known(length)) => {
                let taken = input.len().min(length - self.body.len());
                self.body.extend_from_slice(&input[..taken]);
                (taken, self.body.len() == length)
            }
            (None, _) => (0, true),
        };
        input.drain(..taken);
        Ok(done)
    }

    pub(super) fn held(&self) -> usize {
        self.request.bytes.capacity() + self.body.capacity()
    }

    pub(super) fn id(&self) -> &str {
        &self.request.id
    }

    pub(super) fn network(&self) -> Network {
        self.request.network
    }

    pub(super) fn finish(mut self, hooks: &Hooks, now: Instant) -> Request {
        let (method, path) = canonical::method_and_path(&self.request.bytes);
        self.request.lane = (hooks.lane)(method, path, &self.body);
        canonical::finish(&mut self.request.bytes, self.framing, &self.body);
        self.request.complete = now;
        self.request
    }
}
