//! What the process counts about itself: plain atomic numbers that any part adds to, without a lock
//! and without memory. `monitoring` shows them.
//!
//! They belong to the process and not to a service: that is what Prometheus watches. Where several
//! services run in one process, counters add up, and a gauge shows the service that set it last.
//! Numbers that a transaction adds to are added when the statement has run; one that runs again
//! because others were in its way is counted again.

#[cfg(feature = "pages")]
mod minutes;
mod numbers;

#[cfg(feature = "pages")]
use minutes::Minutes;
pub(crate) use numbers::{BOUNDS, Counter, Gauge, Histogram};

/// Most routes that are counted apart, and one place for everything else.
pub(crate) const ROUTES: usize = 64;

/// The place of what has no route.
pub(crate) const OTHER_ROUTE: u8 = 63;

/// Methods that are counted apart; any other is the last.
pub(crate) const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PATCH", "DELETE", "other"];

/// Classes of statuses.
pub(crate) const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Lanes, in the order of `front_door::Lane`.
pub(crate) const LANES: [&str; 2] = ["ordinary", "hashing"];

/// What became of an attempt to log in.
#[derive(Clone, Copy)]
pub(crate) enum Login {
    Success,
    WrongPassword,
    Locked,
    Expired,
    Limited,
    Error,
    MfaRequired,
    WrongCode,
}

/// The words for it, in order.
pub(crate) const LOGINS: [&str; 8] = [
    "success",
    "wrong_password",
    "locked",
    "expired",
    "limited",
    "error",
    "mfa_required",
    "wrong_code",
];

/// What a limit refused.
#[derive(Clone, Copy)]
pub(crate) enum Limited {
    Login,
    Registration,
    Refresh,
    Recovery,
}

/// The words for it, in order.
pub(crate) const LIMITS: [&str; 4] = ["login", "registration", "refresh", "recovery"];

/// Kinds of password hashes.
#[derive(Clone, Copy)]
pub(crate) enum Hash {
    Own,
    Bcrypt,
    Argon2,
    Scrypt,
    Pbkdf2,
}

/// The words for them, in order: Gatepost's own, and foreign ones.
pub(crate) const HASHES: [&str; 5] = ["own", "bcrypt", "argon2", "scrypt", "pbkdf2"];

/// Most of Gatepost's own hashes that are computed at once, and the length of what counts them.
pub(crate) const AT_ONCE: usize = 16;

/// Why the front door answers by itself.
pub(crate) const REFUSALS: [&str; 10] = [
    "invalid_request",
    "request_timeout",
    "payload_too_large",
    "target_too_long",
    "expectation_failed",
    "headers_too_large",
    "not_implemented",
    "overloaded",
    "unavailable",
    "version_not_supported",
];

/// Requests by route, method and class of status.
pub(crate) struct Requests([[[Counter; CLASSES.len()]; METHODS.len()]; ROUTES]);

impl Requests {
    /// Counts one.
    pub(crate) fn count(&self, route: u8, method: &str, status: u16) {
        let other = METHODS.len() - 1;
        let method = METHODS.iter().position(|name| *name == method).unwrap_or(other);
        let class = usize::from(status / 100).clamp(1, CLASSES.len()) - 1;
        self.0[usize::from(route) % ROUTES][method][class].add(1);
        #[cfg(feature = "pages")]
        {
            BY_MINUTE.requests.count();
            if class == CLASSES.len() - 1 {
                BY_MINUTE.faults.count();
            }
        }
    }

    /// Those of a route that were counted: method, class and how many.
    pub(crate) fn of(
        &self,
        route: usize,
    ) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        let methods = METHODS.iter().zip(&self.0[route]);
        methods.flat_map(|(method, classes)| {
            let counted = CLASSES.iter().zip(classes).map(|(class, count)| (*class, count.get()));
            counted.filter(|(_, count)| *count > 0).map(|(class, count)| (*method, class, count))
        })
    }
}

/// What an admin sees of the last hour.
#[cfg(feature = "pages")]
pub(crate) struct ByMinute {
    pub(crate) requests: Minutes,
    /// Those with a status from 500.
    pub(crate) faults: Minutes,
    pub(crate) logins: Minutes,
    pub(crate) failed_logins: Minutes,
}

#[cfg(feature = "pages")]
pub(crate) static BY_MINUTE: ByMinute = ByMinute {
    requests: Minutes::new(),
    faults: Minutes::new(),
    logins: Minutes::new(),
    failed_logins: Minutes::new(),
};

