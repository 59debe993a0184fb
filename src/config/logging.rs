//! `[log]`: what goes to standard error, and how it is written.

use super::log_levels::LogLevels;

section! {
    /// What goes to standard error.
    log: Log {
        /// How much is said. `info` is one line a request. `debug` adds the requests that poll:
        /// `/livez`, `/readyz`, `/revocations`. Modules can have levels of their own, as in
        /// `info,gatepost::db=debug`; a line of the log names its module.
        ///
        /// One line a request shows what happened. It holds no login and no secret.
        level: LogLevels = "info";

        /// How a line is written: `logfmt` as a text for people, `json` as an object for programs.
        ///
        /// Most people read their log themselves.
        format: LogFormat = "logfmt";

        /// Whether requests that are answered have a line. Faults are logged all the same.
        ///
        /// Where a proxy has a log of its own, a second one of the same requests is of no use.
        requests: bool = "true";
    }
}

/// How a line of the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogFormat {
    /// A text: time, level, target, message.
    Logfmt,
    /// A JSON object.
    Json,
}

words!(LogFormat { "logfmt" => LogFormat::Logfmt, "json" => LogFormat::Json });
