//! The cluster of `examples/cluster`, and what can be asked about it.

use crate::{descendants, signal};
use serde_json::Value;
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Who holds the database: `pg1`, `pg2` or `pg3`.
pub(super) type Node = &'static str;

const NODES: [Node; 3] = ["pg1", "pg2", "pg3"];
const GATEPOSTS: [&str; 2] = ["gatepost1", "gatepost2"];

/// A cluster that runs. It is taken down and removed when it is dropped.
#[derive(Debug)]
pub struct Cluster {
    script: PathBuf,
    dir: PathBuf,
    program: PathBuf,
    port: u16,
    /// Whether each node's directory is a small file system of its own, which can be filled.
    pub(super) small_disks: bool,
    /// How many synchronous standbys it has when all is well.
    synchronous: AtomicUsize,
    http: reqwest::blocking::Client,
}

impl Cluster {
    /// Brings it up. `source` is the project's directory, `program` what is tested. Its output goes to
    /// standard error, as progress.
    pub fn up(source: &Path, program: &Path, port: u16) -> Self {
        let dir = super::super::directory();
        std::fs::set_permissions(&dir, std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
        let small_disks =
            crate::os_user().is_some() && NODES.iter().all(|node| small_disk(&dir, node));
        let http = reqwest::blocking::Client::builder().timeout(Duration::from_secs(3)).build();
        let cluster = Self {
            script: source.join("examples/cluster/cluster.sh"),
            dir,
            program: program.to_owned(),
            synchronous: AtomicUsize::new(1),
            port,
            small_disks,
            http: http.unwrap(),
        };
        let up = cluster.command(&["up"]).stdout(std::io::stderr()).status().unwrap();
        assert!(up.success(), "the cluster does not come up");
        cluster
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.script);
        command
            .arg(arguments[0])
            .arg(&self.dir)
            .args(&arguments[1..])
            .env("CLUSTER_PORT", self.port.to_string())
            .env("GATEPOST", &self.program)
            .env("APP_SETTINGS", "testing")
            // The database is under test, not the hash.
            .env("GATEPOST_PASSWORDS_ITERATIONS", "1000")
            .env("GATEPOST_LIMITS_ENABLED", "false")
            .stdin(Stdio::null());
        command
    }

    /// Starts or stops one part.
    pub(super) fn part(&self, word: &str, name: &str) {
        let done = self.command(&[word, name]).stdout(Stdio::null()).status().unwrap();
        assert!(done.success(), "{word} {name}");
    }

