//! What happens to clusters.

use super::cluster::Cluster;
use crate::signal;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A fault. Each ends by itself: what was stopped runs again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The primary's PostgreSQL is killed (-9). Patroni starts it again where it was.
    KillPostgres,
    /// The primary's machine dies: PostgreSQL and Patroni are killed (-9). A standby takes over.
    KillNode,
    /// An operator moves the primary with Patroni.
    Switchover,
    /// The primary's machine freezes (SIGSTOP) until a standby has taken over, and thaws.
    FreezeNode,
    /// PostgreSQL alone freezes for 12 s, while its Patroni says that all is well.
    FreezePostgres,
    /// Nothing goes between Gatepost and pgbouncer any more, without a word, for 12 s.
    CutPooler,
    /// Nothing goes to or from the primary any more, without a word, for 12 s.
    CutPrimary,
    /// Single connections are ended at the server.
    KillBackends,
    /// The primary's disk is full for 8 s.
    FillDisk,
    /// pgbouncer is stopped and started.
    RestartPooler,
    /// A Gatepost is killed (-9) and started.
    KillGatepost,
}

/// How long a cut or a freeze lasts: longer than every deadline of ours.
const WHILE: Duration = Duration::from_secs(12);

impl Fault {
    /// All of them, the gentle ones among them too.
    pub const ALL: [Self; 11] = [
        Self::KillPostgres,
        Self::KillNode,
        Self::Switchover,
        Self::FreezeNode,
        Self::FreezePostgres,
        Self::CutPooler,
        Self::CutPrimary,
        Self::KillBackends,
        Self::FillDisk,
        Self::RestartPooler,
        Self::KillGatepost,
    ];

    /// The name on the command line.
    pub fn name(self) -> String {
        let mut name = String::new();
        for c in format!("{self:?}").chars() {
            if c.is_uppercase() && !name.is_empty() {
                name.push('-');
            }
            name.push(c.to_ascii_lowercase());
        }
        name
    }

    /// Why it cannot be had here, if so.
    pub fn lack(self, cluster: &Cluster) -> Option<&'static str> {
        match self {
            Self::CutPooler | Self::CutPrimary if !has_packet_filter() => {
                Some("needs root and iptables")
            }
            Self::FillDisk if !cluster.small_disks => Some("needs root, for a file system"),
            _ => None,
        }
    }

    /// Does it, and returns when it is over. Returns the moment when there was a primary again, where
    /// there was none in between.
    pub(super) fn strike(self, cluster: &Cluster) -> Option<Instant> {
        let node = cluster.primary();
        let others: Vec<_> = cluster.others(node).collect();
        match self {
            Self::KillPostgres => {
                cluster.signal(node, false, "-KILL");
                // Patroni may also give the primary to another.
                wait_while(|| cluster.is_primary(node), Duration::from_secs(3));
                Some(cluster.wait_for_primary(&["pg1", "pg2", "pg3"]))
            }
            Self::KillNode => {
                cluster.signal(node, true, "-KILL");
                let promoted = cluster.wait_for_primary(&others);
                cluster.part("start", node);
                Some(promoted)
            }
            Self::Switchover => {
                let body = format!("{{\"leader\":\"{node}\"}}");
                let url = format!("http://127.0.0.1:{}/switchover", cluster.ports(node)[1]);
                let http = reqwest::blocking::Client::builder().timeout(super::PATIENCE).build();
                let asked = std::thread::spawn(move || http.unwrap().post(url).body(body).send());
                let promoted = cluster.wait_for_primary(&others);
                asked.join().unwrap().unwrap();
                Some(promoted)
            }
            Self::FreezeNode => {
                cluster.signal(node, true, "-STOP");
                let promoted = cluster.wait_for_primary(&others);
                std::thread::sleep(Duration::from_secs(3));
                cluster.signal(node, true, "-CONT");
                Some(promoted)
            }
            Self::FreezePostgres => {
                let frozen = cluster.processes(node, false);
                frozen.iter().for_each(|pid| signal(*pid, "-STOP"));
                std::thread::sleep(WHILE);
                frozen.iter().for_each(|pid| signal(*pid, "-CONT"));
                None
            }
            Self::CutPooler => cut(&[cluster.pooler_port()]),
            Self::CutPrimary => cut(&cluster.ports(node)),
            Self::KillBackends => {
                let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                           WHERE usename = 'gatepost_app' ORDER BY random() LIMIT 2";
                let mut admin = cluster.sql();
                for _ in 0..20 {
                    admin.query(sql, &[]).unwrap();
                    std::thread::sleep(Duration::from_millis(100));
                }
                None
            }
            Self::FillDisk => {
                let path = cluster.node_dir(node).join("filler");
                let mut file = std::fs::File::create(&path).unwrap();
                let block = vec![0; 1 << 20];
                while file.write_all(&block).is_ok() {}
                // The files that PostgreSQL has kept for its log are used up, and there is no other.
                let mut admin = cluster.sql();
                for _ in 0..40 {
                    let sql = "SELECT pg_logical_emit_message(false, 'x', repeat('x', 1000)), pg_switch_wal()";
                    if admin.query(sql, &[]).is_err() {
                        break;
                    }
                }
                std::thread::sleep(Duration::from_secs(8));
                std::fs::remove_file(&path).unwrap();
                Some(cluster.wait_for_primary(&["pg1", "pg2", "pg3"]))
            }
            Self::RestartPooler => {
                cluster.part("stop", "pgbouncer");
                cluster.part("start", "pgbouncer");
                None
            }
            Self::KillGatepost => {
                signal(cluster.gatepost_pid("gatepost1"), "-KILL");
                std::thread::sleep(Duration::from_millis(500));
                cluster.part("start", "gatepost1");
                None
            }
        }
    }
}

fn wait_while(is: impl Fn() -> bool, most: Duration) {
    let deadline = Instant::now() + most;
    while is() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn has_packet_filter() -> bool {
    filter(&["-S"])
}

fn filter(arguments: &[&str]) -> bool {
    let mut command = Command::new("iptables");
    command.arg("-w").args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Lets nothing through to and from these ports for a while, and says so to nobody.
fn cut(ports: &[u16]) -> Option<Instant> {
    let rules: Vec<[String; 2]> = ports
        .iter()
        .flat_map(|port| ["--dport", "--sport"].map(|side| [side.to_owned(), port.to_string()]))
        .collect();
    let each = |word: &str| {
        for [side, port] in &rules {
            let rule = [word, "INPUT", "-i", "lo", "-p", "tcp", side, port, "-j", "DROP"];
            assert!(filter(&rule), "{rule:?}");
        }
    };
    each("-A");
    std::thread::sleep(WHILE);
    each("-D");
    None
}
