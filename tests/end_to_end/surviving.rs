//! What happens around a service: power cuts, signals to everybody, children without parents, idle
//! connections that somebody closes.

use crate::support::program::{Home, Running, run, success};
use crate::support::{APP_PASSWORD, CLUSTER, PASSWORD, conninfo, new_database};
use gatepost_test_support::os_user;
use postgres::NoTls;
use reqwest::blocking::Client;
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn register(service: &Running, login: &str) -> u16 {
    let body = json!({"login": login, "password": PASSWORD});
    let request = Client::new().post(format!("{}/user", service.url)).json(&body);
    request.send().unwrap().status().as_u16()
}

/// What proc(5) tells of every process: number, name, state, parent.
fn processes() -> Vec<(u32, String, String, u32)> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let stats = entries.filter_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        let (name, rest) = stat.split_once(" (")?.1.rsplit_once(") ")?;
        let mut words = rest.split(' ').map(str::to_owned);
        Some((pid, name.to_owned(), words.next()?, words.next()?.parse().ok()?))
    });
    stats.collect()
}

fn children(parent: u32) -> Vec<u32> {
    processes().into_iter().filter(|process| process.3 == parent).map(|found| found.0).collect()
}

#[test]
fn a_lock_of_the_socket_that_names_a_living_process_does_not_stop_a_start() {
    let home = Home::new();
    home.serve().stop();
    // After a power cut the number may belong to any process of the same OS user.
    let mut living = Command::new("sleep");
    living.arg("300").stdin(Stdio::null());
    os_user().map(|(uid, gid)| living.uid(uid).gid(gid));
    let mut living = living.spawn().unwrap();
    let dir = home.data_dir();
    let lock = dir.join("run/.s.PGSQL.5432.lock");
    let (cluster, run_dir) = (dir.join("cluster"), dir.join("run"));
    let text = format!(
        "{}\n{}\n1700000000\n5432\n{}\n\n",
        living.id(),
        cluster.display(),
        run_dir.display()
    );
    std::fs::write(&lock, text).unwrap();
    std::fs::File::create(dir.join("run/.s.PGSQL.5432")).unwrap();
    for file in [lock, dir.join("run/.s.PGSQL.5432")] {
        if let Some((uid, gid)) = os_user() {
            chown(file, Some(uid), Some(gid)).unwrap();
        }
    }
    let output = run(&mut home.command(&["user", "list"]), "");
    living.kill().unwrap();
    living.wait().unwrap();
    success(&output);
}

#[test]
fn a_signal_to_all_processes_at_once_is_a_quiet_stop() {
    let home = Home::new();
    for first in ["the service", "its children"] {
        let service = home.serve();
        register(&service, "alice");
        let own = children(service.pid());
        let mut all: Vec<u32> = own.iter().flat_map(|pid| children(*pid)).collect();
        all.extend(own);
        let at = if first == "the service" { 0 } else { all.len() };
        all.insert(at, service.pid());
        // A request that is half sent keeps the service waiting for a while.
        let mut half = TcpStream::connect(service.url.strip_prefix("http://").unwrap()).unwrap();
        half.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n").unwrap();
        std::thread::sleep(Duration::from_millis(100));
        let all: Vec<String> = all.iter().map(u32::to_string).collect();
        assert!(Command::new("kill").arg("-TERM").args(&all).status().unwrap().success());
        std::thread::sleep(Duration::from_millis(2_500));
        half.write_all(b"\r\n").unwrap();
        let mut answer = String::new();
        half.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        let (code, _, log) = service.wait();
        assert_eq!(code, Some(0), "{log}");
        assert!(!log.contains("WARN") && !log.contains("ERROR"), "{first} first:\n{log}");
        home.wait_until_quiet();
    }
}

