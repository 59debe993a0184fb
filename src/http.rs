//! HTTP, and nothing of what Gatepost does with it: the worker pool, requests, responses.
//!
//! The router comes in as a closure. Requests are owned and bounded before it sees them.

pub(crate) mod parameters;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod server;

pub(crate) use request::Request;
pub(crate) use response::Response;
