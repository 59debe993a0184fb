//! `[audit]`: the record of who did what.

use std::time::Duration;

section! {
    /// The record of who did what.
    audit: Audit with AuditTuning {
        /// Keeps the record.
        ///
        /// It costs a row for each login, which `gatepost audit prune` removes.
        enabled: bool = "true";

        /// How long rows are kept; 0s means for ever. On the private PostgreSQL the service removes
        /// older rows once a day, or once in this time if that is less than a day. Elsewhere it has
        /// no right to, and the log says what is due.
        ///
        /// A year answers most questions about what happened. A flood brings 144,000 rows a day,
        /// too many for a small disk to keep for ever.
        keep: Duration = "365d", "1s" to "3650d" or "0s";
    }
}

tuning! {
    audit: AuditTuning {
        /// Failed logins for which an instance writes a row each, in one minute. Further ones are
        /// counted, in one row a minute. A flood writes some 50 MB a day at most.
        failures_per_minute: u32 = "100", "0" to "1000000";
    }
}
