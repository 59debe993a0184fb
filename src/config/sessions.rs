//! `[sessions]`: how long users stay logged in.

use std::time::Duration;

section! {
    /// How long users stay logged in.
    sessions: Sessions with SessionsTuning {
        /// How long a session lives after its last refresh.
        ///
        /// A client that is opened once a week stays logged in; one that is forgotten does not.
        idle_timeout: Duration = "7d", "1s" to "365d";

        /// How long a session lives at most.
        ///
        /// At AAL1, NIST SP 800-63B-4, 2.1.3, allows no longer without a new login.
        lifetime: Duration = "30d", "1s" to "3650d";

        /// How long a retired refresh token still gets the same successor. With 0s a lost answer
        /// logs the user out.
        ///
        /// It is long enough for a client that lost the answer to try again, and too short for a
        /// thief to come first unnoticed.
        refresh_grace: Duration = "10s", "0s" to "60s";

        /// Sessions of one user. A login beyond this number ends the oldest session.
        ///
        /// It is more than the devices and scripts of one user need, and it bounds the rows that
        /// one user can fill the table with.
        per_user: u32 = "1000", "1" to "100000";
    }
}

tuning! {
    sessions: SessionsTuning {
        /// How often the rows of sessions that were over before today, in UTC, are removed. Until then
        /// they do no harm.
        sweep_interval: Duration = "1m", "1s" to "1d";
    }
}
