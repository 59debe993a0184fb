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
        /// what is older once a day, or as often as this where it is less than a day. Elsewhere it
        /// has no right to, and the log says what is due.
        ///
        /// A year answers most questions about what happened. A flood brings 144,000 rows a day,
        /// too many for a small disk to keep for ever.
        keep: Duration = "365d", "1s" to "3650d" or "0s";
    }
}

tuning! {
    audit: AuditTuning {
        /// Failed logins that an instance writes in a row of their own each minute. The others are
        /// counted, in a row for each minute. A flood writes some 50 MB a day at most.
        failures_per_minute: u32 = "100", "0" to "1000000";
    }
}
