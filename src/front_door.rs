//! The front door: the only part of Gatepost that a client's bytes reach unchecked.
//!
//! One thread with `mio` owns all client sockets, and enforces every limit and deadline. tiny_http
//! has none. It gets complete and canonical requests over a few persistent private Unix sockets
//! (`upstream`), one set for each lane, and its replies are relayed in order. A slow or hostile
//! client costs some bytes in a buffer, never a thread.
//!
//! Top to bottom: `door` starts and stops the thread; `event_loop` waits and dispatches;
//! `accepting` lets clients in; `exchange` brings a request to an `upstream` and the reply back;
//! `connection` is one client (`reading`, `relaying` and `timeouts` add to it). The methods of
//! `EventLoop` are spread over these files, each beside its subject, so imports form no cycle.
//!
//! Beside them there are pure parts: `framing`, `request_line` and `chunked` (where a request
//! ends), `canonical` and `reply` (what is written), `forwarded` (who the client is), `problem`
//! (every answer of the door's own).
//!
//! Anything bounded that the first comer could take whole is shared out among the clients' networks
//! (`crate::shares`): the places in the waiting lists, the bytes of half-sent requests, the TLS
//! handshakes. Until a request's head is read, its connection counts for the peer; from then on for
//! the client that a listed proxy names.
//!
//! Limits of the design: HTTP/1.0 and HTTP/1.1 only; request bodies are held whole, so they are
//! small; one thread does the TLS of all clients.

mod accepting;
mod answer;
pub mod canonical;
pub mod chunked;
mod connection;
mod connection_limits;
mod cors;
mod deadlines;
mod door;
mod event_loop;
mod exchange;
pub mod forwarded;
pub mod framing;
mod idleness;
mod lane;
mod lifecycle;
mod listener;
mod log_throttle;
mod nonblocking;
mod outgoing;
mod problem;
mod reading;
mod relaying;
#[cfg(feature = "tls")]
mod renewal;
mod reply;
mod request;
mod request_line;
mod settings;
mod slots;
mod stopping;
mod stream;
mod timeouts;
#[cfg(feature = "tls")]
mod tls;
mod upstream;
mod waiting;

pub use self::canonical::{CLIENT_FIELD, PROXY_FIELD, REQUEST_ID_FIELD};
pub use self::door::Door;
pub(crate) use self::door::check_tls;
pub use self::lane::{Hooks, Lane, Upstreams};
pub use self::lifecycle::End;
pub use self::listener::{Address, Listener};
pub use self::problem::{Cause, Problem, Refusal};
pub use self::request_line::Version;
pub use self::settings::Settings;
pub use self::upstream::PROBE_TARGET;
