//! Browsers: the cookie by which one is known to be signed in, and which of its requests may change
//! something.
//!
//! A browser sends its cookies with every request to an origin, whoever made it send the request. So a
//! cookie says who asks, and a form counts only if a page of our own origin sent it.

mod cookie;
mod origin;

pub(crate) use cookie::{Cookie, SignedIn, issue, signed_in};
pub(crate) use origin::{OwnOrigin, check_sent_by_own_page};