    /// Where clients go, through HAProxy.
    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port + 40)
    }

    pub(super) fn pooler_port(&self) -> u16 {
        self.port + 32
    }

    /// The ports of a node's PostgreSQL and of its Patroni.
    pub(super) fn ports(&self, node: Node) -> [u16; 2] {
        let n: u16 = node[2..].parse().unwrap();
        [self.port + 10 + n, self.port + 20 + n]
    }

    fn asks(&self, url: &str) -> Option<String> {
        let answer = self.http.get(url).send().ok()?;
        if answer.status().is_success() { answer.text().ok() } else { None }
    }

    fn patroni(&self, node: Node, path: &str) -> Option<String> {
        self.asks(&format!("http://127.0.0.1:{}/{path}", self.ports(node)[1]))
    }

    /// Whether a node is the primary, in the eyes of its Patroni.
    pub(super) fn is_primary(&self, node: Node) -> bool {
        self.patroni(node, "primary").is_some()
    }

    pub(super) fn primary(&self) -> Node {
        let primary = || NODES.into_iter().find(|node| self.is_primary(node));
        wait_for("a primary", Duration::from_millis(50), primary)
    }

    pub(super) fn others(&self, node: Node) -> impl Iterator<Item = Node> {
        NODES.into_iter().filter(move |other| *other != node)
    }

    /// Waits for a primary among these nodes; returns when it was seen.
    pub(super) fn wait_for_primary(&self, among: &[Node]) -> Instant {
        let primary = || among.iter().find(|node| self.is_primary(node));
        wait_for("a new primary", Duration::from_millis(20), primary);
        Instant::now()
    }

    /// Waits until all three PostgreSQLs are there and one of the standbys is synchronous. Returns whether
    /// Patroni had to be helped, as the README of the cluster says.
    pub(super) fn wait_until_whole(&self) -> bool {
        let whole = || {
            let about: Value =
                serde_json::from_str(&self.patroni(self.primary(), "cluster")?).ok()?;
            let members = about["members"].as_array()?;
            let runs = |m: &&Value| matches!(m["state"].as_str(), Some("running" | "streaming"));
            let is = |role: &str| members.iter().filter(|m| m["role"] == role).count();
            (members.iter().filter(runs).count() == 3
                && is("sync_standby") == self.synchronous.load(Ordering::Relaxed)
                && is("leader") == 1)
                .then_some(())
        };
        let begun = Instant::now();
        let helped = Cell::new(false);
        wait_for("the whole cluster", Duration::from_millis(200), || {
            if !helped.get() && begun.elapsed() > BY_ITSELF {
                self.forget_synchronous_standby();
                helped.set(true);
            }
            whole()
        });
        helped.get()
    }

    /// Deletes what Patroni keeps in etcd about the synchronous standby. It writes it anew.
    fn forget_synchronous_standby(&self) {
        // The key is /service/gatepost/sync, in base64.
        let body = r#"{"key":"L3NlcnZpY2UvZ2F0ZXBvc3Qvc3luYw=="}"#;
        let url = format!("http://127.0.0.1:{}/v3/kv/deleterange", self.port);
        let answer = self.http.post(url).body(body).send().unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
    }

    /// Waits until both Gateposts answer more requests at once than they have threads for, all well.
    pub(super) fn wait_until_all_threads_serve(&self) {
        let ask = |port: u16| self.asks(&format!("http://127.0.0.1:{port}/readyz")).is_some();
        let all = || {
            std::thread::scope(|scope| {
                let asked: Vec<_> =
                    (0..32u16).map(|n| scope.spawn(move || ask(self.port + 51 + n % 2))).collect();
                asked.into_iter().all(|thread| thread.join().unwrap()).then_some(())
            })
        };
        wait_for("all threads", Duration::from_millis(50), all);
    }

    /// A connection as the superuser, to whoever is the primary.
    pub(super) fn sql(&self) -> postgres::Client {
        let password = std::fs::read_to_string(self.dir.join("secrets/superuser")).unwrap();
        let mut config = postgres::Config::new();
        config
            .host("127.0.0.1")
            .user("postgres")
            .password(password.trim())
            .dbname("gatepost")
            .connect_timeout(Duration::from_secs(3));
        // One whose disk is full may not let us in.
        wait_for("a connection to the primary", Duration::from_millis(100), || {
            let mut config = config.clone();
            config.port(self.ports(self.primary())[0]).connect(postgres::NoTls).ok()
        })
    }

    pub(super) fn node_dir(&self, node: Node) -> PathBuf {
        self.dir.join(node)
    }

    /// The processes of a node: PostgreSQL's, and Patroni with `machine`.
    pub(super) fn processes(&self, node: Node, machine: bool) -> Vec<u32> {
        let number = |path: PathBuf| -> Option<u32> {
            std::fs::read_to_string(path).ok()?.lines().next()?.trim().parse().ok()
        };
        let server = number(self.dir.join(node).join("data/postmaster.pid"));
        let patroni = number(self.dir.join("run").join(format!("{node}.pid"))).filter(|_| machine);
        // Patroni first: it would start what has died.
        let alone = patroni.into_iter();
        alone.chain(server.into_iter().flat_map(descendants)).collect()
    }

    pub(super) fn signal(&self, node: Node, machine: bool, name: &str) {
        self.processes(node, machine).into_iter().for_each(|pid| signal(pid, name));
    }

    pub(super) fn gatepost_pid(&self, name: &str) -> u32 {
        let text = std::fs::read_to_string(self.dir.join("run").join(format!("{name}.pid")));
        text.unwrap().trim().parse().unwrap()
    }

    /// The greater memory of the two Gateposts, in KiB.
    pub(super) fn memory(&self) -> u64 {
        let resident = |name: &&str| {
            let status =
                std::fs::read_to_string(format!("/proc/{}/status", self.gatepost_pid(name)));
            let status = status.unwrap_or_default();
            let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
            line.split_whitespace().nth(1)?.parse().ok()
        };
        GATEPOSTS.iter().filter_map(resident).max().unwrap_or_default()
    }

    /// Connections of the service's role at the primary.
    pub(super) fn connections(&self) -> i64 {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'gatepost_app'";
        self.sql().query_one(sql, &[]).unwrap().get(0)
    }

    /// Acknowledges writes before they are kept, as no one should.
    pub fn forget_durability(&self) {
        let change = r#"{"synchronous_mode": false, "synchronous_mode_strict": false,
            "postgresql": {"parameters": {"synchronous_commit": "off"}}}"#;
        let url = format!("http://127.0.0.1:{}/config", self.ports(self.primary())[1]);
        let done = self.http.patch(url).body(change).send().unwrap();
        assert!(done.status().is_success(), "{done:?}");
        self.synchronous.store(0, Ordering::Relaxed);
        std::thread::sleep(Duration::from_secs(5));
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in NODES {
            self.signal(node, true, "-CONT");
        }
        let _ = self.command(&["down"]).stdout(Stdio::null()).status();
        for node in NODES.iter().filter(|_| self.small_disks) {
            let _ = Command::new("umount").arg(self.dir.join(node)).status();
        }
        if std::thread::panicking() {
            eprintln!("the logs are in {}", self.dir.join("log").display());
        } else {
            std::fs::remove_dir_all(&self.dir).unwrap();
        }
    }
}

/// How long Patroni has to make the cluster whole by itself: more than its `ttl`.
const BY_ITSELF: Duration = Duration::from_secs(40);

/// Waits for something, and looks for it after each pause.
fn wait_for<T>(what: &str, pause: Duration, look: impl Fn() -> Option<T>) -> T {
    let deadline = Instant::now() + super::PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(pause);
    }
}

/// Gives a node a file system of its own, in memory. Needs the rights of root.
fn small_disk(dir: &Path, node: &str) -> bool {
    let at = dir.join(node);
    std::fs::create_dir(&at).unwrap();
    let mount = ["-t", "tmpfs", "-o", "size=1500m", "gatepost-chaos"];
    let mut command = Command::new("mount");
    command.args(mount).arg(at).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
