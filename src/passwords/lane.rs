//! The threads that hash: as many as cores, at a lower scheduling priority than all others, and
//! giving way to requests that are being answered meanwhile.
//!
//! Whoever needs a hash hands it over and waits. A thread takes up to three that wait at once,
//! since the kernel computes three together in less than twice the time of one; but it leaves some
//! to threads that are idle. No more can wait than there are callers, so the queue is bounded by
//! the threads that call.

use super::kernel::{HASH_BYTES, Job, Kernel};
use super::phc::SALT_BYTES;
use crate::activity::Activity;
use crate::error::{Error, Result};
use std::collections::VecDeque;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// How much nicer (setpriority(2)) the hashing threads are than the rest: enough for requests that
/// do not hash to come first on a busy core, and not so much that logins starve.
const NICER: i32 = 5;

/// How long a thread stands back at a time while others are answered. It computes for about half as
/// long in between, so that logins keep a third of the cores whatever else happens.
///
/// Priority is not enough. PostgreSQL's processes are in scheduling groups of their own (Linux's
/// autogroup, or a control group), where a thread's niceness does not count, and one of them was
/// seen to wait 300 ms for a core that a hash had. And Linux since 6.6 lets whoever runs have its
/// slice of some milliseconds before a thread that has just been woken.
const STAND_BACK: Duration = Duration::from_micros(500);

/// How often a thread that stands back looks again.
const GLANCE: Duration = Duration::from_micros(50);

/// The threads. Dropping it ends them.
pub(super) struct Lane {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    kernel: &'static Kernel,
    activity: Arc<Activity>,
    queue: Mutex<Queue>,
    wake: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    idle: usize,
    closed: bool,
}

/// A hash that somebody waits for.
struct Waiting {
    password: Zeroizing<Vec<u8>>,
    salt: [u8; SALT_BYTES],
    iterations: u32,
    reply: SyncSender<[u8; HASH_BYTES]>,
}

impl Lane {
    /// Starts the threads.
    ///
    /// # Errors
    /// [`Error::Startup`] when one cannot be started.
    pub(super) fn start(threads: usize, activity: Arc<Activity>) -> Result<Self> {
        let kernel = Kernel::detect();
        if kernel.failed_self_check() {
            log::warn!(
                "this machine computed a wrong SHA-256 with its own instructions; hashing without \
                 them, which is slower. The processor or the build is faulty"
            );
        }
        let (queue, wake) = (Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared { kernel, activity, queue, wake });
        let mut lane = Self { shared, threads: Vec::new() };
        for number in 0..threads {
            let shared = Arc::clone(&lane.shared);
            let thread = std::thread::Builder::new()
                .name(format!("hash-{number}"))
                .spawn(move || shared.work())
                .map_err(|e| Error::startup(format!("cannot start a thread: {e}")))?;
            lane.threads.push(thread);
        }
        Ok(lane)
    }

    /// Computes one hash and waits for it.
    ///
    /// # Errors
    /// [`Error::Internal`] when the thread that had it is gone, which would be a fault of ours.
    pub(super) fn derive(
        &self,
        password: &[u8],
        salt: [u8; SALT_BYTES],
        iterations: u32,
    ) -> Result<[u8; HASH_BYTES]> {
        let (reply, answer) = sync_channel(1);
        let password = Zeroizing::new(password.to_vec());
        self.shared.lock().waiting.push_back(Waiting { password, salt, iterations, reply });
        self.shared.wake.notify_one();
        answer.recv().map_err(|_| Error::Internal("a hashing thread is gone".to_owned()))
    }
}

impl Drop for Lane {
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
        // Of this thread alone, on Linux. Where it is refused, all threads are alike.
        if let Err(error) = rustix::process::setpriority_process(None, NICER) {
            log::debug!("hashing threads keep their priority: {error}");
        }
        while let Some(taken) = self.take() {
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
            self.kernel.derive(&mut jobs, &|| self.give_way());
            drop(jobs);
            for (waiting, hash) in taken.iter().zip(hashes) {
                // Nobody waits when the caller panicked.
                let _ = waiting.reply.send(hash);
            }
        }
    }

    /// Leaves the core to others: to our own threads that wait for it, and while requests are being
    /// answered, for a time, to whoever does that.
    fn give_way(&self) {
        std::thread::yield_now();
        let begin = Instant::now();
        while self.activity.is_answering() && begin.elapsed() < STAND_BACK {
            std::thread::sleep(GLANCE);
        }
    }

    /// Waits for work and takes a fair share of it; `None` at the end.
    fn take(&self) -> Option<Vec<Waiting>> {
        let mut queue = self.lock();
        queue.idle += 1;
        while queue.waiting.is_empty() && !queue.closed {
            queue = self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        let share = queue.waiting.len().div_ceil(queue.idle).min(self.kernel.lanes());
        queue.idle -= 1;
        let taken: Vec<Waiting> = queue.waiting.drain(..share).collect();
        (!taken.is_empty()).then_some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pbkdf2::pbkdf2_hmac;
    use sha2::Sha256;

    #[test]
    fn everybody_gets_the_own_hash() {
        let lane = Lane::start(2, Arc::default()).unwrap();
        std::thread::scope(|scope| {
            for caller in 0..12_u8 {
                let lane = &lane;
                scope.spawn(move || {
                    for n in 0..20_u8 {
                        let password = vec![caller; usize::from(n) * 7];
                        let (salt, iterations) = ([n; SALT_BYTES], 1 + u32::from(caller) * 13);
                        let hash = lane.derive(&password, salt, iterations).unwrap();
                        let mut expected = [0; HASH_BYTES];
                        pbkdf2_hmac::<Sha256>(&password, &salt, iterations, &mut expected);
                        assert_eq!(hash, expected);
                    }
                });
            }
        });
    }

    #[test]
    fn a_lane_ends_when_it_is_dropped() {
        drop(Lane::start(3, Arc::default()).unwrap());
    }

    #[test]
    fn a_hash_is_computed_though_others_are_answered_all_the_time() {
        let activity = Arc::new(Activity::default());
        let _answering = activity.begin();
        let lane = Lane::start(1, Arc::clone(&activity)).unwrap();
        let hash = lane.derive(b"password", [7; SALT_BYTES], 40_000).unwrap();
        let mut expected = [0; HASH_BYTES];
        pbkdf2_hmac::<Sha256>(b"password", &[7; SALT_BYTES], 40_000, &mut expected);
        assert_eq!(hash, expected);
    }
}
