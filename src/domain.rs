//! The vocabulary that all layers share: numbers, logins, moments and pages. Each value is parsed
//! once, where it comes in, and is valid from then on. Nothing here knows the database or HTTP.

mod id;
mod login;
mod page;
mod timestamp;

pub use id::{SessionId, UserId};
pub use login::Login;
pub use page::Page;
pub use timestamp::Timestamp;
