//! The one thread: waits for sockets and deadlines, and lets their owners go on.
//!
//! Readiness is edge-triggered, so every owner remembers whether there may be more to read. One
//! that has had its fair share but is not done queues up in `work`.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use mio::event::Event;
use mio::{Events, Poll, Token, Waker};

use super::answer::RequestIds;
use super::connection::{Connection, Context, State, Step};
use super::connection_limits::ConnectionLimits;
use super::deadlines::Deadlines;
use super::framing::Limits;
use super::lane::{Hooks, Lane, Upstreams};
use super::lifecycle::Lifecycle;
use super::listener::Listener;
use super::log_throttle::LogThrottle;
use super::settings::Settings;
use super::slots::{Kind, Slots, fixed, index, kind};
use super::upstream::Pool;
use super::waiting::WaitingList;
use crate::metrics;
use crate::shares::Successes;

/// Size of the read buffer that all connections share.
const SCRATCH_BYTES: usize = 16 * 1024;

/// Tokens of the clocks that belong to no connection.
pub(super) const RETRY_ORDINARY: usize = Lane::Ordinary as usize;
pub(super) const RETRY_HASHING: usize = Lane::Hashing as usize;
pub(super) const ACCEPT_AGAIN: usize = 2;
pub(super) const STOP_NOW: usize = 3;
pub(super) const LOOK_FOR_IDLENESS: usize = 5;
/// Of the first lane; that of the second follows.
pub(super) const SHRINK_FIRST: usize = 6;
const SHRINK_ORDINARY: usize = SHRINK_FIRST + Lane::Ordinary as usize;
const SHRINK_HASHING: usize = SHRINK_FIRST + Lane::Hashing as usize;
#[cfg(feature = "tls")]
pub(super) const CHECK_TLS: usize = 4;

/// Everything that the thread owns.
pub(super) struct EventLoop {
    pub(super) poll: Poll,
    pub(super) settings: Settings,
    pub(super) limits: Limits,
    pub(super) hooks: Hooks,
    pub(super) ids: RequestIds,
    pub(super) listeners: Vec<Listener>,
    pub(super) clients: Slots<Connection>,
    pub(super) pools: [Pool; 2],
    pub(super) connection_limits: ConnectionLimits,
    pub(super) successes: Successes,
    pub(super) deadlines: Deadlines,
    pub(super) work: VecDeque<Token>,
    pub(super) scratch: Box<[u8]>,
    pub(super) body: Vec<u8>,
    pub(super) now: Instant,
    pub(super) accept_at: Option<Instant>,
    pub(super) stop_at: Option<Instant>,
    pub(super) idle_at: Option<Instant>,
    /// When a request last began or ended.
    pub(super) last_request: Instant,
    pub(super) draining: bool,
    pub(super) cut_off: usize,
    pub(super) overload: LogThrottle,
    pub(super) trouble: LogThrottle,
    said_unlisted: bool,
    pub(super) lifecycle: Arc<Lifecycle>,
    #[cfg(feature = "tls")]
    pub(super) certificates: Option<Arc<super::tls::Certificates>>,
    #[cfg(feature = "tls")]
    pub(super) tls_at: Option<Instant>,
}