#[test]
fn a_server_that_somebody_stopped_is_started_again() {
    let home = Home::new();
    let service = home.serve();
    assert_eq!(register(&service, "alice"), 201);
    let text = std::fs::read_to_string(home.data_dir().join("cluster/postmaster.pid")).unwrap();
    let pid = text.lines().next().unwrap();
    assert!(Command::new("kill").args(["-INT", pid]).status().unwrap().success());
    service.wait_for_log("ended (exit status: 0); starting it again");
    let begin = Instant::now();
    while register(&service, "bob") != 201 {
        assert!(begin.elapsed() < Duration::from_secs(20), "the server does not come back");
        std::thread::sleep(Duration::from_millis(100));
    }
    service.stop();
    home.wait_until_quiet();
}

#[test]
fn as_the_first_process_of_a_container_it_leaves_no_zombies_of_a_lost_server() {
    let mut container = vec!["--pid", "--fork", "--mount-proc", "--kill-child"];
    if os_user().is_none() {
        container.splice(0..0, ["--user", "--map-current-user"]);
    }
    let can = Command::new("unshare").args(&container).arg("true").stderr(Stdio::null()).status();
    if !can.is_ok_and(|status| status.success()) {
        eprintln!("not seen: this machine lets us make no container");
        return;
    }
    let home = Home::new();
    let program = home.command(&["serve"]);
    let mut command = Command::new("unshare");
    command.args(&container).arg(program.get_program()).args(program.get_args());
    command.current_dir(home.path()).env_clear().stdin(Stdio::null());
    command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let service = Running::start(&mut command);
    assert_eq!(register(&service, "alice"), 201);
    let first = children(service.pid())[0];
    let ours = |name: &str| {
        let found = processes().into_iter().filter(|process| process.3 == first);
        found.filter(|process| process.1 == name).collect::<Vec<_>>()
    };
    let lost = ours("postgres")[0].0;
    assert!(children(lost).len() > 3);
    assert!(Command::new("kill").args(["-KILL", &lost.to_string()]).status().unwrap().success());
    service.wait_for_log("starting it again");
    let begin = Instant::now();
    while register(&service, "bob") != 201 {
        assert!(begin.elapsed() < Duration::from_secs(20), "the server does not come back");
        std::thread::sleep(Duration::from_millis(100));
    }
    let zombies = || ours("postgres").iter().filter(|process| process.2 == "Z").count();
    let begin = Instant::now();
    while zombies() > 0 {
        assert!(begin.elapsed() < Duration::from_secs(10), "{} zombies stay", zombies());
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(Command::new("kill").args(["-TERM", &first.to_string()]).status().unwrap().success());
    let (code, _, log) = service.wait();
    assert_eq!(code, Some(0), "{log}");
    home.wait_until_quiet();
}

#[test]
fn an_idle_connection_that_was_closed_is_opened_anew_without_a_warning() {
    let home = Home::new();
    let database = new_database();
    let mut command = home.command(&["serve"]);
    command
        .env("GATEPOST_DATABASE_URL", conninfo(&CLUSTER, "gatepost_app", APP_PASSWORD, &database));
    command.env("GATEPOST_LOG_LEVEL", "debug");
    let service = Running::start(&mut command);
    assert_eq!(register(&service, "alice"), 201);
    let mut admin = CLUSTER.admin(&database).connect(NoTls).unwrap();
    let close = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE usename = 'gatepost_app' AND datname = current_database()";
    let begin = Instant::now();
    // Until the pool has asked one whether it lives, and not a statement found it lost.
    while !service.log().contains("an idle connection was lost") {
        assert!(begin.elapsed() < Duration::from_secs(60), "{}", service.log());
        std::thread::sleep(Duration::from_millis(1_200));
        admin.query(close, &[]).unwrap();
        let status = Client::new().get(format!("{}/readyz", service.url)).send().unwrap().status();
        assert_eq!(status, 200);
    }
    let log = service.stop();
    let idle: Vec<&str> = log.lines().filter(|line| line.contains("an idle connection")).collect();
    assert!(idle.iter().all(|line| line.contains("DEBUG")), "{idle:?}");
    assert!(!log.contains("cannot open a database connection"), "{log}");
}
