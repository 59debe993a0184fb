//! The processes of a server that was killed. As PID 1, as in a container, we inherit them, and
//! they stay in the process table until we wait for them.
//!
//! Only these are waited for. Other children may belong to the program that embeds us, which may be
//! PID 1 too.

use rustix::process::{Pid, WaitOptions, getpid, waitpid};
use std::time::{Duration, Instant};

/// How long after the loss of a server its processes may still end. They notice it at once, but one
/// in the middle of something may take its time.
const WINDOW: Duration = Duration::from_secs(60);

/// Whether there may be some.
#[derive(Debug, Default)]
pub(super) struct Orphans(Option<Instant>);

impl Orphans {
    /// Says that a server was lost.
    pub(super) fn expect(&mut self) {
        self.0 = Some(Instant::now() + WINDOW);
    }

    /// Waits for orphans that have ended. `is_ours` recognises the processes that are waited for
    /// elsewhere.
    pub(super) fn reap(&mut self, is_ours: impl Fn(u32) -> bool) {
        let Some(until) = self.0 else { return };
        for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let name = entry.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
            if is_ours(pid) || !is_orphan(pid) {
                continue;
            }
            if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
                // It may have been waited for in the meantime.
                let _ = waitpid(Some(pid), WaitOptions::NOHANG);
            }
        }
        if Instant::now() > until {
            self.0 = None;
        }
    }
}

/// Whether an ended process was started by a server, and became our child when the server died.
/// Each process of a server leads a session of its own; the server, which we started, does not.
fn is_orphan(pid: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    is_orphan_of(&stat, &pid.to_string(), &getpid().to_string())
}

/// The same from a line of proc(5): number, name, state, parent, process group, session.
fn is_orphan_of(stat: &str, pid: &str, us: &str) -> bool {
    let Some((_, name, rest)) = split(stat) else { return false };
    let mut words = rest.split_whitespace();
    let (state, parent, session) = (words.next(), words.next(), words.nth(1));
    name == "postgres" && state == Some("Z") && parent == Some(us) && session == Some(pid)
}

/// The name is in parentheses and may contain anything.
fn split(stat: &str) -> Option<(&str, &str, &str)> {
    let (pid, rest) = stat.split_once(" (")?;
    let (name, rest) = rest.rsplit_once(") ")?;
    Some((pid, name, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_lost_server_left_to_us_is_taken_for_that() {
        let is = |stat: &str| is_orphan_of(stat, "70", "1");
        assert!(is("70 (postgres) Z 1 70 70 0 -1 4227084"));
        assert!(!is("70 (postgres) S 1 70 70 0 -1 4227084"), "it lives");
        assert!(!is("70 (postgres) Z 9 70 70 0 -1 4227084"), "somebody else's");
        assert!(!is("70 (postgres) Z 1 70 1 0 -1 4227084"), "a server, which was started by us");
        assert!(!is("70 (sh) Z 1 70 70 0 -1 4227084"), "another program");
        assert!(!is("70 (a) b) Z 1 70 70 0 -1 4227084"));
        assert!(!is(""));
    }
}
