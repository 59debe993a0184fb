//! One client: a state machine that reads a request, waits for its reply, and reads the next.
//!
//! It knows its socket and its own buffers. Anything that concerns others (private connections,
//! waiting lists, limits on all) it returns as a `Step` for the event loop. While a request is on
//! its way nothing is read, so a client that sends without reading fills its own socket, not our
//! memory.

use std::io::{self, Read};
use std::net::IpAddr;
use std::time::Instant;

use mio::Token;

use super::answer::{self, Recipient, RequestIds};
use super::connection_limits::Place;
use super::cors::{self, Asked};
use super::framing::Limits;
use super::lane::Hooks;
use super::nonblocking::{Handshake, is_not_now};
use super::outgoing::Outgoing;
use super::problem::Refusal;
use super::reply::Coding;
use super::request::{Receiving, Request};
use super::settings::Settings;
use super::stream::Stream;
use crate::metrics;
use crate::shares::Network;

/// Reads in a row before other clients have their turn.
const READS_IN_A_ROW: usize = 8;

/// The state of a client.
#[derive(Debug)]
pub(super) enum State {
    /// In the TLS handshake.
    Handshaking,
    /// Nothing of the next request has come.
    Idle,
    /// Part of a head has come.
    Head,
    /// The head is complete, the body is not.
    Body(Box<Receiving>),
    /// Complete, and not yet given to an upstream.
    Waiting(Box<Request>),
    /// There is no place to wait for it, which is said a moment later.
    Refused(Box<Request>),
    /// Given to an upstream, which has not finished its reply.
    Exchange(Box<Exchange>),
    /// The answer is complete but not all written. Afterwards the connection goes on or closes.
    Flushing { keep_alive: bool },
    /// Everything is written. What still arrives is thrown away for a while (RFC 9112, section
    /// 9.6).
    Lingering { discarded: usize },
}

/// A request that an upstream has.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) request: Request,
    pub(super) upstream: Token,
    /// How the body is written and whether the connection stays open, once the reply's head is
    /// there.
    pub(super) begun: Option<(Coding, bool)>,
    /// Since when the reply has waited for room.
    pub(super) held_since: Option<Instant>,
}

/// What the event loop has to do next for a client.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing, until the socket is ready or a deadline passes.
    Blocked,
    /// Go on after others have had their turn.
    Again,
    /// A request is complete (`State::Waiting`).
    Submit,
    /// There is room again for the reply.
    Resume,
    Close,
}

/// What a connection needs from outside for one turn.
pub(super) struct Context<'a> {
    pub(super) settings: &'a Settings,
    pub(super) limits: Limits,
    pub(super) hooks: &'a Hooks,
    pub(super) ids: &'a mut RequestIds,
    pub(super) scratch: &'a mut [u8],
    pub(super) now: Instant,
    pub(super) draining: bool,
    /// When a request last began or ended.
    pub(super) last_request: &'a mut Instant,
    /// Whether a forwarding peer that is not listed has been logged.
    pub(super) said_unlisted: &'a mut bool,
}

/// One client.
pub(super) struct Connection {
    pub(super) stream: Stream,
    pub(super) peer: IpAddr,
    of_peer: Network,
    /// The network it takes up room for: the peer's, or from the head of a request to the end of
    /// its reply that of the client named there.
    pub(super) network: Network,
    pub(super) place: Place,
    pub(super) state: State,
    /// When the state began.
    pub(super) since: Instant,
    /// The entry that `deadlines` holds for it.
    pub(super) deadline: Option<Instant>,
    /// Whether the kernel may have bytes for us.
    pub(super) readable: bool,
    pub(super) input: Vec<u8>,
    pub(super) scanned: usize,
    pub(super) output: Outgoing,
    pub(super) served: u32,
}

impl Connection {
    pub(super) fn new(
        stream: Stream,
        peer: IpAddr,
        of_peer: Network,
        place: Place,
        now: Instant,
    ) -> Self {
        let state = if stream.needs_handshake() { State::Handshaking } else { State::Idle };
        Self {
            stream,
            peer,
            of_peer,
            network: of_peer,
            place,
            state,
            since: now,
            deadline: None,
            // The first bytes often arrive together with the connection.
            readable: true,
            input: Vec::new(),
            scanned: 0,
            output: Outgoing::new(now),
            served: 0,
        }
    }

    pub(super) fn enter(&mut self, state: State, now: Instant) {
        self.state = state;
        self.since = now;
    }

    /// Goes as far as it can.
    pub(super) fn advance(&mut self, cx: &mut Context<'_>) -> Step {
        loop {
            let step = match &self.state {
                State::Handshaking => self.shake_hands(cx),
                State::Idle | State::Head => self.receive_head(cx),
                State::Body(_) => self.receive_body(cx),
                State::Waiting(_) | State::Refused(_) => Some(Step::Blocked),
                State::Exchange(_) => Some(self.make_room(cx)),
                State::Flushing { keep_alive } => self.finish_answer(*keep_alive, cx),
                State::Lingering { discarded } => Some(self.linger(*discarded, cx)),
            };
            if let Some(step) = step {
                return step;
            }
        }
    }

