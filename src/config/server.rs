//! `[server]`: where to listen, the threads, and what one client may take.

use super::net::{Cidr, ForwardedHeader, Listen};
use super::profile::Profile;
use super::socket_mode::SocketMode;
use super::web_origin::WebOrigin;
use std::path::PathBuf;
use std::time::Duration;

/// Private connections to the hashing workers at most, where their number is not set. Each has two
/// threads, and a container is often allowed 2,048.
pub(crate) const MOST_UPSTREAMS: usize = 512;

section! {
    /// Where Gatepost listens, its threads, and how much time and room a client may take. The
    /// defaults are for a small virtual machine on the open internet.
    server: Server with ServerTuning {
        /// Where clients connect: an address and port, where port 0 takes a free one; or
        /// `unix:/PATH` for a Unix socket; or `systemd` for the sockets that systemd passes.
        ///
        /// By default only this machine can reach a service that is not configured yet. Sockets
        /// that systemd passes replace the default; beside an address that is set they are a fault.
        listen: Listen = "127.0.0.1:8080";

        /// The mode of a Unix socket in `server.listen`, whatever the umask is.
        ///
        /// A proxy in front is let in through the group. Anyone who may connect is a client like
        /// any other, and the proxy's word about addresses is not needed.
        socket_mode: SocketMode = "0660";

        /// The group of a Unix socket in `server.listen`, as its name in `/etc/group` or as a
        /// number. By default it is the group of the process, or of the directory where that has
        /// the set-group-ID bit.
        ///
        /// Name the group of the proxy in front, such as `www-data`. The process must be in it. A
        /// service in the unit of the package has no right to give files away: there the socket
        /// unit does it, with `SocketGroup=`.
        socket_group: String = "";

        /// Ends the service after this time without a request; 0s means never. It is for a service
        /// whose socket systemd holds: the next client starts it again.
        ///
        /// A machine that serves a few people has its memory back at night.
        exit_when_idle: Duration = "0s", "1s" to "30d" or "0s";

        /// Threads that answer ordinary requests.
        ///
        /// They mostly wait for PostgreSQL, so twice the cores of a small machine keep it busy.
        workers: usize = "4", "1" to "256";

        /// Threads that hash passwords, at a lower priority than all others. 0 means one for each
        /// core.
        ///
        /// Hashing is pure computation, so more threads than cores gain nothing. Each thread computes
        /// up to sixteen passwords at once where the processor has AVX-512, and up to three with its
        /// SHA instructions; `gatepost doctor` says what was measured.
        hashing_threads: usize = "0", "1" to "256" or "0";

        /// How long a stop waits for the requests that are running.
        ///
        /// That is enough for the longest statement, which takes 5 s, and a password hash.
        shutdown_timeout: Duration = "10s", "0s" to "1h";

        /// File of the certificate chain in PEM, leaf first. With it, TCP listeners speak TLS. A
        /// changed file is noticed within half a minute.
        ///
        /// Without it Gatepost expects a proxy in front that speaks TLS.
        tls_certificate: Option<PathBuf> = "";

        /// File of the certificate's private key in PEM. Goes with `server.tls_certificate`.
        tls_key: Option<PathBuf> = "";

        /// Proxies that are believed about the client's address and the request's id, as address
        /// blocks. IPv4 written in IPv6 is IPv4.
        ///
        /// Anyone could claim any address, so by default no proxy is believed. The clients of a
        /// proxy that is not listed count as one network, and share what one network may take.
        trusted_proxies: Vec<Cidr> = "";

        /// The header field in which the trusted proxies name the client.
        ///
        /// Nearly all proxies write `X-Forwarded-For`. Only one field is read, because a proxy that
        /// sets one passes on the client's version of the other.
        forwarded_header: ForwardedHeader = "X-Forwarded-For";

        /// The origins of web pages that may call the API from a browser, such as
        /// `https://app.example.com`.
        ///
        /// A page of another origin can neither send a token nor read an answer, so by default none
        /// can. Pages behind the same host and port as Gatepost need not be listed.
        cors_origins: Vec<WebOrigin> = "";

        /// Client connections in all. 0 means as many as `RLIMIT_NOFILE` allows, less a reserve for
        /// everything else that needs descriptors. Any other value is capped there too.
        ///
        /// An idle connection costs little, so only the descriptors bound the number.
        max_connections: usize = "0";

        /// Client connections of one address, or of one /64 in IPv6. 0 means half of
        /// `server.max_connections`. Loopback, Unix sockets and trusted proxies are exempt.
        ///
        /// With half, one address never shuts out the rest. A /64 is what one customer gets.
        max_connections_per_address: usize = "0";

        /// Time from the first byte of a connection or request to the end of the request's head.
        ///
        /// A head fits in a few packets, so anything slower is a fault or an attack.
        header_timeout: Duration = "10s", "10ms" to "1h";

        /// Time from the complete request to the end of its reply.
        ///
        /// It must stay above what a worker may need for a database connection and a statement
        /// together, because a 503 to the client does not stop the worker.
        request_timeout: Duration = "30s", "10ms" to "1h";

        /// How long a connection may wait for its next request.
        ///
        /// Clients that go on within a minute need no new connection. A proxy in front should keep
        /// its idle connections for less time, so that it is the one that closes.
        idle_timeout: Duration = "1m", "10ms" to "24h";

        /// Requests that may wait for a hashing thread. The clients' networks are served in turn.
        /// Together they may hold 1 MiB, which 64 of the largest requests fill twice over.
        ///
        /// Two cores hash that many in a second or two. More would only wait to be told 503.
        hashing_queue: usize = "64";
    }
}