/// Counts what became of an attempt to log in.
pub(crate) fn count_login(outcome: Login) {
    LOGGED_IN[outcome as usize].add(1);
    #[cfg(feature = "pages")]
    match outcome {
        Login::Success => BY_MINUTE.logins.count(),
        Login::MfaRequired => {}
        _ => BY_MINUTE.failed_logins.count(),
    }
}

/// Requests that were answered by a worker.
pub(crate) static HTTP_REQUESTS: Requests = Requests(
    [const { [const { [const { Counter::new() }; CLASSES.len()] }; METHODS.len()] }; ROUTES],
);

/// How long they took, by route.
pub(crate) static HTTP_DURATIONS: [Histogram; ROUTES] = [const { Histogram::new() }; ROUTES];

/// What a lane of the front door does.
pub(crate) struct LaneNumbers {
    /// Requests that wait now.
    pub(crate) waiting: Gauge,
    /// Requests that a worker took.
    pub(crate) taken: Counter,
    /// Requests that were answered with 503 instead.
    pub(crate) refused: Counter,
    /// How long those that were taken had waited.
    pub(crate) wait: Histogram,
}

/// By lane.
pub(crate) static LANE: [LaneNumbers; 2] = [const {
    LaneNumbers {
        waiting: Gauge::new(),
        taken: Counter::new(),
        refused: Counter::new(),
        wait: Histogram::new(),
    }
}; 2];

/// Clients that are connected.
pub(crate) static CONNECTIONS: Gauge = Gauge::new();
/// Clients that have connected.
pub(crate) static CONNECTIONS_ACCEPTED: Counter = Counter::new();
/// Clients for which there was no room.
pub(crate) static CONNECTIONS_REFUSED: Counter = Counter::new();
/// TLS handshakes that were completed, and that failed.
pub(crate) static HANDSHAKES: [Counter; 2] = [const { Counter::new() }; 2];
/// Answers of the front door's own, in the order of [`REFUSALS`].
pub(crate) static DOOR_ANSWERS: [Counter; REFUSALS.len()] =
    [const { Counter::new() }; REFUSALS.len()];
/// Bytes that clients make the front door hold.
pub(crate) static HELD_BYTES: Gauge = Gauge::new();

/// Password hashes that were computed, by kind.
pub(crate) static HASHED: [Counter; HASHES.len()] = [const { Counter::new() }; HASHES.len()];
/// Runs of the kernel, by how many of our own hashes each computed at once, less one.
pub(crate) static HASH_RUNS: [Counter; AT_ONCE] = [const { Counter::new() }; AT_ONCE];

/// How long requests waited for a connection to the database.
pub(crate) static DATABASE_WAIT: Histogram = Histogram::new();
/// Requests that got none.
pub(crate) static DATABASE_FAILURES: Counter = Counter::new();

/// Logins, in the order of [`LOGINS`].
pub(crate) static LOGGED_IN: [Counter; LOGINS.len()] = [const { Counter::new() }; LOGINS.len()];
/// Refusals by limits, in the order of [`LIMITS`].
pub(crate) static REFUSED_BY_LIMIT: [Counter; LIMITS.len()] =
    [const { Counter::new() }; LIMITS.len()];

/// Sessions that were opened, refreshed, ended, and ended because a retired token was used.
pub(crate) static SESSIONS_OPENED: Counter = Counter::new();
pub(crate) static SESSIONS_REFRESHED: Counter = Counter::new();
pub(crate) static SESSIONS_ENDED: Counter = Counter::new();
pub(crate) static SESSIONS_STOLEN: Counter = Counter::new();

/// What became of an attempt to hand a message over.
#[derive(Clone, Copy)]
#[cfg_attr(not(feature = "mail"), expect(dead_code, reason = "then none is made"))]
pub(crate) enum Delivery {
    Delivered,
    Refused,
    Away,
}

/// The words for it, in order.
pub(crate) const DELIVERY_OUTCOMES: [&str; 3] = ["delivered", "refused", "away"];

/// What is handed over, in the order of `outbox::store::Channel`.
pub(crate) const DELIVERED: [&str; 2] = ["mail", "event"];

/// Attempts to hand messages and events over.
pub(crate) static DELIVERIES: [[Counter; DELIVERY_OUTCOMES.len()]; DELIVERED.len()] =
    [const { [const { Counter::new() }; DELIVERY_OUTCOMES.len()] }; DELIVERED.len()];

/// Rows of the audit log.
pub(crate) static AUDIT_ROWS: Counter = Counter::new();
