//! Names that were settings once. A configuration that still has one gets a message about its
//! successor.

use super::audit::AuditTuning;
use super::database::DatabaseTuning;
use super::limits::LimitsTuning;
use super::passwords::PasswordsTuning;
use super::sections::table;
use super::server::ServerTuning;
use super::sessions::SessionsTuning;
use super::tokens::TokensTuning;

/// What became of a setting.
enum Now {
    /// It has another name.
    Named(&'static str),
    /// It has a fixed value: that of this name in a `tuning`.
    Fixed(&'static str),
    /// It follows from other settings.
    Follows(&'static str),
}
use Now::{Fixed, Follows, Named};

/// Every name that is no longer a setting.
const RETIRED: &[(&str, Now)] = &[
    ("server.stop_deadline", Named("server.shutdown_timeout")),
    ("server.head_bytes", Fixed("server.head_bytes")),
    ("server.request_line_bytes", Fixed("server.request_line_bytes")),
    ("server.head_fields", Fixed("server.head_fields")),
    ("server.body_bytes", Fixed("server.body_bytes")),
    ("server.reply_bytes", Fixed("server.reply_bytes")),
    ("server.buffered_bytes", Fixed("server.buffered_bytes")),
    ("server.head_deadline", Named("server.header_timeout")),
    ("server.body_deadline", Fixed("server.body_timeout")),
    ("server.request_deadline", Named("server.request_timeout")),
    ("server.idle_deadline", Named("server.idle_timeout")),
    ("server.write_deadline", Fixed("server.write_timeout")),
    ("server.hold_deadline", Fixed("server.hold_timeout")),
    ("server.requests_per_connection", Fixed("server.requests_per_connection")),
    ("server.ordinary_upstreams", Follows("two for each of server.workers")),
    ("server.ordinary_waiting", Fixed("server.ordinary_queue")),
    ("server.ordinary_waiting_bytes", Fixed("server.ordinary_queue_bytes")),
    ("server.ordinary_waiting_deadline", Fixed("server.ordinary_queue_timeout")),
    (
        "server.hashing_upstreams",
        Follows("what the processor can use, for each of server.hashing_threads"),
    ),
    ("server.hashing_waiting", Named("server.hashing_queue")),
    ("server.hashing_waiting_bytes", Fixed("server.hashing_queue_bytes")),
    ("server.hashing_waiting_deadline", Fixed("server.hashing_queue_timeout")),
    ("server.handshake_deadline", Fixed("server.handshake_timeout")),
    ("server.max_handshakes", Fixed("server.max_handshakes")),
    ("server.tls_check_interval", Fixed("server.tls_check_interval")),
    ("server.linger_deadline", Fixed("server.linger_timeout")),
    ("server.linger_bytes", Fixed("server.linger_bytes")),
    ("database.pool_wait", Fixed("database.pool_wait")),
    ("database.connect_timeout", Fixed("database.connect_timeout")),
    ("database.tcp_user_timeout", Fixed("database.tcp_user_timeout")),
    ("database.transaction_attempts", Fixed("database.transaction_attempts")),
    ("passwords.foreign_memory_bytes", Fixed("passwords.foreign_memory_bytes")),
    ("limits.account_forget", Fixed("limits.account_forget")),
    ("limits.network_forget", Fixed("limits.network_forget")),
    ("limits.registration_forget", Fixed("limits.registration_forget")),
    ("limits.refreshes", Fixed("limits.refreshes")),
    ("limits.refresh_forget", Fixed("limits.refresh_forget")),
    ("limits.first_wait", Fixed("limits.first_wait")),
    ("limits.remembered", Fixed("limits.remembered")),
    ("audit.failures_per_minute", Fixed("audit.failures_per_minute")),
    ("tokens.verified_tokens", Fixed("tokens.verified_tokens")),
    ("tokens.encryption_key", Named("encryption.key")),
    ("tokens.encryption_key_previous", Named("encryption.previous_key")),
    ("tokens.key_check_interval", Fixed("tokens.key_check_interval")),
    ("sessions.sweep_interval", Fixed("sessions.sweep_interval")),
];

/// The message about a name that is no longer a setting, with or without `_file` at its end; `None`
/// for one that never was.
pub(super) fn message(section: &str, key: &str) -> Option<String> {
    let name = format!("{section}.{key}");
    let plain = name.strip_suffix("_file");
    let of_name = |(old, _): &&(&str, Now)| *old == name || Some(*old) == plain;
    let (old, now) = RETIRED.iter().find(of_name)?;
    Some(match now {
        Named(new) if *old != name && is_secret(new) => format!("{name} is now {new}_file"),
        Named(new) => format!("{old} is now {new}"),
        Fixed(new) => format!("{old} is no longer a setting: it is {}", value(new)?),
        Follows(rule) => format!("{old} is no longer a setting: it is {rule}"),
    })
}

fn is_secret(name: &str) -> bool {
    table().any(|setting| setting.secret && setting.name() == name)
}

/// The fixed value of a name in a `tuning`.
fn value(name: &str) -> Option<&'static str> {
    let sections = [
        ServerTuning::FIXED,
        DatabaseTuning::FIXED,
        PasswordsTuning::FIXED,
        LimitsTuning::FIXED,
        AuditTuning::FIXED,
        TokensTuning::FIXED,
        SessionsTuning::FIXED,
    ];
    sections.concat().into_iter().find(|(found, _)| *found == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(name: &str) -> String {
        let (section, key) = name.split_once('.').unwrap();
        message(section, key).unwrap()
    }

    #[test]
    fn a_retired_name_is_answered_with_the_new_one_or_with_its_value() {
        for (name, text) in [
            ("server.head_deadline", "server.head_deadline is now server.header_timeout"),
            ("server.head_deadline_file", "server.head_deadline is now server.header_timeout"),
            ("tokens.encryption_key", "tokens.encryption_key is now encryption.key"),
            ("tokens.encryption_key_file", "tokens.encryption_key_file is now encryption.key_file"),
            (
                "tokens.encryption_key_previous_file",
                "tokens.encryption_key_previous_file is now encryption.previous_key_file",
            ),
            ("server.linger_bytes", "server.linger_bytes is no longer a setting: it is 1048576"),
            ("database.pool_wait_file", "database.pool_wait is no longer a setting: it is 2s"),
            (
                "server.hashing_upstreams",
                "server.hashing_upstreams is no longer a setting: it is what the processor \
                 can use, for each of server.hashing_threads",
            ),
        ] {
            assert_eq!(said(name), text);
        }
        assert_eq!(message("server", "listen"), None);
        assert_eq!(message("server", "lisen"), None);
    }

    #[test]
    fn no_retired_name_is_a_setting_and_each_leads_to_one_or_to_a_value() {
        let names: Vec<String> = table().map(super::super::setting::Setting::name).collect();
        for (old, now) in RETIRED {
            assert!(!names.contains(&(*old).to_owned()), "{old}");
            let text = said(old);
            if let Named(new) = now {
                assert!(names.contains(&(*new).to_owned()), "{text}");
            }
        }
    }
}
