//! The private connections to tiny_http, one set for each lane.
//!
//! tiny_http answers strictly in order on a connection, so each carries one request at a time. Two
//! of its habits shape this file. Its thread pool may leave connections that are opened together
//! unanswered while others are busy. So they are opened one at a time, and each must answer a
//! request (`PROBE_TARGET`) before the next is opened. And it queues whatever is sent without
//! limit. So a connection that owes a reply is never closed and replaced: when its client has left,
//! the reply is read and thrown away. Thus tiny_http never holds more requests than there are
//! connections.
//!
//! Each connection costs a thread of tiny_http's. So there are as many as tiny_http has threads for
//! in any case, and more are opened while requests wait. One that nobody has needed for some
//! seconds is closed.
//!
//! Connections that carry hashes become free when a batch of these ends. So where there are many, the
//! last one is kept for a network that has none, as the hashing threads keep a lane.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use mio::net::UnixStream;
use mio::{Interest, Registry, Token};

use super::nonblocking::is_not_now;
use super::reply::Reply;
use super::slots::{Kind, Slots};
use super::waiting::WaitingList;
use crate::shares::Network;

/// The target that a new private connection asks for, to prove that a thread serves it. Any answer
/// will do, so the router need not know it; the HTTP layer may want to keep it out of its counts.
pub const PROBE_TARGET: &str = "/-/front-door";

/// Connections that stay open. tiny_http keeps four threads for a lane, whatever happens.
const LEAST: usize = 4;

/// How long a connection beyond those stays open when it is not needed: much longer than the pauses in
/// steady traffic, so that threads do not come and go.
const LINGER: Duration = Duration::from_secs(10);

/// From how many connections on one is kept: there it is little to lose.
const MANY: usize = 16;

const FIRST_RETRY: Duration = Duration::from_millis(50);
const LAST_RETRY: Duration = Duration::from_secs(2);

/// The state of a private connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Proving,
    Idle,
    Serving(Token),
    /// Its client has left; the rest of the reply is thrown away.
    Abandoned,
}

/// A private connection.
#[derive(Debug)]
pub(super) struct Upstream {
    stream: UnixStream,
    pub(super) role: Role,
    /// Whose request it carries, where that is counted.
    network: Option<Network>,
    outgoing: Vec<u8>,
    sent: usize,
    pub(super) reply: Reply,
    /// Whether the kernel may have bytes for us.
    pub(super) readable: bool,
}

