//! `[limits]`: how often somebody may fail.

use std::time::Duration;

/// `[limits]`: how often somebody may fail before they must wait. A wait doubles with each further
/// failure, up to the time in which one failure is forgotten; then guesses come through as fast as
/// they are forgotten, and no faster.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Whether anything is counted at all. Default `true`. `false` is for a program that limits
    /// by itself.
    pub enabled: bool,
    /// Failed logins of one account, or of a login that nobody has, before the first wait. Default
    /// 10: more than people need, and with the growing waits some 20 guesses in the first hour. 2
    /// to 1000000.
    pub account_failures: u32,
    /// The time in which an account's failure is forgotten, and the longest wait. Default `30m`:
    /// 48 guesses a day in the long run, below the 100 that NIST SP 800-63B-4, 3.2.2 allows in a
    /// row. 1 s to 24 h.
    pub account_forget: Duration,
    /// Failed logins of one network, whoever they were for, before the first wait. Default 200:
    /// an office behind one address mistypes too. 2 to 1000000.
    pub network_failures: u32,
    /// The time in which a network's failure is forgotten, and the longest wait. Default `20s`:
    /// 180 guesses an hour. 1 s to 24 h.
    pub network_forget: Duration,
    /// Registrations of one network before the first wait. Default 300: a script that registers
    /// some hundred users passes, a flood of accounts does not. 2 to 10000.
    pub registrations: u32,
    /// The time in which a registration is forgotten, and the longest wait. Default `10s`: 360 an
    /// hour. 1 s to 24 h.
    pub registration_forget: Duration,
    /// Refreshes of one session before one is refused. Default 200: a client whose 64 parts all
    /// refresh at once, and try again, passes. 2 to 10000.
    pub refreshes: u32,
    /// The time in which a refresh is forgotten. Default `1s`, the shortest life of an access
    /// token: who refreshes more often is in a loop. 1 s to 24 h.
    pub refresh_forget: Duration,
    /// The first wait of those that double. Default `1s`. 10 ms to 1 h.
    pub first_wait: Duration,
    /// Logins, networks and pairs of them, of each so many, whose failures are remembered at a
    /// time; those with the fewest failures are forgotten first. Default 100000, some 20 MB in the
    /// database at most. 1000 to 1000000, which
    /// a sweep still counts in its time.
    pub remembered: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            enabled: true,
            account_failures: 10,
            account_forget: Duration::from_secs(30 * 60),
            network_failures: 200,
            network_forget: Duration::from_secs(20),
            registrations: 300,
            registration_forget: Duration::from_secs(10),
            refreshes: 200,
            refresh_forget: Duration::from_secs(1),
            first_wait: Duration::from_secs(1),
            remembered: 100_000,
        }
    }
}
