//! The front door with tiny_http behind it, as clients see it. Everything stays on loopback.

mod abuse;
mod framing;
mod leaving;
mod limits;
mod listening;
#[path = "../../fuzz/oracles.rs"]
mod oracles;
mod proxies;
mod replies;
mod shares;
pub(crate) mod smoke;
mod smuggling;
mod stopping;
mod support;
#[cfg(feature = "tls")]
mod tls;
mod upstreams;
mod without_the_door;
