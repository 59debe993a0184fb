//! The vocabulary that all layers share: numbers, logins, roles, attributes, moments and pages. Each value is parsed
//! once, where it comes in, and is valid from then on. Nothing here knows the database or HTTP.

mod attributes;
mod email;
mod id;
mod login;
mod names;
mod page;
mod timestamp;
mod web_path;

pub use attributes::{Attributes, AttributesPatch};
pub use email::Email;
pub use id::{FactorId, SessionId, UserId};
pub use login::{Login, LoginPrefix};
pub use names::{Name, Names};
pub use page::Page;
pub use timestamp::Timestamp;
pub use web_path::{NotAWebPath, WebPath};
