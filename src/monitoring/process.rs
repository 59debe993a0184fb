//! What the system knows about this process, under the names that all exporters use. On a system
//! without `/proc` it is nothing.

use std::fs;

/// What is known.
pub(super) struct Process {
    pub(super) cpu_seconds: f64,
    pub(super) resident_bytes: u64,
    pub(super) threads: u64,
    pub(super) open_files: u64,
    pub(super) max_files: u64,
}

/// Reads it.
pub(super) fn read() -> Option<Process> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name, in parentheses, may hold spaces. The numbers are those of proc(5), less two.
    let fields: Vec<u64> = stat
        .rsplit_once(')')?
        .1
        .split_whitespace()
        .skip(1)
        .map(|field| field.parse().unwrap_or(0))
        .collect();
    let field = |number: usize| fields.get(number - 4).copied();
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    Some(Process {
        cpu_seconds: (field(14)? + field(15)?) as f64 / ticks,
        resident_bytes: field(24)? * rustix::param::page_size() as u64,
        threads: field(20)?,
        open_files: fs::read_dir("/proc/self/fd").ok()?.count() as u64,
        max_files: limit.unwrap_or(u64::MAX),
    })
}
