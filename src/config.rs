//! The settings: what there is, and the defaults.
//!
//! Each section has a file in `config/`. There a setting is declared once, with its type, default,
//! range and reason, and `config/setting.rs` derives everything else. A value that only embedding
//! programs have a reason to change is no setting, but a field of the section's `tuning`.
//! Combinations that are refused are in `config/checks.rs`, sources of settings (files,
//! environment) in `config/load.rs`, the forms of values in `config/values.rs`, and names that are
//! no longer settings in `config/retired.rs`.

#[macro_use]
mod setting;
#[macro_use]
mod values;

mod access;
mod audit;
mod checks;
mod claims;
pub(crate) mod conninfo;
mod database;
mod endpoint;
mod gate;
mod host_name;
mod inert;
mod limits;
mod load;
mod log_levels;
mod logging;
mod mail;
mod mail_checks;
mod monitoring;
mod net;
mod pages;
mod passkeys;
mod passwords;
mod profile;
#[cfg(test)]
mod reference;
mod required_mfa;
mod retired;
mod sections;
mod server;
mod sessions;
mod socket_mode;
mod tokens;
mod web_origin;

pub use access::{Access, AccessMode, Registration};
pub use audit::{Audit, AuditTuning};
pub use claims::ClaimTemplates;
pub(crate) use claims::{Source, Template};
pub use database::{Database, DatabaseTuning};
#[cfg(feature = "mail")]
pub(crate) use endpoint::{SmtpServer, SmtpTls, webhook_secret};
pub use gate::{Gate, GateRule, GateRules};
pub use host_name::{HostName, NotAHostName};
pub use limits::{Limits, LimitsTuning};
pub use load::{Loaded, Origin};
pub use log_levels::LogLevels;
pub use logging::{Log, LogFormat};
pub(crate) use mail::Way;
pub use mail::{Events, Mail, Recovery};
#[cfg(feature = "mail")]
pub(crate) use mail_checks::sender;
pub use monitoring::Metrics;
pub use net::{Cidr, ForwardedHeader, Listen, NotACidr, NotListen};
#[cfg(feature = "pages")]
pub(crate) use pages::picture;
pub use pages::{Color, Pages, PagesEnabled};
pub use passkeys::Passkeys;
pub(crate) use passwords::{MAX_ITERATIONS, SAFE_ITERATIONS};
pub use passwords::{Passwords, PasswordsTuning};
pub use profile::Profile;
pub use required_mfa::RequiredMfa;
pub use sections::Config;
pub(crate) use server::MOST_UPSTREAMS;
pub use server::{Server, ServerTuning};
pub use sessions::{Sessions, SessionsTuning};
pub use socket_mode::{NotASocketMode, SocketMode};
pub use tokens::{Algorithm, Encryption, Tokens, TokensTuning};
pub use web_origin::{NotAWebOrigin, WebOrigin};
