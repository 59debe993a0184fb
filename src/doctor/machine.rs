//! Checks of the machine: its limits, its processor, its disk.

use super::verdict::Verdict;
use crate::config::Config;
use crate::passwords::kernel::{Kernel, Measured};
use crate::room;
use std::path::Path;

/// Free bytes below which a disk counts as nearly full. PostgreSQL writes a segment of 16 MiB for
/// each that it has yet to recycle, up to its `max_wal_size` of 1 GiB.
const LEAST_FREE: u64 = 1 << 30;

/// Whether a service has room for its descriptors, threads and processes under the limits of the
/// shell that asks.
pub(super) fn limits(config: &Config) -> Verdict {
    match room::for_service(config) {
        Ok(()) => Verdict::ok("there is room for its descriptors, threads and processes"),
        Err(error) => Verdict::fault(
            error.to_string(),
            "the service checks the same limits at its start and refuses to run",
            "raise the limit: LimitNOFILE= or TasksMax= in the unit, `ulimit` in a shell",
        ),
    }
}

/// What the processor has for hashing, and how long a hash of so many iterations takes.
pub(super) fn sha_instructions(iterations: u32) -> Verdict {
    let kernel = Kernel::detect();
    sha(kernel.uses_sha_instructions(), &kernel.measured(), iterations)
}

/// Judges what was measured for one hash at a time, for two, and so on.
fn sha(instructions: bool, measured: &[Measured], iterations: u32) -> Verdict {
    let took = table(measured, iterations);
    if instructions {
        return Verdict::ok(took);
    }
    let remedy = "give the virtual machine the processor of its host (QEMU: `-cpu host`), or use another \
                  kind of machine; `grep sha_ni /proc/cpuinfo` shows whether they are there";
    if measured.len() > 1 {
        let found = format!(
            "the processor has no SHA instructions, or this virtual machine hides them: {took}"
        );
        return Verdict::warning(
            found,
            "a login takes up to five times as long while nobody else logs in",
            remedy,
        );
    }
    Verdict::fault(
        format!(
            "the processor has no instructions for hashing, or this virtual machine hides them: {took}"
        ),
        "a login takes up to five times as long, so the machine answers fewer of them",
        remedy,
    )
}

/// The time of a hash for one alone and for the numbers at once up to which each way is the best.
fn table(measured: &[Measured], iterations: u32) -> String {
    let mut rows = Vec::new();
    for (n, Measured { at_once, way, nanoseconds }) in measured.iter().enumerate() {
        let ms = nanoseconds * f64::from(iterations) / 1e6;
        if n == 0 {
            rows.push(format!("{ms:.1} ms alone ({way})"));
        } else if measured.get(n + 1).is_none_or(|next| next.way != *way) {
            rows.push(format!("{:.1} ms each for {at_once} at once ({way})", ms / *at_once as f64));
        }
    }
    format!("a hash of {iterations} iterations takes {}", rows.join(", "))
}

/// The free disk of the private PostgreSQL.
pub(super) fn disk(config: &Config) -> Verdict {
    if config.database.url.is_some() {
        return Verdict::skipped("the database is not the private one, so its disk is not seen");
    }
    let Ok(dir) = config.data_dir() else { return Verdict::skipped("no data directory") };
    let Some(there) = dir.ancestors().find(|dir| dir.exists()) else {
        return Verdict::skipped("no data directory");
    };
    match rustix::fs::statvfs(there) {
        Ok(about) => free(&dir, about.f_bavail * about.f_frsize, (about.f_favail, about.f_files)),
        Err(error) => Verdict::skipped(format!("{}: {error}", there.display())),
    }
}

/// Judges the free bytes, and the free file entries of all there are; some file systems count none.
fn free(dir: &Path, bytes: u64, (entries, all): (u64, u64)) -> Verdict {
    let dir = dir.display();
    let why = "PostgreSQL stops when it can write no more, and nobody can log in";
    let remedy = || {
        format!(
            "make room on that file system (`df -h {dir}`, `df -i {dir}`), or move \
             database.data_dir to a larger one"
        )
    };
    if bytes < LEAST_FREE {
        let found = format!("{dir} has {} MiB free", bytes >> 20);
        return Verdict::fault(found, why, remedy());
    }
    if all > 0 && entries < all / 100 {
        let found = format!("{dir} has room for {entries} more files");
        return Verdict::fault(found, why, remedy());
    }
    Verdict::ok(format!("{dir} has {} MiB free", bytes >> 20))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Profile;

    fn is_fault(verdict: &Verdict) -> bool {
        matches!(verdict, Verdict::Fault(_))
    }

    #[test]
    fn a_machine_without_sha_instructions_is_told_of() {
        let at_once = |at_once, way, nanoseconds| Measured { at_once, way, nanoseconds };
        let portable = at_once(1, "portable", 360.0);
        assert!(is_fault(&sha(false, &[portable], 600_000)));
        let Verdict::Warning(slow) = sha(false, &[portable, at_once(2, "avx2", 550.0)], 600_000)
        else {
            panic!()
        };
        assert!(slow.found.contains("216.0 ms alone (portable), 165.0 ms each for 2"), "{slow:?}");
        let mut measured = vec![at_once(1, "sha_ni", 82.0), at_once(2, "sha_ni", 112.0)];
        measured.extend([at_once(3, "avx512", 390.0), at_once(4, "avx512", 390.0)]);
        assert_eq!(
            sha(true, &measured, 600_000),
            Verdict::ok(
                "a hash of 600000 iterations takes 49.2 ms alone (sha_ni), 33.6 ms each for 2 at \
                 once (sha_ni), 58.5 ms each for 4 at once (avx512)"
            )
        );
    }

    #[test]
    fn a_disk_that_is_nearly_full_is_a_fault_by_bytes_and_by_entries() {
        let dir = Path::new("/x");
        assert!(is_fault(&free(dir, LEAST_FREE - 1, (9, 9))));
        assert!(is_fault(&free(dir, LEAST_FREE, (9, 1000))));
        assert!(!is_fault(&free(dir, LEAST_FREE, (10, 1000))));
        assert!(!is_fault(&free(dir, LEAST_FREE, (0, 0))));
    }

    #[test]
    fn a_service_that_needs_more_than_the_system_gives_is_a_fault() {
        let mut config = Config::new(Profile::Testing);
        assert!(!is_fault(&limits(&config)));
        config.server.workers = usize::MAX / 1024;
        assert!(is_fault(&limits(&config)));
    }
}
