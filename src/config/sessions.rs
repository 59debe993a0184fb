//! `[sessions]`: how long somebody stays logged in.

use std::time::Duration;

section! {
    /// How long somebody stays logged in.
    sessions: Sessions with SessionsTuning {
        /// How long a session lives after its last refresh.
        ///
        /// A client that is opened once a week stays logged in, one that is forgotten does not.
        idle_timeout: Duration = "7d", "1s" to "365d";

        /// How long a session lives at most.
        ///
        /// NIST SP 800-63B-4, 2.1.3, allows no longer without a new login at AAL1.
        lifetime: Duration = "30d", "1s" to "3650d";

        /// How long a retired refresh token gets its same successor again. With 0s a lost answer
        /// logs the user out.
        ///
        /// It is long enough for a client that lost the answer to try again, and too short for a
        /// thief to come first unnoticed.
        refresh_grace: Duration = "10s", "0s" to "60s";

        /// Sessions of one user. A login beyond that ends the oldest.
        ///
        /// It is more than the devices and scripts of one user, and a bound on what one user can
        /// fill the table with.
        per_user: u32 = "1000", "1" to "100000";
    }
}

tuning! {
    sessions: SessionsTuning {
        /// How often the rows of sessions that are over are removed. They harm nobody meanwhile.
        sweep_interval: Duration = "1m", "1s" to "1d";
    }
}
