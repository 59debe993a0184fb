//! `[server]`: where to listen, the threads, and every limit and deadline of the front door.

use super::net::{Cidr, ForwardedHeader, Listen};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// `[server]`. The defaults are made for a small VM on the open internet.
#[derive(Clone, Debug)]
pub struct Server {
    /// Address and port to listen on, port 0 taking a free one; or `unix:/PATH`; or `systemd`,
    /// for the sockets that it passes. Default `127.0.0.1:8080`: nobody else can reach a service
    /// that nobody has configured yet.
    pub listen: Listen,
    /// Threads for ordinary requests. Default 4: they mostly wait for PostgreSQL, so twice the
    /// cores of a small machine keep it busy. 1 to 256.
    pub workers: usize,
    /// Threads that hash passwords, at a lower priority than all others. Default 0, that is one a
    /// core: a hash does nothing but compute. Each takes up to three passwords at once. At most
    /// 256.
    pub hashing_threads: usize,
    /// How long a stop waits for requests that are running. Default `10s`: the longest statement
    /// (5 s) and a password hash, with room.
    pub stop_deadline: Duration,
    /// Certificate chain in PEM, leaf first; with it TCP listeners speak TLS. Default none.
    pub tls_certificate: Option<PathBuf>,
    /// Its private key in PEM. Default none.
    pub tls_key: Option<PathBuf>,
    /// Peers whose word about the client's address is taken, as CIDR blocks; IPv4 written in
    /// IPv6 is IPv4. Default: nobody. A proxy
    /// that is not listed shares one network's part of everything among all of its clients.
    pub trusted_proxies: Vec<Cidr>,
    /// The field in which they give it: `"X-Forwarded-For"` (default) or `"Forwarded"`. Only one
    /// is read, because a proxy that sets one lets the other one through from the client.
    pub forwarded_header: ForwardedHeader,
    /// Client connections in all. Default 0, that is what `RLIMIT_NOFILE` allows less a reserve
    /// for everything else that needs descriptors, and never more than that.
    pub max_connections: usize,
    /// Client connections of one address (IPv6: of one /64, which is what one customer gets).
    /// Default 0, that is half of `max_connections`, so that one address never shuts out the
    /// rest. Loopback, Unix sockets and `trusted_proxies` are exempt.
    pub max_connections_per_address: usize,
    /// Bytes of a request head. Default 16384: a token and the cookies of a shared domain fit
    /// twice; nginx takes 8 KiB a line.
    pub head_bytes: usize,
    /// Bytes of the request line. Default 8000, the least that RFC 9112, section 3, recommends.
    pub request_line_bytes: usize,
    /// Header fields of a request. Default 64; browsers behind two proxies send about 30.
    pub head_fields: usize,
    /// Bytes of a request body after decoding. Default 16384: a login and a password of the
    /// longest kind, every character escaped, fit.
    pub body_bytes: usize,
    /// Bytes of a reply that are kept for a slow reader before its private connection has to
    /// wait for it. Default 65536, which holds the largest page of users.
    pub reply_bytes: usize,
    /// Bytes that all clients together may make the door hold. Default 16777216; beyond it the
    /// network that holds most gives way: a request that is not complete gets 503, a reply that is
    /// not read is cut off.
    pub buffered_bytes: usize,
    /// From a connection's or request's first byte to the end of its head. Default `10s`: a head
    /// fits in a few packets, so anything slower is a fault or an attack.
    pub head_deadline: Duration,
    /// From the end of the head to the end of the body. Default `15s`.
    pub body_deadline: Duration,
    /// From the complete request to the end of its reply. Default `30s`. Must stay above what a
    /// worker may need (pool wait, connect and statement timeouts of the database together): a
    /// 503 from the door does not stop the worker.
    pub request_deadline: Duration,
    /// How long a connection may wait for its next request. Default `60s`, a little under the
    /// 75 s of nginx, since proxies in front should be the ones who close.
    pub idle_deadline: Duration,
    /// How long a client may take nothing of what is ready for it. Default `10s`.
    pub write_deadline: Duration,
    /// How long a reply that does not fit in `reply_bytes` may wait for its client to make room
    /// while it holds a worker. Default `2s`.
    pub hold_deadline: Duration,
    /// Requests of one connection. Default 10000, so that long-lived connections are balanced
    /// anew now and then.
    pub requests_per_connection: u32,
    /// Private connections to the workers. Default 0, that is twice the workers, so that a worker
    /// finds the next request already read.
    pub ordinary_upstreams: usize,
    /// Ordinary requests that may wait for a worker, in turn by the clients' networks. Default 1024,
    /// a second's work at the least.
    pub ordinary_waiting: usize,
    /// Bytes of the ordinary requests that wait. Default 4194304.
    pub ordinary_waiting_bytes: usize,
    /// How long an ordinary request waits for a worker. Default `5s`; clients give up soon after.
    pub ordinary_waiting_deadline: Duration,
    /// Requests that may wait for the hashing threads with their password handed over, each with a
    /// thread and a private connection. Default 0, that is six for each hashing thread: three that it
    /// computes and three that are there when it is done. With three, a thread that was done often
    /// found but one password and computed it alone (two cores, 64 clients: 50 logins/s, not 58).
    pub hashing_upstreams: usize,
    /// Hashing requests that may wait before that, in turn by the clients' networks. Default 64, what
    /// two cores hash in a second or two: more would only wait to be told 503.
    pub hashing_waiting: usize,
    /// Bytes of the hashing requests that wait. Default 1048576.
    pub hashing_waiting_bytes: usize,
    /// How long a hashing request waits for a thread. Default `5s`.
    pub hashing_waiting_deadline: Duration,
    /// From a connection's first moment to the end of the TLS handshake. Default `5s`.
    pub handshake_deadline: Duration,
    /// TLS handshakes at a time. Default 256 (some 5 MiB); the oldest one of the network with most
    /// gives way to a new one.
    pub max_handshakes: usize,
    /// How often the certificate files are looked at for a change. Default `30s`.
    pub tls_check_interval: Duration,
    /// After an error answer: how long the rest of the client's bytes is read and thrown away, so
    /// that the answer is not lost in a reset. Default `2s`.
    pub linger_deadline: Duration,
    /// The same, in bytes. Default 1048576.
    pub linger_bytes: usize,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: Listen::Tcp(SocketAddr::from(([127, 0, 0, 1], 8080))),
            workers: 4,
            hashing_threads: 0,
            stop_deadline: Duration::from_secs(10),
            tls_certificate: None,
            tls_key: None,
            trusted_proxies: Vec::new(),
            forwarded_header: ForwardedHeader::XForwardedFor,
            max_connections: 0,
            max_connections_per_address: 0,
            head_bytes: 16 * 1024,
            request_line_bytes: 8_000,
            head_fields: 64,
            body_bytes: 16 * 1024,
            reply_bytes: 64 * 1024,
            buffered_bytes: 16 * 1024 * 1024,
            head_deadline: Duration::from_secs(10),
            body_deadline: Duration::from_secs(15),
            request_deadline: Duration::from_secs(30),
            idle_deadline: Duration::from_secs(60),
            write_deadline: Duration::from_secs(10),
            hold_deadline: Duration::from_secs(2),
            requests_per_connection: 10_000,
            ordinary_upstreams: 0,
            ordinary_waiting: 1_024,
            ordinary_waiting_bytes: 4 * 1024 * 1024,
            ordinary_waiting_deadline: Duration::from_secs(5),
            hashing_upstreams: 0,
            hashing_waiting: 64,
            hashing_waiting_bytes: 1024 * 1024,
            hashing_waiting_deadline: Duration::from_secs(5),
            handshake_deadline: Duration::from_secs(5),
            max_handshakes: 256,
            tls_check_interval: Duration::from_secs(30),
            linger_deadline: Duration::from_secs(2),
            linger_bytes: 1024 * 1024,
        }
    }
}

impl Server {
    /// Threads that hash: as set, else one a core.
    pub(crate) fn hashing_threads(&self) -> usize {
        match self.hashing_threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
    }

    /// Private connections to the workers: as set, else twice as many as workers.
    pub(crate) fn ordinary_upstreams(&self) -> usize {
        if self.ordinary_upstreams == 0 { 2 * self.workers } else { self.ordinary_upstreams }
    }

    /// Requests with the hashing threads: as set, else six for each.
    pub(crate) fn hashing_upstreams(&self) -> usize {
        if self.hashing_upstreams == 0 {
            6 * self.hashing_threads()
        } else {
            self.hashing_upstreams
        }
    }
}