impl Upstream {
    /// Sends the rest of the request.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        while self.sent < self.outgoing.len() {
            match self.stream.write(&self.outgoing[self.sent..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.sent += count,
                Err(error) if is_not_now(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn send(&mut self, role: Role, request: Vec<u8>, to_head_request: bool) -> io::Result<()> {
        self.role = role;
        self.outgoing = request;
        self.sent = 0;
        self.reply = Reply::new(to_head_request);
        self.flush()
    }

    /// Whether nothing was sent, so that sending the request again cannot do anything twice.
    pub(super) fn nothing_sent(&self) -> bool {
        self.sent == 0
    }

    /// Whether tiny_http has the whole request.
    pub(super) fn all_sent(&self) -> bool {
        self.sent == self.outgoing.len()
    }

    /// Takes the request out, to be sent again elsewhere.
    pub(super) fn take_request(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.outgoing)
    }

    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

/// The private connections of one lane, and the requests that wait for them.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) connections: Slots<Upstream>,
    pub(super) waiting: WaitingList,
    pub(super) waiting_deadline: Duration,
    path: PathBuf,
    target: usize,
    /// Those that serve nobody, and since when. The one that was used last is used next, so the first
    /// has been idle longest.
    idle: Vec<(Token, Instant)>,
    /// How many carry a request of each network.
    serving: BTreeMap<Network, usize>,
    /// Whether the last one is kept for a network that has none.
    keeps_one: bool,
    proving: bool,
    /// Whether a connection has proved itself before.
    proved: bool,
    retry: Duration,
    /// When to try to connect again; the entry that `deadlines` holds.
    pub(super) retry_at: Option<Instant>,
    /// When to close what is not needed; the entry that `deadlines` holds.
    pub(super) shrink_at: Option<Instant>,
}

impl Pool {
    pub(super) fn new(
        kind: Kind,
        path: PathBuf,
        target: usize,
        waiting: WaitingList,
        waiting_deadline: Duration,
    ) -> Self {
        Self {
            connections: Slots::new(kind),
            waiting,
            waiting_deadline,
            path,
            target: target.max(1),
            idle: Vec::new(),
            serving: BTreeMap::new(),
            keeps_one: kind == Kind::Hashing && target >= MANY,
            proving: false,
            proved: false,
            retry: FIRST_RETRY,
            retry_at: None,
            shrink_at: None,
        }
    }

    /// Opens the next connection, unless there are enough or one has not proved itself yet. Beyond
    /// the least, there are enough as long as no request waits.
    pub(super) fn grow(&mut self, registry: &Registry) -> io::Result<()> {
        let enough = if self.waiting.is_empty() { self.target.min(LEAST) } else { self.target };
        if self.proving || self.connections.len() >= enough {
            return Ok(());
        }
        let mut stream = UnixStream::connect(&self.path)?;
        let both = Interest::READABLE | Interest::WRITABLE;
        registry.register(&mut stream, self.connections.next_token(), both)?;
        let mut upstream = Upstream {
            stream,
            role: Role::Proving,
            network: None,
            outgoing: Vec::new(),
            sent: 0,
            reply: Reply::new(false),
            readable: false,
        };
        let probe = format!("GET {PROBE_TARGET} HTTP/1.1\r\nhost: front-door\r\n\r\n");
        upstream.send(Role::Proving, probe.into_bytes(), false)?;
        self.connections.insert(upstream);
        self.proving = true;
        Ok(())
    }

    /// Sends a request on an idle connection. When the connection turns out to be lost, the caller
    /// must pass it to `remove`, as after any other loss.
    pub(super) fn send(
        &mut self,
        client: Token,
        network: Network,
        request: Vec<u8>,
        to_head_request: bool,
    ) -> Option<(Token, io::Result<()>)> {
        let (token, _) = self.idle.pop()?;
        let upstream = self.connections.get_mut(token)?;
        if self.keeps_one {
            upstream.network = Some(network);
            *self.serving.entry(network).or_insert(0) += 1;
        }
        Some((token, upstream.send(Role::Serving(client), request, to_head_request)))
    }

    pub(super) fn has_idle(&self) -> bool {
        !self.idle.is_empty()
    }

    /// Whether a request of this network may have an idle connection: not the last, if it has others.
    pub(super) fn may_serve(&self, network: Network) -> bool {
        !self.keeps_last() || !self.serving.contains_key(&network)
    }

    fn keeps_last(&self) -> bool {
        let left = self.idle.len() + self.target.saturating_sub(self.connections.len());
        self.keeps_one && left <= 1
    }

    /// Takes the next waiting request that may have an idle connection.
    pub(super) fn next(&mut self) -> Option<Token> {
        let (kept, serving) = (self.keeps_last(), &self.serving);
        self.waiting.pop(|network| !kept || !serving.contains_key(&network))
    }

    /// Notes that a connection no longer carries a request of this network.
    fn served(&mut self, network: Option<Network>) {
        let Some(network) = network else { return };
        if let Some(count) = self.serving.get_mut(&network) {
            *count -= 1;
            if *count == 0 {
                self.serving.remove(&network);
            }
        }
    }

    /// The reply is complete, and the connection is free. Says whether it has just proved itself.
    pub(super) fn release(&mut self, token: Token, now: Instant) -> bool {
        let Some(upstream) = self.connections.get_mut(token) else { return false };
        let proved = upstream.role == Role::Proving;
        upstream.role = Role::Idle;
        upstream.outgoing = Vec::new();
        let network = upstream.network.take();
        self.served(network);
        self.idle.push((token, now));
        if proved {
            self.proving = false;
            self.proved = true;
            self.retry = FIRST_RETRY;
        }
        proved
    }

    /// The client has left, or has been answered in another way.
    pub(super) fn abandon(&mut self, token: Token) {
        if let Some(upstream) = self.connections.get_mut(token) {
            upstream.role = Role::Abandoned;
        }
    }

    pub(super) fn remove(&mut self, token: Token, registry: &Registry) -> Option<Upstream> {
        let mut upstream = self.connections.remove(token)?;
        let _ = registry.deregister(&mut upstream.stream);
        self.idle.retain(|(other, _)| *other != token);
        self.proving &= upstream.role != Role::Proving;
        self.served(upstream.network.take());
        Some(upstream)
    }

    /// When the next connection will not have been needed for long enough, if there are more than
    /// stay open.
    pub(super) fn next_to_close(&self) -> Option<Instant> {
        let (_, since) = self.idle.first().filter(|_| self.connections.len() > LEAST)?;
        Some(*since + LINGER)
    }

    /// Closes what nobody has needed for long enough.
    pub(super) fn shrink(&mut self, now: Instant, registry: &Registry) {
        while self.next_to_close().is_some_and(|at| at <= now) {
            let Some(&(token, _)) = self.idle.first() else { return };
            self.remove(token, registry);
        }
    }

    /// Whether this error of `grow` means that tiny_http was there and has gone. Its accept thread
    /// ends at the first error, and takes the listener with it.
    pub(super) fn has_gone(&self, error: &io::Error) -> bool {
        let nobody =
            matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound);
        self.proved && nobody
    }

    /// How long to wait before connecting again; longer each time, until one proves itself.
    pub(super) fn next_retry(&mut self) -> Duration {
        let now = self.retry;
        self.retry = (self.retry * 2).min(LAST_RETRY);
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shares::Network;
    use std::os::unix::net::UnixListener;

    #[test]
    fn there_are_more_connections_while_requests_wait_and_fewer_when_nobody_needed_them() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let _listener = UnixListener::bind(&path).unwrap();
        let poll = mio::Poll::new().unwrap();
        let (waiting, begin) = (WaitingList::new(9, 999), Instant::now());
        let mut pool = Pool::new(Kind::Hashing, path, 7, waiting, Duration::ZERO);
        let grow = |pool: &mut Pool| {
            for _ in 0..9 {
                let next = pool.connections.next_token();
                pool.grow(poll.registry()).unwrap();
                pool.release(next, begin);
            }
            pool.connections.len()
        };
        assert_eq!(grow(&mut pool), LEAST);
        assert_eq!(pool.next_to_close(), None);
        assert!(pool.waiting.push(Token(1), Network::HERE, 1).is_some());
        assert_eq!(grow(&mut pool), 7);
        // One that is used again is not idle for that long.
        let (used, sent) = pool.send(Token(1), Network::HERE, b"GET".to_vec(), false).unwrap();
        sent.unwrap();
        pool.release(used, begin + LINGER / 2);
        let at = pool.next_to_close().unwrap();
        pool.shrink(at - Duration::from_nanos(1), poll.registry());
        assert_eq!(pool.connections.len(), 7);
        pool.shrink(at, poll.registry());
        assert_eq!((pool.connections.len(), pool.idle.len()), (LEAST, LEAST));
        assert!(pool.connections.get_mut(used).is_some());
        assert_eq!(pool.next_to_close(), None);
    }

    #[test]
    fn the_last_of_many_connections_is_kept_for_a_network_that_has_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let _listener = UnixListener::bind(&path).unwrap();
        let poll = mio::Poll::new().unwrap();
        let (waiting, now) = (WaitingList::new(9, 999), Instant::now());
        let ordinary =
            Pool::new(Kind::Ordinary, path.clone(), MANY, WaitingList::new(9, 999), Duration::ZERO);
        assert!(!ordinary.keeps_one, "answers to ordinary requests are quick");
        let mut pool = Pool::new(Kind::Hashing, path, MANY, waiting, Duration::ZERO);
        let [flood, honest] = [[192, 0, 2, 1], [198, 51, 100, 1]].map(|ip| Network::of(ip.into()));
        assert!(pool.waiting.push(Token(1), flood, 1).is_some());
        for _ in 0..MANY {
            let next = pool.connections.next_token();
            pool.grow(poll.registry()).unwrap();
            pool.release(next, now);
        }
        let mut carrying = Vec::new();
        while pool.may_serve(flood) {
            carrying.push(pool.send(Token(1), flood, Vec::new(), false).unwrap().0);
        }
        assert_eq!((carrying.len(), pool.idle.len()), (MANY - 1, 1));
        assert_eq!(pool.next(), None, "the flood's waits");
        assert!(pool.waiting.push(Token(2), honest, 1).is_some());
        assert_eq!(pool.next(), Some(Token(2)));
        let (kept, _) = pool.send(Token(2), honest, Vec::new(), false).unwrap();
        assert!(!pool.has_idle());
        // It is kept again when it is free, and the flood gets what it leaves itself.
        pool.release(kept, now);
        assert!(!pool.may_serve(flood) && pool.may_serve(honest));
        pool.remove(carrying[0], poll.registry());
        pool.release(carrying[1], now);
        assert!(pool.may_serve(flood));
        assert_eq!(pool.next(), Some(Token(1)));
    }
}
