//! The program itself, run as an operator runs it.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A place for a private PostgreSQL, removed when dropped.
pub(crate) struct Home(tempfile::TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("gatepost-test-").tempdir().unwrap();
        // The OS user postgres must be able to pass through, when we are root.
        std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
        Self(dir)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.path().join("data")
    }

    /// The program with these arguments, in an environment that holds nothing else.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gatepost"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("APP_SETTINGS", "testing")
            .env("GATEPOST_SERVER_LISTEN", "127.0.0.1:0")
            .env("GATEPOST_DATABASE_DATA_DIR", self.data_dir())
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end with this on its standard input.
    pub(crate) fn run(&self, arguments: &[&str], input: &str) -> Output {
        run(&mut self.command(arguments), input)
    }

    /// Starts the service and waits for its first line.
    pub(crate) fn serve(&self) -> Running {
        Running::start(&mut self.command(&["serve"]))
    }

    /// The processes that still run in or for the data directory.
    pub(crate) fn processes(&self) -> Vec<String> {
        let dir = self.data_dir().display().to_string();
        let processes = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
            let words = std::fs::read(entry.path().join("cmdline")).ok()?;
            let text = String::from_utf8_lossy(&words).replace('\0', " ");
            text.contains(&dir).then_some(text)
        });
        processes.collect()
    }

    /// Waits until nothing runs there any more.
    pub(crate) fn wait_until_quiet(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !self.processes().is_empty() {
            assert!(Instant::now() < deadline, "still running: {:?}", self.processes());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Runs a command to its end with this on its standard input.
pub(crate) fn run(command: &mut Command, input: &str) -> Output {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A command that fails early does not read.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().unwrap()
}

/// What a command printed on standard output, after checking that it did what it was asked.
#[track_caller]
pub(crate) fn success(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", output.status);
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What a command printed on standard error, after checking its exit code.
#[track_caller]
pub(crate) fn failure(output: &Output, code: i32) -> String {
    let errors = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{errors}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    errors
}

/// A service that runs, until it is dropped at the latest.
pub(crate) struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
    log: tempfile::NamedTempFile,
    pub(crate) url: String,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::spawn(command, false, tempfile::NamedTempFile::new().unwrap())
    }

    /// As [`Running::start`], where standard error is what `JOURNAL_STREAM` names.
    pub(crate) fn start_on_a_journal(command: &mut Command) -> Self {
        let log = tempfile::NamedTempFile::new().unwrap();
        let file = log.as_file().metadata().unwrap();
        command.env("JOURNAL_STREAM", format!("{}:{}", file.dev(), file.ino()));
        Self::spawn(command, false, log)
    }

    /// As [`Running::start`], of a service in a process that has said other things first.
    pub(crate) fn start_within_a_test(command: &mut Command) -> Self {
        Self::spawn(command, true, tempfile::NamedTempFile::new().unwrap())
    }

    fn spawn(command: &mut Command, other_lines: bool, log: tempfile::NamedTempFile) -> Self {
        command.stdout(Stdio::piped()).stderr(log.reopen().unwrap());
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        let is_it = |line: &str| line.starts_with("listening on ") || !other_lines;
        while stdout.read_line(&mut line).unwrap() > 0 && !is_it(&line) {
            line.clear();
        }
        let Some(url) = line.strip_prefix("listening on ") else {
            let errors = std::fs::read_to_string(log.path()).unwrap();
            panic!("the service did not start: {line:?} {errors}");
        };
        Self { url: url.trim_end().to_owned(), child, stdout, log }
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.log.path()).unwrap()
    }

    /// Waits until the log holds a text.
    pub(crate) fn wait_for_log(&self, text: &str) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !self.log().contains(text) {
            assert!(Instant::now() < deadline, "{text:?} is not in the log:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ticks of the processor that it has used so far, itself, not its children.
    pub(crate) fn cpu_ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        // The name, in parentheses, may hold spaces; user and system time are 12 and 13 behind it.
        let words = stat.rsplit_once(')').unwrap().1.split_whitespace();
        words.skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    /// Waits for the end; returns the exit code and the rest of standard output and error.
    pub(crate) fn wait(mut self) -> (Option<i32>, String, String) {
        let mut out = String::new();
        self.stdout.read_to_string(&mut out).unwrap();
        (self.child.wait().unwrap().code(), out, self.log())
    }

    /// Stops it in order.
    pub(crate) fn stop(self) -> String {
        self.signal("-TERM");
        let (code, _, errors) = self.wait();
        assert_eq!(code, Some(0), "{errors}");
        errors
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already, unless a test failed.
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// A process of another program. It is killed when this is dropped, by a test that fails too.
pub(crate) struct Spawned(Child);

impl Spawned {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::try_start(command).unwrap()
    }

    /// The same, where the program may not be there.
    pub(crate) fn try_start(command: &mut Command) -> std::io::Result<Self> {
        command.spawn().map(Self)
    }

    pub(crate) fn stdout(&mut self) -> ChildStdout {
        self.0.stdout.take().unwrap()
    }
}

impl Drop for Spawned {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