tuning! {
    server: ServerTuning {
        /// Bytes of a request head. A token and the cookies of a shared domain fit twice; nginx
        /// takes 8 KiB a line.
        head_bytes: usize = "16384", "1024" to "1048576";

        /// Bytes of the request line: the least that RFC 9112, section 3, recommends.
        request_line_bytes: usize = "8000", "256" to "1048576";

        /// Header fields of a request. Browsers behind two proxies send about 30.
        head_fields: usize = "64", "8" to "1024";

        /// Bytes of a request body after decoding. The longest login and password fit, with every
        /// character escaped.
        body_bytes: usize = "16384", "1024" to "1048576";

        /// Bytes of a reply that are kept for a slow reader before its private connection has to
        /// wait for it. The largest page of users fits.
        reply_bytes: usize = "65536", "4096" to "16777216";

        /// Bytes that all clients together may make the front door hold. Beyond that, the network
        /// that holds most gives way: an incomplete request gets 503, and an unread reply is cut
        /// off.
        buffered_bytes: usize = "16777216", "1048576" to "17179869184";

        /// Time from the end of the head to the end of the body, which is longer than the head.
        body_timeout: Duration = "15s", "10ms" to "1h";

        /// How long a client may take nothing of what is ready for it. As with a head, anything
        /// slower is a fault or an attack.
        write_timeout: Duration = "10s", "10ms" to "1h";

        /// How long a reply longer than `reply_bytes` may wait for its client to make room. It holds
        /// a worker meanwhile, so this is short.
        hold_timeout: Duration = "2s", "10ms" to "1h";

        /// Requests on one connection. The limit has long-lived connections balanced anew now and
        /// then.
        requests_per_connection: u32 = "10000", "1" to "4294967295";

        /// Private connections to the workers. 0 means two for each worker, so that a worker finds
        /// the next request already read.
        ordinary_upstreams: usize = "0", "0" to "1024";

        /// Ordinary requests that may wait for a worker, in turn by the clients' networks: at least
        /// a second's work.
        ordinary_queue: usize = "1024";

        /// Bytes of the ordinary requests that wait: 4 KiB for each, many times their usual size.
        ordinary_queue_bytes: usize = "4194304";

        /// How long an ordinary request waits for a worker. Clients give up soon after.
        ordinary_queue_timeout: Duration = "5s", "10ms" to "1h";

        /// Requests handed over to the hashing threads, each with a thread and a private
        /// connection, which are started when they are needed. 0 means what the processor can use,
        /// for each hashing thread: as many as it computes at once and an eighth more, since the
        /// next must be there when one is done. That is 18 with AVX-512, 9 with AVX2 alone, and
        /// otherwise 6.
        hashing_upstreams: usize = "0", "0" to "1024";

        /// Bytes of the hashing requests that wait in `server.hashing_queue`: the longest accepted
        /// body, for each of 64.
        hashing_queue_bytes: usize = "1048576";

        /// How long a hashing request waits in `server.hashing_queue`. Clients give up soon after.
        hashing_queue_timeout: Duration = "5s", "10ms" to "1h";

        /// Time from the start of a connection to the end of the TLS handshake, which takes two
        /// round trips.
        handshake_timeout: Duration = "5s", "10ms" to "1h";

        /// TLS handshakes at a time, some 5 MiB of memory. Beyond that, the oldest one of the
        /// network with most gives way to a new one.
        max_handshakes: usize = "256", "1" to "65536";

        /// How often the certificate files are checked for a change. A renewed certificate is in
        /// use after this time at the latest, and a check costs two system calls.
        tls_check_interval: Duration = "30s", "1s" to "24h";

        /// After an error answer, how long further bytes of the client are read and thrown away, so
        /// that the answer is not lost in a reset.
        linger_timeout: Duration = "2s", "10ms" to "1h";

        /// The same, in bytes. A client that sends more is not listening.
        linger_bytes: usize = "1048576";
    }
}

impl Default for Server {
    fn default() -> Self {
        Self::new(Profile::Development)
    }
}

impl Server {
    /// Threads that hash: as set, otherwise one for each core.
    pub(crate) fn hashing_threads(&self) -> usize {
        match self.hashing_threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
    }

    /// Private connections to the workers: as set, otherwise twice as many as workers.
    pub(crate) fn ordinary_upstreams(&self) -> usize {
        match self.tuning.ordinary_upstreams {
            0 => 2 * self.workers,
            upstreams => upstreams,
        }
    }

    /// Requests with the hashing threads: as set, otherwise as many as any processor can use. `App`
    /// sets it to what this one can.
    pub(crate) fn hashing_upstreams(&self) -> usize {
        match self.tuning.hashing_upstreams {
            0 => (18 * self.hashing_threads()).min(MOST_UPSTREAMS),
            upstreams => upstreams,
        }
    }
}
