//! HTTP without any feature of Gatepost: the worker pool, requests, responses.
//!
//! The router comes in as a closure. Requests come from the front door, bounded, and are owned
//! before the router sees them.

#[cfg(feature = "pages")]
pub(crate) mod browser_fields;
#[cfg(feature = "pages")]
mod browsers;
pub(crate) mod hosts;
mod oauth;
pub(crate) mod paging;
pub(crate) mod parameters;
mod private_dir;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod server;
mod told;
mod trace;

pub(crate) use private_dir::PrivateDir;
pub(crate) use request::Request;
pub(crate) use response::Response;
#[cfg(feature = "pages")]
pub(crate) use told::Told;
