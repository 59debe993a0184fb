//! The threads that hash: as many as cores, at a lower scheduling priority than all others, and
//! giving way to requests that are being answered meanwhile.
//!
//! A thread that needs a hash hands it over and waits. [`queue`] decides the order, by the network
//! of the client that the calling thread works for. No more can wait than there are callers, so the
//! queue is bounded by the threads that call. A foreign hash that a library computes cannot be
//! interrupted: it gives way by its priority alone.

mod queue;
mod slow_hash;
#[cfg(test)]
mod tests;

use super::cost;
use super::foreign::Foreign;
use super::kernel::{HASH_BYTES, Job, Kernel};
use crate::activity::Activity;
use crate::client;
use crate::error::{Error, Result};
use crate::metrics::{self, AT_ONCE, Hash};
use crate::shares::Network;
use crate::threads;
use queue::{ForeignCheck, Pbkdf2, Queue, Taken, Waiting, Work};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// How much nicer (setpriority(2)) the hashing threads are than the rest. It is enough for requests
/// that do not hash to come first on a busy core, and not so much that logins starve.
const NICER: i32 = 5;

/// How long a thread stands back at a time while others are answered. It computes for about half as
/// long in between, so logins keep a third of the cores whatever else happens.
///
/// Priority is not enough. PostgreSQL's processes are in scheduling groups of their own (Linux's
/// autogroup, or a control group), where a thread's niceness does not count, and one of them was
/// seen to wait 300 ms for a core that a hash had. And since 6.6 Linux lets a running thread use up
/// its slice of some milliseconds before one that has just been woken.
const STAND_BACK: Duration = Duration::from_micros(500);

/// How often a thread that stands back looks whether it may go on.
const GLANCE: Duration = Duration::from_micros(50);

/// What the threads are started with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) threads: usize,
    /// Bytes that the foreign hashes which run may take together.
    pub(super) budget: usize,
    /// Rounds of a hash, as configured.
    pub(super) usual: u32,
    /// Most hashes of several times that cost that may wait.
    pub(super) most_costly: usize,
}

/// The threads. Dropping it ends them.
pub(super) struct HashingThreads {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    kernel: &'static Kernel,
    activity: Arc<Activity>,
    /// Bytes that the foreign hashes which run may take together.
    budget: usize,
    queue: Mutex<Queue>,
    wake: Condvar,
}

impl HashingThreads {
    /// Starts the threads, which give way to `activity`.
    ///
    /// # Errors
    /// [`Error::Startup`] when one cannot be started.
    pub(super) fn start(bounds: Bounds, activity: Arc<Activity>) -> Result<Self> {
        Self::start_with(Kernel::detect(), bounds, activity)
    }

    fn start_with(
        kernel: &'static Kernel,
        bounds: Bounds,
        activity: Arc<Activity>,
    ) -> Result<Self> {
        let Bounds { threads, budget, usual, most_costly } = bounds;
        if kernel.failed_self_check() {
            log::warn!(
                "this machine's SHA instructions computed a wrong SHA-256, so hashing goes on without them, more slowly. The processor or the build is faulty"
            );
        }
        let queue = Mutex::new(Queue::new(threads, usual, most_costly));
        let wake = Condvar::new();
        let shared = Arc::new(Shared { kernel, activity, budget, queue, wake });
        let mut started = Self { shared, threads: Vec::new() };
        for number in 0..threads {
            let shared = Arc::clone(&started.shared);
            let thread = threads::start(format!("hash-{number}"), move || shared.work())?;
            started.threads.push(thread);
        }
        Ok(started)
    }

    /// Computes one hash and waits for it.
    ///
    /// # Errors
    /// [`Error::Internal`] when the thread that had it is gone, which would be a fault of ours;
    /// [`Error::Overloaded`] when it is costly and too many such hashes wait.
    pub(super) fn derive(
        &self,
        password: &[u8],
        salt: &[u8],
        iterations: u32,
    ) -> Result<[u8; HASH_BYTES]> {
        let (reply, answer) = sync_channel(1);
        let password = Zeroizing::new(password.to_vec());
        let salt = salt.to_vec();
        self.wait(Waiting::Pbkdf2(Pbkdf2 { password, salt, iterations, reply }), &answer)?
    }

