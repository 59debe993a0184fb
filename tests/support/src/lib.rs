//! A PostgreSQL for tests: made in a temporary directory, without durability, and gone with the
//! process that made it, however that ends.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

pub mod chaos;

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A cluster that runs. It is stopped and removed when it is dropped.
#[derive(Debug)]
pub struct Cluster {
    bin: PathBuf,
    dir: PathBuf,
    port: u16,
    durable: bool,
    running: Option<(Child, Child)>,
}

/// What makes tests quick and would lose data.
const WITHOUT_DURABILITY: [&str; 6] =
    ["-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off"];

/// Ends the server at once and removes the directory when the pipe from us closes.
const WATCHDOG: &str = "read -r _; kill -QUIT \"$1\"; n=0
while kill -0 \"$1\" && [ $n -lt 100 ]; do sleep 0.05; n=$((n+1)); done
rm -rf \"$2\"";

impl Cluster {
    /// Makes a cluster and starts it, on a Unix socket only.
    pub fn start() -> Self {
        Self::start_with(0, false)
    }

    /// The same with a TCP port on loopback too.
    pub fn start_on(port: u16) -> Self {
        Self::start_with(port, false)
    }

    /// The same with PostgreSQL's durability, for measurements.
    pub fn start_durable() -> Self {
        Self::start_with(0, true)
    }

    fn start_with(port: u16, durable: bool) -> Self {
        let dir = directory();
        let mut cluster = Self { bin: binaries(), dir, port, durable, running: None };
        let output = cluster
            .command("initdb")
            .args(["-U", "postgres", "-E", "UTF8", "--locale=C", "-N", "-A", "trust", "-D"])
            .arg(cluster.dir.join("data"))
            .output()
            .unwrap();
        assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
        let hba = "local all,replication postgres trust\nlocal all all scram-sha-256\n\
                   host all all 127.0.0.1/32 scram-sha-256\n";
        std::fs::write(cluster.dir.join("data/pg_hba.conf"), hba).unwrap();
        cluster.run();
        cluster
    }

    /// A standby that follows this one, and has what it acknowledges.
    pub fn standby(&self) -> Self {
        let dir = directory();
        let (bin, durable) = (self.bin.clone(), self.durable);
        let mut standby = Self { bin, dir, port: 0, durable, running: None };
        let copied = standby
            .command("pg_basebackup")
            .args(["-U", "postgres", "-R", "-X", "stream", "-c", "fast", "-h"])
            .arg(&self.dir)
            .args(["-p", &self.socket_port().to_string(), "-D"])
            .arg(standby.dir.join("data"))
            .output()
            .unwrap();
        assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
        standby.run();
        let mut admin = self.admin("postgres").connect(postgres::NoTls).unwrap();
        admin.batch_execute("ALTER SYSTEM SET synchronous_standby_names = '*'").unwrap();
        admin.batch_execute("SELECT pg_reload_conf()").unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        let sql = "SELECT FROM pg_stat_replication WHERE sync_state = 'sync'";
        while admin.query(sql, &[]).unwrap().is_empty() {
            assert!(Instant::now() < deadline, "the standby does not follow");
            std::thread::sleep(Duration::from_millis(20));
        }
        standby
    }

    /// Offers TLS on the TCP port, and asks clients for a certificate where `authority` is given.
    /// All are in PEM.
    pub fn offer_tls(&self, certificate: &str, key: &str, authority: &str) {
        for (name, text) in
            [("server.crt", certificate), ("server.key", key), ("ca.crt", authority)]
        {
            let path = self.dir.join("data").join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
            if let Some((uid, gid)) = os_user() {
                chown(&path, Some(uid), Some(gid)).unwrap();
            }
        }
        let ca = if authority.is_empty() { "" } else { "ca.crt" };
        self.set(&format!("ssl_ca_file = '{ca}'"));
        self.set("ssl = on");
    }

    /// Offers no TLS any more.
    pub fn offer_no_tls(&self) {
        self.set("ssl = off");
    }

    /// Says who may connect over TCP, and how: what stands in `pg_hba.conf` after the address.
    pub fn admit(&self, kind: &str, method: &str) {
        let text = format!(
            "local all,replication postgres trust\nlocal all all scram-sha-256\n\
             {kind} all all 127.0.0.1/32 {method}\n"
        );
        std::fs::write(self.dir.join("data/pg_hba.conf"), text).unwrap();
        self.reload();
    }

    fn set(&self, setting: &str) {
        let mut admin = self.admin("postgres").connect(postgres::NoTls).unwrap();
        admin.batch_execute(&format!("ALTER SYSTEM SET {setting}")).unwrap();
        self.reload();
    }

