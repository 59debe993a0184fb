//! `[limits]`: how many failures are allowed before a client must wait.

use super::profile::Profile;
use std::time::Duration;

section! {
    /// How many failures are allowed before a client must wait. Each further failure doubles the
    /// wait, up to the time in which one failure is forgotten: 30 minutes for an account, 20
    /// seconds for a network, 10 seconds for a registration. From then on guesses get through only
    /// as fast as failures are forgotten. A network is a /24 of IPv4 or a /64 of IPv6.
    limits: Limits with LimitsTuning {
        /// Counts failures at all.
        ///
        /// `false` is for a program that limits guesses by itself.
        enabled: bool = "true";

        /// Failed logins of one account, or of one unknown login, before the first wait.
        ///
        /// That is more than people need. With the growing waits it allows some 20 guesses in the
        /// first hour.
        account_failures: u32 = "10", "2" to "1000000";

        /// Failed logins from one network, for any account, before the first wait.
        ///
        /// The people in an office share one address, and mistype too.
        network_failures: u32 = "200", "2" to "1000000";

        /// Registrations from one network before the first wait.
        ///
        /// A script that registers some hundred users passes; a flood of accounts does not.
        registrations: u32 = "300", "2" to "10000";
    }
}

tuning! {
    limits: LimitsTuning {
        /// The time in which an account's failure is forgotten, and the longest wait: 48 guesses a
        /// day in the long run, below the 100 that NIST SP 800-63B-4, 3.2.2 allows in a row.
        account_forget: Duration = "30m", "1s" to "24h";

        /// The time in which a network's failure is forgotten, and the longest wait: 180 guesses an
        /// hour.
        network_forget: Duration = "20s", "1s" to "24h";

        /// The time in which a registration is forgotten, and the longest wait: 360 an hour.
        registration_forget: Duration = "10s", "1s" to "24h";

        /// Refreshes of one session before one is refused. A client with 64 parts that all refresh
        /// at once, and try again, passes.
        refreshes: u32 = "200", "2" to "10000";

        /// The time in which a refresh is forgotten: the shortest life of an access token. A client
        /// that refreshes more often is in a loop.
        refresh_forget: Duration = "1s", "1s" to "24h";

        /// The first wait, which then doubles. A person hardly notices it.
        first_wait: Duration = "1s", "10ms" to "1h";

        /// How many logins, how many networks and how many pairs of them are remembered with their
        /// failures at a time. Those with the fewest failures are forgotten first. They take some
        /// 20 MB in the database at most. A sweep still counts a million in its time.
        remembered: usize = "100000", "1000" to "1000000";
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new(Profile::Development)
    }
}