    /// Verifies one foreign hash and waits for the outcome.
    ///
    /// # Errors
    /// [`Error::Internal`] when it needs more memory than the whole budget, and as
    /// [`derive`](Self::derive); those of [`Foreign::verify`].
    pub(super) fn verify(&self, password: &[u8], hash: &Foreign) -> Result<bool> {
        self.check_budget(hash).map_err(Error::Internal)?;
        let (reply, answer) = sync_channel(1);
        let password = Zeroizing::new(password.to_vec());
        let hash = hash.clone();
        self.wait(Waiting::Foreign(ForeignCheck { password, hash, reply }), &answer)?
    }

    /// Whether there is memory for this hash at all, or what the operator should know.
    pub(super) fn check_budget(&self, hash: &Foreign) -> std::result::Result<(), String> {
        let memory = hash.memory();
        let budget = self.shared.budget;
        if memory <= budget {
            return Ok(());
        }
        Err(format!(
            "a hash of {hash} needs {memory} bytes, and the memory for such hashes is {budget}"
        ))
    }

    fn wait<T>(&self, waiting: Waiting, answer: &Receiver<T>) -> Result<T> {
        let network = client::address().map_or(Network::HERE, Network::of);
        self.shared.lock().push(network, waiting);
        self.shared.wake.notify_one();
        answer.recv().map_err(|_| Error::Internal("a hashing thread is gone".to_owned()))
    }
}

impl Drop for HashingThreads {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.wake.notify_all();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                log::error!("a hashing thread panicked");
            }
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        // For this thread alone, on Linux. Where it is refused, all threads have the same priority.
        if let Err(error) = rustix::process::setpriority_process(None, NICER) {
            log::debug!("hashing threads keep their priority: {error}");
        }
        while let Some(taken) = self.take() {
            let Taken { work, costly } = taken;
            match work {
                Work::Together(taken) => self.derive(&taken, costly),
                Work::Alone(check) => self.verify(&check, costly),
            }
        }
    }

    /// Notes that something is done that other threads may have waited for.
    fn done(&self, memory: usize, costly: bool) {
        if memory > 0 || costly {
            self.lock().done(memory, costly);
            self.wake.notify_all();
        }
    }

    fn derive(&self, taken: &[Pbkdf2], costly: bool) {
        metrics::HASHED[Hash::Own as usize].add(taken.len() as u64);
        metrics::HASH_RUNS[taken.len().clamp(1, AT_ONCE) - 1].add(1);
        let mut hashes = vec![[0; HASH_BYTES]; taken.len()];
        let mut jobs: Vec<Job<'_>> = taken
            .iter()
            .zip(&mut hashes)
            .map(|(waiting, out)| Job {
                password: &waiting.password,
                salt: &waiting.salt,
                iterations: waiting.iterations,
                out,
            })
            .collect();
        let expected = jobs.iter().map(|job| cost::of_iterations(job.iterations)).sum();
        slow_hash::watch(Duration::from_nanos(expected), || {
            self.kernel.derive(&mut jobs, &|| self.give_way());
        });
        drop(jobs);
        self.done(0, costly);
        for (waiting, hash) in taken.iter().zip(hashes) {
            // Nothing receives it when the caller panicked.
            let _ = waiting.reply.send(Ok(hash));
        }
    }

    /// Leaves the core to others: to our own threads that wait for it, and for a time, while
    /// requests are being answered, to the threads that answer them.
    fn give_way(&self) {
        std::thread::yield_now();
        let begin = Instant::now();
        while self.activity.is_answering() && begin.elapsed() < STAND_BACK {
            std::thread::sleep(GLANCE);
        }
    }

    /// A library's panic must cost neither this thread nor the memory that was set aside.
    fn verify(&self, check: &ForeignCheck, costly: bool) {
        metrics::HASHED[check.hash.kind() as usize].add(1);
        let outcome = catch_unwind(AssertUnwindSafe(|| check.hash.verify(&check.password)));
        let outcome = outcome.unwrap_or_else(|_| {
            Err(Error::Internal("verifying a foreign hash panicked".to_owned()))
        });
        self.done(check.hash.memory(), costly);
        let _ = check.reply.send(outcome);
    }

    /// Waits for work that can be done now and takes it. `None` means the end.
    fn take(&self) -> Option<Taken> {
        let mut queue = self.lock();
        queue.idle += 1;
        loop {
            if let Some(taken) = queue.take(self.kernel.slots(), self.budget) {
                queue.idle -= 1;
                return Some(taken);
            }
            if queue.closed && queue.is_empty() {
                return None;
            }
            queue = self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