impl EventLoop {
    pub(super) fn new(
        settings: Settings,
        mut listeners: Vec<Listener>,
        upstreams: Upstreams,
        hooks: Hooks,
        lifecycle: Arc<Lifecycle>,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        for (at, listener) in listeners.iter_mut().enumerate() {
            listener.register(poll.registry(), fixed(Kind::Listener, at))?;
        }
        let pools = [
            Pool::new(
                Kind::Ordinary,
                upstreams.ordinary,
                settings.ordinary_upstreams(),
                WaitingList::new(
                    settings.tuning.ordinary_queue,
                    settings.tuning.ordinary_queue_bytes,
                ),
                settings.tuning.ordinary_queue_timeout,
            ),
            Pool::new(
                Kind::Hashing,
                upstreams.hashing,
                settings.hashing_upstreams(),
                WaitingList::new(settings.hashing_queue, settings.tuning.hashing_queue_bytes),
                settings.tuning.hashing_queue_timeout,
            ),
        ];
        Ok(Self {
            poll,
            limits: settings.framing(),
            hooks,
            ids: RequestIds::new(),
            listeners,
            clients: Slots::new(Kind::Client),
            pools,
            connection_limits: ConnectionLimits::new(&settings),
            successes: Successes::default(),
            deadlines: Deadlines::default(),
            work: VecDeque::new(),
            scratch: vec![0; SCRATCH_BYTES].into(),
            body: Vec::new(),
            now: Instant::now(),
            accept_at: None,
            stop_at: None,
            idle_at: None,
            last_request: Instant::now(),
            draining: false,
            cut_off: 0,
            overload: LogThrottle::default(),
            trouble: LogThrottle::default(),
            said_unlisted: false,
            lifecycle,
            #[cfg(feature = "tls")]
            certificates: None,
            #[cfg(feature = "tls")]
            tls_at: None,
            settings,
        })
    }

    pub(super) fn waker(&self) -> io::Result<Arc<Waker>> {
        Waker::new(self.poll.registry(), fixed(Kind::Waker, 0)).map(Arc::new)
    }

    #[cfg(feature = "tls")]
    pub(super) fn with_certificates(
        self,
        certificates: Option<Arc<super::tls::Certificates>>,
    ) -> Self {
        Self { certificates, ..self }
    }