    fn shake_hands(&mut self, cx: &mut Context<'_>) -> Option<Step> {
        match self.stream.handshake() {
            Ok(Handshake::Pending) => return Some(Step::Blocked),
            Ok(Handshake::Done) => {
                metrics::HANDSHAKES[0].add(1);
                self.enter(State::Idle, cx.now);
            }
            Ok(Handshake::Plaintext) => {
                self.refuse(Refusal::invalid("this port speaks TLS, use https"), cx);
            }
            Err(error) => {
                metrics::HANDSHAKES[1].add(1);
                log::debug!("front door: {} failed the handshake: {error}", self.peer);
                return Some(Step::Close);
            }
        }
        None
    }

    /// Reads once. `Ok(0)` means that the client sends no more.
    pub(super) fn read(&mut self, room: usize, cx: &mut Context<'_>) -> io::Result<usize> {
        if !self.readable {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let room = room.min(cx.scratch.len());
        loop {
            match self.stream.read(&mut cx.scratch[..room]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.readable = false;
                    return Err(error);
                }
                Ok(count) => return Ok(count),
            }
        }
    }

    /// Ends with an answer of our own. Nothing more is read as a request on this connection.
    pub(super) fn refuse(&mut self, refusal: Refusal, cx: &mut Context<'_>) {
        let id = match &self.state {
            State::Body(receiving) => receiving.id().to_owned(),
            _ => cx.ids.next(),
        };
        self.answer(refusal, Recipient::UNKNOWN, Asked::default(), id, cx);
    }

    /// Answers a complete request in place of the workers; the connection can go on.
    pub(super) fn answer_request(&mut self, refusal: Refusal, cx: &mut Context<'_>) {
        let (State::Waiting(_) | State::Refused(_) | State::Exchange(_)) = &self.state else {
            return;
        };
        let request = match std::mem::replace(&mut self.state, State::Idle) {
            State::Waiting(request) | State::Refused(request) => *request,
            State::Exchange(exchange) => exchange.request,
            _ => return,
        };
        let recipient = Recipient {
            version: request.version,
            keep_alive: request.keep_alive && !cx.draining,
            head_request: request.head_request,
        };
        self.answer(refusal, recipient, request.asked, request.id, cx);
    }

    /// Lets a waiting request hear a moment later that there is no place for it.
    pub(super) fn turn_away(&mut self, now: Instant) {
        if let State::Waiting(mut request) = std::mem::replace(&mut self.state, State::Idle) {
            request.bytes = Vec::new();
            self.enter(State::Refused(request), now);
        }
    }

    /// Answers OPTIONS with the methods of its path.
    pub(super) fn answer_options(&mut self, request: &Request, allow: &str, cx: &mut Context<'_>) {
        let keep_alive = request.keep_alive && !cx.draining;
        let mut lines = answer::everywhere(cx.settings, cx.hooks, request.asked);
        lines.push_str(&cors::options_lines(request.asked, allow));
        let mut bytes = Vec::new();
        answer::write_options(&mut bytes, &lines, request.version, keep_alive, &request.id);
        self.output.push(&bytes, cx.now);
        self.enter(State::Flushing { keep_alive }, cx.now);
    }

    fn answer(
        &mut self,
        refusal: Refusal,
        to: Recipient,
        asked: Asked,
        id: String,
        cx: &mut Context<'_>,
    ) {
        metrics::DOOR_ANSWERS[refusal.cause as usize].add(1);
        let (status, code) = (refusal.cause.status(), refusal.cause.code());
        log::debug!("front door: {id} of {}: {status} {code}: {}", self.peer, refusal.detail);
        let mut bytes = Vec::new();
        let more = answer::everywhere(cx.settings, cx.hooks, asked);
        answer::write(&mut bytes, refusal, to, id, &more, cx.hooks.problem);
        self.output.push(&bytes, cx.now);
        if !to.keep_alive {
            self.input = Vec::new();
        }
        self.enter(State::Flushing { keep_alive: to.keep_alive }, cx.now);
    }

    fn finish_answer(&mut self, keep_alive: bool, cx: &mut Context<'_>) -> Option<Step> {
        match self.output.write_to(&mut self.stream, cx.now) {
            Ok(false) => return Some(Step::Blocked),
            Err(_) => return Some(Step::Close),
            Ok(true) => self.output = Outgoing::new(cx.now),
        }
        *cx.last_request = cx.now;
        if keep_alive {
            self.network = self.of_peer;
            let state = if self.input.is_empty() { State::Idle } else { State::Head };
            self.enter(state, cx.now);
        } else if self.stream.finish().is_err() {
            return Some(Step::Close);
        } else {
            self.enter(State::Lingering { discarded: 0 }, cx.now);
        }
        None
    }

    fn linger(&mut self, mut discarded: usize, cx: &mut Context<'_>) -> Step {
        for _ in 0..READS_IN_A_ROW {
            match self.read(usize::MAX, cx) {
                Ok(0) => return Step::Close,
                Ok(count) => discarded += count,
                Err(error) if is_not_now(&error) => return Step::Blocked,
                Err(_) => return Step::Close,
            }
            self.state = State::Lingering { discarded };
            if discarded > cx.settings.tuning.linger_bytes {
                return Step::Close;
            }
        }
        Step::Again
    }
}
