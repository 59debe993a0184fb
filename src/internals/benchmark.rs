//! What `benches/` measure inside the library. Not part of the interface.

use crate::app::App;
use crate::config::{Config, Profile};
use crate::domain::Page;
use crate::error::{Error, Result};
use crate::front_door::Lane;
use crate::metrics;
use crate::passwords::breached::BreachList;
use crate::passwords::kernel::{HASH_BYTES, Job, Kernel};
use crate::passwords::{Hasher, Password, PasswordHash, Verdict, common, cost};
use crate::routes;
use crate::users::{self, Filter, Position};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Which threads answer a request, as the front door asks.
pub fn lane(method: &str, path: &str, body: &[u8]) -> Lane {
    routes::lane(method, path, body)
}

/// Counts a request as the path of one does: its route, status and time, its wait for a connection,
/// and what the door sets on each turn of its loop.
pub fn count_request(began: Instant) {
    metrics::HTTP_REQUESTS.count(1, "GET", 200);
    metrics::HTTP_DURATIONS[1].observe(began.elapsed());
    metrics::DATABASE_WAIT.observe(began.elapsed());
    metrics::CONNECTIONS.set(16);
    metrics::HELD_BYTES.set(4096);
    for lane in &metrics::LANE {
        lane.waiting.set(1);
    }
    metrics::LANE[0].taken.add(1);
    metrics::LANE[0].wait.observe(began.elapsed());
}

/// The plan with which PostgreSQL makes a page of the users who pass a filter, and what it cost.
///
/// # Errors
/// Database errors.
pub fn plan_of_users(
    app: &App,
    filter: &Filter,
    page: Page,
    after: Option<&Position>,
) -> Result<String> {
    app.database()?.with_connection(|conn| users::explain(conn, filter, page, after))
}

/// An opened list of breached passwords.
#[derive(Debug)]
pub struct List(BreachList);

impl List {
    /// Opens one.
    ///
    /// # Errors
    /// As `passwords.breach_list`.
    pub fn open(path: &Path) -> Result<Self> {
        BreachList::open(path).map(Self)
    }

    /// Whether it holds a password.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn contains(&self, password: &[u8]) -> Result<bool> {
        self.0.contains(password)
    }
}

/// Whether a password, in lower case, is one of the most common.
pub fn is_common(password: &str) -> bool {
    common::is_common(password)
}

/// The most passwords that the kernel computes at once.
pub fn lanes() -> usize {
    Kernel::detect().lanes()
}

/// How many at once, with which instructions, and the nanoseconds that an iteration of all of them
/// takes, as measured at the start.
pub fn measured() -> Vec<(usize, &'static str, f64)> {
    let measured = Kernel::detect().measured().into_iter();
    measured.map(|one| (one.at_once, one.way, one.nanoseconds)).collect()
}

/// Whether a way of the kernel failed its self-check, so that others replace it.
pub fn failed_self_check() -> bool {
    !Kernel::detect().failed_self_check().is_empty()
}

/// Derives so many hashes in one call.
pub fn derive(
    password: &[u8],
    salt: &[u8],
    iterations: u32,
    hashes: usize,
) -> Vec<[u8; HASH_BYTES]> {
    Kernel::detect().derive(&vec![Job { password, salt, iterations }; hashes], &|| ())
}

/// The costliest password hash of each kind that is accepted.
pub fn costliest_hashes() -> Vec<&'static str> {
    cost::BOUNDS.iter().map(|[most, _]| *most).collect()
}

/// Verifies a password against a stored hash of any kind, on a hashing thread of its own.
///
/// # Errors
/// When the hash or the password is invalid, or there is no memory for it.
pub fn verify(password: &str, stored: &str) -> Result<bool> {
    let password = Password::parse(password)?;
    let stored = PasswordHash::stored(stored);
    let stored = stored.map_err(|cause| Error::Internal(cause.to_string()))?;
    let mut settings = Config::new(Profile::Testing).passwords;
    settings.tuning.foreign_memory_bytes = 1 << 30;
    let hasher = Hasher::new(&settings, 1, 1, Arc::default())?;
    Ok(hasher.verify(&password, Some(&stored))? != Verdict::Wrong)
}