    /// Makes the server read its files again, and waits until new connections see it.
    fn reload(&self) {
        let mut admin = self.admin("postgres").connect(postgres::NoTls).unwrap();
        let loaded = "SELECT pg_conf_load_time()";
        let before: std::time::SystemTime = admin.query_one(loaded, &[]).unwrap().get(0);
        admin.batch_execute("SELECT pg_reload_conf()").unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let mut fresh = self.admin("postgres").connect(postgres::NoTls).unwrap();
            if fresh.query_one(loaded, &[]).unwrap().get::<_, std::time::SystemTime>(0) > before {
                return;
            }
            assert!(Instant::now() < deadline, "the configuration is not read again");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Stops all processes of the server where they are, as a machine that is frozen does.
    pub fn freeze(&self) {
        self.signal_all("-STOP");
    }

    /// Lets them go on.
    pub fn thaw(&self) {
        self.signal_all("-CONT");
    }

    fn signal_all(&self, name: &str) {
        let (server, _) = self.running.as_ref().unwrap();
        descendants(server.id()).into_iter().for_each(|pid| signal(pid, name));
    }

    /// Makes a standby the primary.
    pub fn promote(&self) {
        let mut admin = self.admin("postgres").connect(postgres::NoTls).unwrap();
        // It copied the setting, and has no standby of its own to wait for.
        admin.batch_execute("ALTER SYSTEM RESET synchronous_standby_names").unwrap();
        admin.batch_execute("SELECT pg_reload_conf()").unwrap();
        let promoted: bool = admin.query_one("SELECT pg_promote()", &[]).unwrap().get(0);
        assert!(promoted, "the standby is not promoted");
    }

    /// Kills all processes of the server at once, as a power cut does.
    pub fn kill(&mut self) {
        self.end("-KILL", |pid| format!("-{pid}"));
    }

    /// Starts the server again after [`stop`](Self::stop).
    pub fn run(&mut self) {
        let listen =
            if self.port == 0 { "listen_addresses=" } else { "listen_addresses=127.0.0.1" };
        let server = self
            .command("postgres")
            .arg("-D")
            .arg(self.dir.join("data"))
            .arg("-k")
            .arg(&self.dir)
            .args(["-p", &self.socket_port().to_string(), "-c", listen])
            .args(["-c", "max_connections=300", "-c", "shared_buffers=32MB"])
            // As is the default since version 14.
            .args(["-c", "password_encryption=scram-sha-256"])
            .args(WITHOUT_DURABILITY.iter().filter(|_| !self.durable))
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(self.dir.join("log")).unwrap())
            .process_group(0)
            .spawn()
            .unwrap();
        let watchdog = Command::new("/bin/sh")
            .args(["-c", WATCHDOG, "watchdog", &server.id().to_string()])
            .arg(&self.dir)
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        self.running = Some((server, watchdog));
        let deadline = Instant::now() + Duration::from_secs(60);
        while let Err(error) = self.admin("postgres").connect(postgres::NoTls) {
            assert!(Instant::now() < deadline, "the test cluster does not start: {error}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Stops the server and keeps the data.
    pub fn stop(&mut self) {
        self.end("-INT", |pid| pid.to_string());
    }

    /// Sends a signal to the server, or to what else `whom` makes of its number, and waits.
    fn end(&mut self, signal: &str, whom: fn(u32) -> String) {
        if let Some((mut server, mut watchdog)) = self.running.take() {
            let whom = whom(server.id());
            assert!(Command::new("kill").args([signal, "--", &whom]).status().unwrap().success());
            server.wait().unwrap();
            watchdog.kill().unwrap();
            watchdog.wait().unwrap();
        }
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.bin.join(name));
        command
            .current_dir(&self.dir)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .stdin(Stdio::null());
        if let Some((uid, gid)) = os_user() {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// The number of the server's process.
    pub fn pid(&self) -> u32 {
        self.running.as_ref().unwrap().0.id()
    }

    /// The port that the socket is named after.
    pub fn socket_port(&self) -> u16 {
        if self.port == 0 { 5432 } else { self.port }
    }

    /// Where the server binaries are, and `pgbench` beside them.
    pub fn bin(&self) -> &Path {
        &self.bin
    }

    /// The directory of the socket.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// How to connect as the superuser.
    pub fn admin(&self, database: &str) -> postgres::Config {
        let mut config = postgres::Config::new();
        config.host_path(&self.dir).port(self.socket_port()).user("postgres").dbname(database);
        config
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop();
        std::fs::remove_dir_all(&self.dir).unwrap();
    }
}

/// A process and those that it has started.
pub fn descendants(parent: u32) -> Vec<u32> {
    let line = format!("PPid:\t{parent}");
    let is_child = |pid: &u32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"));
        status.is_ok_and(|status| status.lines().any(|of| of == line))
    };
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let all = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    std::iter::once(parent).chain(all.filter(is_child)).collect()
}

/// Sends a signal to a process, which may have ended meanwhile.
pub fn signal(pid: u32, name: &str) {
    let mut command = Command::new("kill");
    command.args([name, &pid.to_string()]).stderr(Stdio::null()).status().unwrap();
}

/// A new directory that the server can use and nobody else.
fn directory() -> PathBuf {
    let dir = tempfile::Builder::new().prefix("gatepost-test-").tempdir().unwrap().keep();
    std::fs::set_permissions(&dir, PermissionsExt::from_mode(0o700)).unwrap();
    if let Some((uid, gid)) = os_user() {
        chown(&dir, Some(uid), Some(gid)).unwrap();
    }
    dir
}

/// PostgreSQL refuses to run as root; the package's own user runs it then.
pub fn os_user() -> Option<(u32, u32)> {
    let id = |arguments: &[&str]| -> u32 {
        let output = Command::new("id").args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
    };
    (id(&["-u"]) == 0).then(|| (id(&["-u", "postgres"]), id(&["-g", "postgres"])))
}

/// The server binaries that `POSTGRES_BIN` names; otherwise the newest, where Debian has them or PATH
/// says.
fn binaries() -> PathBuf {
    if let Some(dir) = std::env::var_os("POSTGRES_BIN") {
        return dir.into();
    }
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| {
            let major = entry.file_name().to_str()?.parse().ok()?;
            Some((major, entry.path().join("bin")))
        })
        .filter(|(_, bin)| bin.join("initdb").exists())
        .collect();
    found.sort();
    let in_path = || {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).find(|dir| dir.join("initdb").exists())
    };
    let newest = found.pop().map(|(_, bin)| bin);
    newest.or_else(in_path).expect("PostgreSQL's server binaries are needed for the tests")
}