    /// Runs until stopped.
    pub(super) fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        self.now = Instant::now();
        self.grow(Lane::Ordinary);
        self.grow(Lane::Hashing);
        #[cfg(feature = "tls")]
        self.check_certificates_later();
        self.look_for_idleness_later(self.settings.exit_when_idle);
        while !(self.draining && self.clients.len() == 0) {
            let sleep = if self.work.is_empty() {
                self.deadlines.sleep(self.now)
            } else {
                Some(std::time::Duration::ZERO)
            };
            match self.poll.poll(&mut events, sleep) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            self.now = Instant::now();
            for event in &events {
                self.on_event(event);
            }
            // Anything added meanwhile waits until the sockets have had their turn.
            for _ in 0..self.work.len() {
                if let Some(token) = self.work.pop_front() {
                    self.go_on(token);
                }
            }
            while let Some(token) = self.deadlines.pop(self.now) {
                self.on_deadline(token);
            }
            self.show();
        }
        Ok(())
    }

    /// Shows the present numbers to whoever watches the process.
    fn show(&self) {
        for (pool, lane) in self.pools.iter().zip(&metrics::LANE) {
            lane.waiting.set(pool.waiting.len());
        }
        metrics::CONNECTIONS.set(self.clients.len());
        metrics::HELD_BYTES.set(self.connection_limits.held());
    }

    fn on_event(&mut self, event: &Event) {
        let token = event.token();
        let gone = event.is_error() || event.is_write_closed();
        let readable = event.is_readable() || event.is_read_closed() || gone;
        match kind(token) {
            Kind::Waker => self.look_for_stop(),
            Kind::Client => {
                let Some(client) = self.clients.get_mut(token) else { return };
                client.readable |= readable;
                // A reset, or both directions closed: nobody is left to answer.
                if gone { self.close(token) } else { self.drive(token) }
            }
            Kind::Ordinary => self.on_upstream_event(Lane::Ordinary, token, readable),
            Kind::Hashing => self.on_upstream_event(Lane::Hashing, token, readable),
            Kind::Listener | Kind::Clock => self.go_on(token),
        }
    }

    fn go_on(&mut self, token: Token) {
        match kind(token) {
            Kind::Listener => self.accept(index(token)),
            Kind::Client => self.drive(token),
            Kind::Ordinary => self.pump(Lane::Ordinary, token),
            Kind::Hashing => self.pump(Lane::Hashing, token),
            Kind::Waker | Kind::Clock => {}
        }
    }

    fn on_deadline(&mut self, token: Token) {
        match (kind(token), index(token)) {
            (Kind::Client, _) => self.on_client_overdue(token),
            (Kind::Clock, RETRY_ORDINARY) => self.grow_again(Lane::Ordinary),
            (Kind::Clock, RETRY_HASHING) => self.grow_again(Lane::Hashing),
            (Kind::Clock, SHRINK_ORDINARY) => self.shrink(Lane::Ordinary),
            (Kind::Clock, SHRINK_HASHING) => self.shrink(Lane::Hashing),
            (Kind::Clock, ACCEPT_AGAIN) => {
                self.accept_at = None;
                self.accept_soon();
            }
            (Kind::Clock, STOP_NOW) => self.cut_off_all(),
            (Kind::Clock, LOOK_FOR_IDLENESS) => self.look_for_idleness(),
            #[cfg(feature = "tls")]
            (Kind::Clock, CHECK_TLS) => self.check_certificates(),
            _ => {}
        }
    }

    /// Calls a method of a client with what it needs from the loop.
    pub(super) fn with_client<R>(
        &mut self,
        token: Token,
        call: impl FnOnce(&mut Connection, &mut Context<'_>) -> R,
    ) -> Option<R> {
        let client = self.clients.get_mut(token)?;
        let mut context = Context {
            settings: &self.settings,
            limits: self.limits,
            hooks: &self.hooks,
            ids: &mut self.ids,
            scratch: &mut self.scratch,
            now: self.now,
            draining: self.draining,
            last_request: &mut self.last_request,
            said_unlisted: &mut self.said_unlisted,
        };
        Some(call(client, &mut context))
    }

    /// Lets a client go as far as it can.
    pub(super) fn drive(&mut self, token: Token) {
        while let Some(step) = self.with_client(token, Connection::advance) {
            match step {
                Step::Submit => self.submit(token),
                Step::Close => return self.close(token),
                Step::Blocked => break,
                Step::Again => {
                    self.work.push_back(token);
                    break;
                }
                Step::Resume => {
                    let upstream = self.clients.get_mut(token).and_then(|c| c.upstream());
                    self.work.extend(upstream.map(|(_, upstream)| upstream));
                    break;
                }
            }
        }
        self.settle(token);
    }

    /// Brings deadlines and counts in line with a client's present state.
    fn settle(&mut self, token: Token) {
        let Some(client) = self.clients.get_mut(token) else { return };
        let pools = &self.pools;
        let due = client.due(&self.settings, self.draining, |request| {
            pools[request.lane as usize].waiting_deadline
        });
        self.deadlines.change(token, &mut client.deadline, Some(due));
        let idle = matches!(client.state, State::Idle);
        let shaking = matches!(client.state, State::Handshaking);
        self.connection_limits.set_idle(token, &mut client.place, idle);
        let network = client.network;
        self.connection_limits.set_handshake(token, &mut client.place, network, shaking);
        let held = client.held();
        if self.connection_limits.set_held(token, &mut client.place, network, held) {
            self.relieve(network);
        }
    }

    /// Closes a client in any state. Its reply, if one is owed, will be thrown away.
    pub(super) fn close(&mut self, token: Token) {
        let Some(mut client) = self.clients.remove(token) else { return };
        self.deadlines.change(token, &mut client.deadline, None);
        self.connection_limits.leave(token, &mut client.place);
        if let State::Waiting(request) = &client.state
            && let Some(ticket) = request.ticket
        {
            self.pools[request.lane as usize].waiting.remove(ticket);
        }
        if let Some((lane, upstream)) = client.upstream() {
            self.abandon(lane, upstream);
        }
        client.stream.deregister(self.poll.registry());
    }
}
