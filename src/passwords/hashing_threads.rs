//! The threads that hash: as many as cores, at a lower scheduling priority than all others, and
//! giving way to requests that are being answered meanwhile.
//!
//! A thread that needs a hash hands it over and waits. [`queue`] decides the order, by the network
//! of the client that the calling thread works for. No more can wait than there are callers, so the
//! queue is bounded by the threads that call. A hashing thread computes several at once. One that
//! ends is answered at once, and the next takes its lane. A foreign hash that a library computes
//! cannot be interrupted: it gives way by its priority alone.

mod queue;
mod slow_hash;
#[cfg(test)]
mod tests;

use super::cost;
use super::foreign::Foreign;
use super::kernel::{HASH_BYTES, Job, Kernel, Lanes, Stretch};
use crate::activity::Activity;
use crate::client;
use crate::error::{Error, Result};
use crate::metrics::{self, AT_ONCE, Hash};
use crate::shares::Network;
use crate::threads;
use queue::{Alone, ForeignCheck, Pbkdf2, Queue, Taken, Waiting};
use slow_hash::Watch;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// How much nicer (setpriority(2)) the hashing threads are than the rest. It is enough for requests
/// that do not hash to come first on a busy core, and not so much that logins starve.
const NICER: i32 = 5;

/// How long a thread stands back at a time while others are answered. It computes for a fifth of that
/// in between, so logins keep a sixth of the cores whatever else happens.
///
/// Priority is not enough. PostgreSQL's processes are in scheduling groups of their own (Linux's
/// autogroup, or a control group), where a thread's niceness does not count, and one of them was
/// seen to wait 300 ms for a core that a hash had. And since 6.6 Linux lets a running thread use up
/// its slice of some milliseconds before one that has just been woken.
const STAND_BACK: Duration = Duration::from_micros(250);

/// How often a thread that stands back looks whether it may go on. Each look takes a moment from those
/// that are answered meanwhile: with 50 µs the slowest hundredth of reads beside a flood took a quarter longer.
const GLANCE: Duration = Duration::from_micros(100);

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
    /// Iterations of a hash, as configured.
    usual: u32,
    queue: Mutex<Queue>,
    wake: Condvar,
}

/// Where a hash of ours is sent.
type Reply = SyncSender<Result<[u8; HASH_BYTES]>>;

/// What one thread has in hand.
struct Hand {
    lanes: Lanes<(Reply, Network)>,
    /// To be computed when the lanes are empty.
    alone: Option<Alone>,
    watch: Watch,
    /// Iterations done with one lane, with two, and so on, that are not counted as a run yet.
    done: [u64; AT_ONCE],
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
        for way in kernel.failed_self_check() {
            log::warn!(
                "the instructions {way} of this machine computed a wrong hash, so hashing goes on without them, more slowly. The processor or the build is faulty"
            );
        }
        let queue = Mutex::new(Queue::new(threads, usual, most_costly));
        let wake = Condvar::new();
        let shared = Arc::new(Shared { kernel, activity, budget, usual, queue, wake });
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
        let (lanes, watch) = (Lanes::new(), Watch::default());
        let mut hand = Hand { lanes, alone: None, watch, done: [0; AT_ONCE] };
        while self.take(&mut hand) {
            if hand.lanes.is_empty() {
                if let Some(alone) = hand.alone.take() {
                    self.compute_alone(alone, &mut hand);
                }
                continue;
            }
            self.advance(&mut hand);
            self.answer(&mut hand.lanes);
            self.give_way();
        }
    }

    /// Computes for about a twentieth of a millisecond.
    fn advance(&self, hand: &mut Hand) {
        let Hand { lanes, watch, done, .. } = hand;
        let Stretch { at_once, iterations } = watch.over(
            || self.kernel.advance(lanes),
            |stretch| cost::of_iterations(stretch.iterations) * stretch.at_once as u64,
        );
        // A run is as many iterations as a usual hash has.
        let Some(done) = done.get_mut(at_once.saturating_sub(1)) else { return };
        *done += u64::from(iterations);
        let usual = u64::from(self.usual.max(1));
        metrics::HASH_RUNS[at_once.saturating_sub(1)].add(*done / usual);
        *done %= usual;
    }

    /// Sends away what has ended.
    fn answer(&self, lanes: &mut Lanes<(Reply, Network)>) {
        while let Some(((reply, network), hash)) = lanes.finished() {
            metrics::HASHED[Hash::Own as usize].add(1);
            self.lock().finished(network);
            // Nothing receives it when the caller panicked.
            let _ = reply.send(Ok(hash));
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

    /// Computes what is computed alone, when the lanes are empty.
    fn compute_alone(&self, alone: Alone, hand: &mut Hand) {
        let Alone { work, costly } = alone;
        let memory = work.memory();
        match work {
            Waiting::Foreign(check) => {
                let outcome = verify(&check);
                self.done(memory, costly);
                let _ = check.reply.send(outcome);
            }
            Waiting::Pbkdf2(Pbkdf2 { password, salt, iterations, reply }) => {
                let what = (reply, Network::HERE);
                hand.lanes.add(&Job { password: &password, salt: &salt, iterations }, what);
                let ((reply, _), hash) = loop {
                    if let Some(ended) = hand.lanes.finished() {
                        break ended;
                    }
                    self.advance(hand);
                    self.give_way();
                };
                metrics::HASHED[Hash::Own as usize].add(1);
                self.done(memory, costly);
                let _ = reply.send(Ok(hash));
            }
        }
    }

    /// Notes that something is done that other threads may have waited for.
    fn done(&self, memory: usize, costly: bool) {
        self.lock().done(memory, costly);
        self.wake.notify_all();
    }

    /// Takes as much as this thread should compute, and waits where there is nothing. `false` means
    /// the end.
    fn take(&self, hand: &mut Hand) -> bool {
        let mut taken = Vec::new();
        let mut queue = self.lock();
        while hand.alone.is_none() {
            let held = hand.lanes.len() + taken.len();
            match queue.take(held, self.kernel, self.budget) {
                Some(Taken::Own(own, network)) => taken.push((own, network)),
                Some(Taken::Alone(alone)) => hand.alone = Some(alone),
                None if held > 0 => break,
                None if queue.closed && queue.is_empty() => return false,
                None => {
                    hand.watch = Watch::default();
                    queue = self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
        drop(queue);
        for (Pbkdf2 { password, salt, iterations, reply }, network) in taken {
            let job = Job { password: &password, salt: &salt, iterations };
            hand.lanes.add(&job, (reply, network));
        }
        self.answer(&mut hand.lanes);
        true
    }
}

/// A library's panic must cost neither this thread nor the memory that was set aside.
fn verify(check: &ForeignCheck) -> Result<bool> {
    metrics::HASHED[check.hash.kind() as usize].add(1);
    let outcome = catch_unwind(AssertUnwindSafe(|| check.hash.verify(&check.password)));
    outcome.unwrap_or_else(|_| Err(Error::Internal("verifying a foreign hash panicked".to_owned())))
}
