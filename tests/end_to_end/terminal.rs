//! What is asked for at a terminal.

use crate::support::program::Home;
use crate::support::{PASSWORD, conninfo};
use gatepost_test_support::Cluster;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};
use std::ffi::OsString;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::OpenOptionsExt;
use std::time::{Duration, Instant};

/// The side of a terminal at which somebody sits.
struct Screen {
    ours: File,
    seen: String,
}

impl Screen {
    fn wait_for(&mut self, text: &str) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.seen.contains(text) {
            assert!(Instant::now() < deadline, "no {text:?} in {:?}", self.seen);
            let mut piece = [0; 1024];
            match self.ours.read(&mut piece) {
                Ok(count) => self.seen += &String::from_utf8_lossy(&piece[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(error) => panic!("{error} after {:?}", self.seen),
            }
        }
    }
}

/// A terminal: who sits there, and the side that a command gets.
fn terminal() -> (Screen, File) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    rustix::io::ioctl_fionbio(&ours, true).unwrap();
    let path = OsString::from_vec(ptsname(&ours, Vec::new()).unwrap().into_bytes());
    let flags = OpenptFlags::NOCTTY.bits().cast_signed();
    let terminal = File::options().read(true).write(true).custom_flags(flags).open(path).unwrap();
    (Screen { ours: ours.into(), seen: String::new() }, terminal)
}

#[test]
fn a_password_is_asked_for_once_typing_it_shows_nothing() {
    let home = Home::new();
    let (mut screen, terminal) = terminal();
    let shows = || tcgetattr(&terminal).unwrap().local_modes.contains(LocalModes::ECHO);
    let mut command = home.command(&["user", "create", "root", "--admin"]);
    command.stdin(terminal.try_clone().unwrap());
    command.stdout(terminal.try_clone().unwrap()).stderr(terminal.try_clone().unwrap());
    let mut child = command.spawn().unwrap();
    for prompt in ["Password: ", "Again: "] {
        screen.wait_for(prompt);
        assert!(!shows(), "{prompt}");
        screen.ours.write_all(format!("{PASSWORD}\n").as_bytes()).unwrap();
    }
    screen.wait_for("ID  LOGIN  KIND   REGISTERED\r\n1   root   admin  2");
    assert!(child.wait().unwrap().success() && shows());
    assert!(!screen.seen.contains(PASSWORD), "{}", screen.seen);
    home.wait_until_quiet();
}

#[test]
fn database_create_asks_for_the_superusers_password() {
    let (home, cluster) = (Home::new(), Cluster::start());
    let mut admin = cluster.admin("postgres").connect(postgres::NoTls).unwrap();
    admin.batch_execute("CREATE ROLE root2 SUPERUSER LOGIN PASSWORD 'hunter2'").unwrap();
    for name in ["owner", "app"] {
        std::fs::write(home.path().join(name), format!("{name}'s password")).unwrap();
    }
    let (mut screen, terminal) = terminal();
    let admin = conninfo(&cluster, "root2", "", "postgres").replace("password=''", "");
    let mut command = home.command(&["database", "create", "--admin-url", &admin]);
    command.args(["--owner-password-file", "owner", "--app-password-file", "app"]);
    command.stdin(terminal.try_clone().unwrap());
    command.stdout(terminal.try_clone().unwrap()).stderr(terminal.try_clone().unwrap());
    let mut child = command.spawn().unwrap();
    screen.wait_for("Password of the PostgreSQL superuser: ");
    screen.ours.write_all(b"hunter2\n").unwrap();
    screen.wait_for("now: gatepost database migrate");
    assert!(child.wait().unwrap().success());
    assert!(!screen.seen.contains("hunter2"), "{}", screen.seen);
}

#[test]
fn progress_is_shown_on_a_terminal_and_in_no_pipe() {
    let home = Home::new();
    let lines: String = (0..200_000).map(|number| format!("password {number}\n")).collect();
    std::fs::write(home.path().join("in"), lines).unwrap();
    let arguments = ["passwords", "build-list", "--output", "out", "in"];
    let (mut screen, terminal) = terminal();
    let mut command = home.command(&arguments);
    command.stdout(terminal.try_clone().unwrap()).stderr(terminal.try_clone().unwrap());
    let mut child = command.spawn().unwrap();
    screen.wait_for(" lines, ");
    screen.wait_for(" a second");
    // The line is gone before the result stands in its place.
    screen.wait_for("\r\u{1b}[Kout: 200000 passwords of 200000 lines\r\n");
    assert!(child.wait().unwrap().success());
    let output = home.run(&arguments, "");
    assert!(output.status.success() && output.stderr.is_empty());
}
