//! What Gatepost is compared with: PostgreSQL without it, and its own kernel without the rest.

use gatepost::internals::benchmark::derive;
use gatepost_test_support::Cluster;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The statement of `GET /user`.
pub(crate) const USER: &str = "\\set id random(1, 10000)
SELECT u.id, login, admin, u.created_at, locked, u.expires_at, token_version,
       EXISTS (SELECT FROM gatepost.sessions s WHERE s.id = 1 AND s.user_id = u.id
               AND s.ended_at IS NULL AND s.expires_at > now()
                    AND NOT u.locked AND (u.expires_at IS NULL OR u.expires_at > now()))
FROM gatepost.users u WHERE u.id IN (1, :id);
";

/// The statement of `GET /users`.
pub(crate) const USERS: &str = "\\set n 0
SELECT u.id, login, admin, u.created_at, locked, u.expires_at, token_version,
       EXISTS (SELECT FROM gatepost.sessions s WHERE s.id = 1 AND s.user_id = u.id
               AND s.ended_at IS NULL AND s.expires_at > now()
                    AND NOT u.locked AND (u.expires_at IS NULL OR u.expires_at > now())), true
FROM gatepost.users u WHERE u.id = 1
UNION ALL
(SELECT id, login, admin, created_at, locked, expires_at, token_version, false, false FROM gatepost.users
 WHERE id > :n ORDER BY id OFFSET 0 LIMIT 21);
";

/// The row of a registration.
pub(crate) const REGISTER: &str = "\\set n random(1, 9000000000000000)
INSERT INTO gatepost.users (login, login_canonical, password_hash, admin)
VALUES ('pgbench' || :n, 'pgbench' || :n, '$pbkdf2-sha256$i=600000,l=32$AAAAAAAAAAAAAAAAAAAAAA\
$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA', false);
";

/// Ends the benchmark when a program that it needs is missing.
pub(crate) fn need(program: &str) {
    if Command::new(program).arg("--version").output().is_err() {
        eprintln!(
            "{program} is missing, and with it this benchmark; on Debian: apt-get install \
                   wrk postgresql"
        );
        std::process::exit(1);
    }
}

/// `pgbench` on the same server, over the same socket.
pub(crate) struct PgBench {
    program: std::path::PathBuf,
    socket: String,
}

impl PgBench {
    pub(crate) fn new(cluster: &Cluster) -> Self {
        let program = cluster.bin().join("pgbench");
        need(program.to_str().unwrap());
        Self { program, socket: cluster.dir().display().to_string() }
    }

    /// Runs a script and returns statements per second.
    pub(crate) fn run(&self, script: &str, clients: usize, seconds: u64) -> f64 {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), script).unwrap();
        let output = Command::new(&self.program)
            .args(["-n", "-M", "prepared", "-j", "1", "-c", &clients.to_string()])
            .args(["-T", &seconds.to_string(), "-h", &self.socket, "-U", "postgres", "-f"])
            .arg(file.path())
            .arg("gatepost")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let rate = text.lines().find_map(|line| line.strip_prefix("tps = "));
        let errors = String::from_utf8_lossy(&output.stderr);
        let rate = rate.unwrap_or_else(|| panic!("pgbench: {text}{errors}"));
        rate.split(' ').next().unwrap().parse().unwrap()
    }
}

/// The hashing kernel without a service around it: hashes per second of this many threads.
pub(crate) fn kernel(slots: usize, threads: usize, seconds: u64) -> f64 {
    let begin = Instant::now();
    let end = Duration::from_secs(seconds);
    let count = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while begin.elapsed() < end {
                    let hashes = derive(b"correct horse", &[7; 16], 600_000, slots);
                    std::hint::black_box(hashes);
                    count.fetch_add(slots as u64, Ordering::Relaxed);
                }
            });
        }
    });
    count.into_inner() as f64 / begin.elapsed().as_secs_f64()
}
