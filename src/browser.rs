//! Browsers: the cookie by which one is known to be signed in, and which of its requests may change
//! something.
//!
//! A browser sends its cookies with every request to an origin, whoever made it send the request. So a
//! cookie says who asks, and a form counts only if a page of our own origin sent it.

mod cookie;
mod elsewhere;
mod origin;
mod shown;

pub(crate) use cookie::{
    Cookie, issue, of_others as cookies_of_others, renewed, signed_in,
    signed_in_beside_authorization,
};
pub(crate) use elsewhere::{State, code, come_back, signed_in_at};
pub(crate) use origin::{OwnOrigin, check_sent_by_own_page};
pub(crate) use shown::SignedIn;
