//! The memory of the private PostgreSQL, by that of the machine.
//!
//! What the server keeps in its buffers it need not ask the system for, and the more users there are, the
//! more that saves. Buffers that hold nothing cost two hundredths of their size, for what describes them:
//! 0.7 MiB for 64, 5 for 256, 20 for 1,024 (PostgreSQL 15). A start with 1,024 took 50 ms longer than with 16.

use super::cluster;
use super::making::write;
use crate::child::OsUser;
use crate::control_group;
use std::path::Path;

/// Included by PostgreSQL's own configuration file.
const FILE: &str = "memory.conf";

/// The server's share: one eighth. The rest is for its sessions, for Gatepost, and for the system, whose
/// cache of files serves the server too.
const SHARE: u64 = 8;

/// Fewest and most mebibytes of buffers. Above that the cache of the system does as well.
const BOUNDS: (u64, u64) = (16, 1024);

/// Writes the file that sets the buffers for the next start. Without it the server has as many as when it
/// was last written.
pub(super) fn prepare(place: &Path, user: Option<OsUser>) {
    let text = format!(
        "# Written by Gatepost at a start, by the machine's memory or the limit of its control group.\n\
         # Do not change it: set shared_buffers in postgresql.conf, below the line that includes this.\n\
         shared_buffers = {}MB\n",
        buffers(available())
    );
    let file = place.join(FILE);
    match cluster::memory_file(&file, user) {
        Ok(Some(there)) if there == text => (),
        // Anything that is wrong with it is overwritten.
        _ => {
            if let Err(e) = write(&file, &text, user, place) {
                log::warn!("{}: {e}", file.display());
            }
        }
    }
}

/// The mebibytes of buffers for this many bytes of memory.
fn buffers(memory: Option<u64>) -> u64 {
    let (least, most) = BOUNDS;
    memory.map_or(least, |bytes| (bytes / SHARE / (1 << 20)).clamp(least, most))
}

/// The bytes of memory that we may use, if that is known.
fn available() -> Option<u64> {
    let machine = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| total(&text));
    let group = control_group::limit("memory", "memory.max", "memory.limit_in_bytes");
    machine.into_iter().chain(group).min()
}

/// The whole memory, from proc_meminfo(5).
fn total(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_an_eighth_within_bounds() {
        let mebibytes = |count: u64| buffers(Some(count << 20));
        assert_eq!(mebibytes(64), 16);
        assert_eq!(mebibytes(512), 64);
        assert_eq!(mebibytes(2048), 256);
        assert_eq!(mebibytes(64 * 1024), 1024);
        assert_eq!(buffers(None), 16);
        assert_eq!(buffers(Some(u64::MAX)), 1024);
    }

    #[test]
    fn the_machines_memory_is_read() {
        assert_eq!(total("Buffers: 1 kB\nMemTotal:       524288 kB\n"), Some(512 << 20));
        assert_eq!(total("MemTotal: many\n"), None);
        assert!(available().unwrap() > 64 << 20);
    }
}
