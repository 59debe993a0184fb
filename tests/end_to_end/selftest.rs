//! `gatepost selftest timing`: what it prints, what it leaves behind, and what it finds.

use crate::support::program::{Home, run};
use crate::support::{APP_PASSWORD, CLUSTER, PASSWORD, TestServer, conninfo};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn command(home: &Home, server: &TestServer, tries: &str) -> Command {
    let url = conninfo(&CLUSTER, "gatepost_app", APP_PASSWORD, &server.database);
    let mut command = home.command(&["selftest", "timing", "--tries", tries]);
    command.env("GATEPOST_DATABASE_URL", url);
    command
}

fn count(server: &TestServer, rows: &str) -> i64 {
    server.sql().query_one(&format!("SELECT count(*) FROM gatepost.{rows}"), &[]).unwrap().get(0)
}

#[test]
fn it_shows_distributions_and_comparisons_and_leaves_no_account() {
    let (home, server) = (Home::new(), TestServer::start());
    server.register("alice");
    let output = run(&mut command(&home, &server, "50"), "");
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    // So few tries beside other tests may well show something.
    assert!(matches!(output.status.code(), Some(0 | 1)), "{errors}");
    assert_eq!(text.matches("50 tries each").count(), 2, "{text}");
    for part in ["requests for a way back", "known again", "unknown / known", "locked / unknown"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(errors.contains("accounts that exist while this runs: selftest-"), "{errors}");
    assert_eq!(count(&server, "users"), 1);
    // The failures count for nobody who could log in from this machine.
    assert_eq!(server.log_in("alice", PASSWORD).status(), 200);
}

#[test]
fn a_signal_in_the_middle_deletes_the_accounts_too() {
    let (home, server) = (Home::new(), TestServer::start());
    let mut child = command(&home, &server, "100000").stderr(Stdio::null()).spawn().unwrap();
    let begin = Instant::now();
    while count(&server, "attempts") == 0 {
        assert!(begin.elapsed() < Duration::from_secs(20), "nothing was tried");
        std::thread::yield_now();
    }
    assert_eq!(count(&server, "users"), 2);
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert_eq!(count(&server, "users"), 0);
}

/// The sockets at which a process waits for others, TCP and Unix.
fn listening(pid: u32) -> Vec<String> {
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    let links = descriptors.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    let sockets: Vec<String> = links
        .filter_map(|link| {
            let name = link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
            Some(name.to_owned())
        })
        .collect();
    let mut found = Vec::new();
    // State and inode stand in other columns, and a listening one is marked in another way.
    for (table, state, listens, inode) in
        [("tcp", 3, "0A", 9), ("tcp6", 3, "0A", 9), ("unix", 3, "00010000", 6)]
    {
        let text = std::fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        for line in text.lines().skip(1) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let is_ours = sockets.iter().any(|socket| socket == words[inode]);
            if is_ours && words[state] == listens {
                found.push(format!("{table} {}", words.get(7).unwrap_or(&"")));
            }
        }
    }
    found
}

#[test]
fn nobody_else_can_connect_to_what_is_measured() {
    let (home, server) = (Home::new(), TestServer::start());
    let mut child = command(&home, &server, "100000").stderr(Stdio::null()).spawn().unwrap();
    let begin = Instant::now();
    while count(&server, "attempts") == 0 {
        assert!(begin.elapsed() < Duration::from_secs(20), "nothing was tried");
        std::thread::yield_now();
    }
    let found = listening(child.id());
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    child.wait().unwrap();
    assert!(!found.is_empty());
    for socket in found {
        // The workers' sockets, and what is measured, whose file is gone by now.
        let path = socket.strip_prefix("unix ").unwrap_or_else(|| panic!("{socket}"));
        assert!(path.contains("/gatepost-run-"), "{socket}");
        let is_measured = !path.ends_with("/worker") && !path.ends_with("/hashing");
        assert!(!is_measured || !std::path::Path::new(path).exists(), "{socket}");
    }
}

#[test]
#[ignore = "measures, and wants a quiet machine for some seconds"]
fn known_unknown_and_locked_logins_cannot_be_told_apart_in_two_thousand_tries_each() {
    let (home, server) = (Home::new(), TestServer::start());
    let output = run(&mut command(&home, &server, "2000"), "");
    let text = String::from_utf8(output.stdout).unwrap();
    println!("{text}");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}{errors}");
}
