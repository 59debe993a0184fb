//! The names of variables: which are ours, and which a container platform sets and only look like
//! ours.

/// The prefix of every environment variable that is a setting.
pub(super) const PREFIX: &str = "GATEPOST_";

/// The variable that chooses the profile.
pub(super) const PROFILE_VARIABLE: &str = "APP_SETTINGS";

/// The one variable with that prefix that is not a setting: it names a configuration file.
pub(super) const CONFIG_VARIABLE: &str = "GATEPOST_CONFIG";

/// Whether a container platform sets this variable, given without the prefix, for a service of our
/// name. No section is ever called that.
pub(super) fn is_of_platform(rest: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let is_name = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    };
    if matches!(rest, "PORT" | "SERVICE_HOST" | "SERVICE_PORT") {
        return true;
    }
    if let Some(name) = rest.strip_prefix("SERVICE_PORT_") {
        return is_name(name);
    }
    let mut parts = rest.strip_prefix("PORT_").unwrap_or_default().splitn(3, '_');
    let number = parts.next().is_some_and(is_number);
    let protocol = matches!(parts.next(), Some("TCP" | "UDP" | "SCTP"));
    number && protocol && matches!(parts.next(), None | Some("PROTO" | "PORT" | "ADDR"))
}
