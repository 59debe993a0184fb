//! The processes of a server that was killed: as PID 1, as in a container, we inherit them, and they
//! stay in the table of processes until we have asked how they ended.
//!
//! Only these are asked for. Others among our children belong to whoever started them: a program
//! that embeds us may be PID 1 too.

use rustix::process::{Pid, WaitOptions, getpid, waitpid};
use std::time::{Duration, Instant};

/// How long after the loss of a server its processes may still end: they notice it at once, but one
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

    /// Asks how those ended that have ended by now. `is_ours` tells the processes that are waited for
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
                // It may have been waited for meanwhile.
                let _ = waitpid(Some(pid), WaitOptions::NOHANG);
            }
        }
        if Instant::now() > until {
            self.0 = None;
        }
    }
}

/// Whether a process that has ended was started by a server, and is our child since that is gone.
/// Each process of a server is the leader of a session of its own; the server, which we started, is
/// not.
fn is_orphan(pid: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    is_orphan_of(&stat, &pid.to_string(), &getpid().to_string())
}

/// The same by what proc(5) tells: number, name, state, parent, process group, session.
fn is_orphan_of(stat: &str, pid: &str, us: &str) -> bool {
    let Some((_, name, rest)) = split(stat) else { return false };
    let mut words = rest.split_whitespace();
    let (state, parent, session) = (words.next(), words.next(), words.nth(1));
    name == "postgres" && state == Some("Z") && parent == Some(us) && session == Some(pid)
}

/// The name stands in parentheses and may hold anything.
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
