//! The files below the data directory: who may open them, and what happens when the server's OS
//! user, or somebody else, has put something else in their place.

use crate::support::program::{Home, failure, success};
use gatepost_test_support::os_user;
use std::fs::{File, Permissions, set_permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Runs a command that must not hang.
fn run_in_time(mut command: Command) -> Output {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let begin = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begin.elapsed() > Duration::from_secs(30) {
            child.kill().unwrap();
            panic!("it hangs: {:?}", child.wait_with_output().unwrap());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.wait_with_output().unwrap()
}

/// A home with a cluster in it, and a file that is nobody's business.
fn prepared() -> (Home, PathBuf) {
    let home = Home::new();
    success(&home.run(&["user", "list"], ""));
    home.wait_until_quiet();
    let secret = home.path().join("secret");
    std::fs::write(&secret, "4711-the-secret-of-root\n").unwrap();
    set_permissions(&secret, Permissions::from_mode(0o600)).unwrap();
    (home, secret)
}

/// Gives a file to the server's OS user.
fn give_away(path: &Path) {
    if let Some((uid, gid)) = os_user() {
        std::os::unix::fs::lchown(path, Some(uid), Some(gid)).unwrap();
    }
}

#[test]
fn a_link_in_place_of_a_file_of_the_cluster_is_not_followed() {
    let (home, secret) = prepared();
    for name in ["PG_VERSION", "postmaster.pid"] {
        let file = home.data_dir().join("cluster").join(name);
        let before = std::fs::read(&file).ok();
        let _ = std::fs::remove_file(&file);
        symlink(&secret, &file).unwrap();
        give_away(&file);
        let text = failure(&run_in_time(home.command(&["user", "list"])), 1);
        assert!(!text.contains("4711") && !text.contains("the-secret"), "{text}");
        assert!(text.contains(&format!("{name}: is not a plain file")), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
        std::fs::remove_file(&file).unwrap();
        if let Some(before) = before {
            std::fs::write(&file, before).unwrap();
            give_away(&file);
        }
    }
    success(&home.run(&["user", "list"], ""));
    assert_eq!(std::fs::read_to_string(&secret).unwrap(), "4711-the-secret-of-root\n");
}

#[test]
fn a_pipe_in_place_of_a_file_of_the_cluster_does_not_stop_the_start() {
    let (home, _) = prepared();
    for name in ["PG_VERSION", "postmaster.pid"] {
        let file = home.data_dir().join("cluster").join(name);
        let before = std::fs::read(&file).ok();
        let _ = std::fs::remove_file(&file);
        assert!(Command::new("mkfifo").arg(&file).status().unwrap().success());
        give_away(&file);
        let text = failure(&run_in_time(home.command(&["user", "list"])), 1);
        assert!(text.contains(&format!("{name}: is not a plain file")), "{text}");
        std::fs::remove_file(&file).unwrap();
        if let Some(before) = before {
            std::fs::write(&file, before).unwrap();
            give_away(&file);
        }
    }
    success(&home.run(&["user", "list"], ""));
}

#[test]
fn the_content_of_a_file_of_the_cluster_is_not_quoted_and_has_a_bound() {
    let (home, _) = prepared();
    let file = home.data_dir().join("cluster/PG_VERSION");
    let before = std::fs::read(&file).unwrap();
    for content in ["root:$6$salt$hash\nmore".to_owned(), "7".repeat(1 << 20)] {
        std::fs::write(&file, &content).unwrap();
        let text = failure(&run_in_time(home.command(&["user", "list"])), 1);
        assert!(text.contains("PG_VERSION") && text.len() < 1_000, "{text}");
        assert!(!text.contains("$6$") && !text.contains("7777"), "{text}");
    }
    std::fs::write(&file, before).unwrap();
    success(&home.run(&["user", "list"], ""));
}

#[test]
fn a_file_of_the_cluster_that_belongs_to_somebody_else_is_named() {
    let Some(_) = os_user() else { return };
    let (home, _) = prepared();
    let file = home.data_dir().join("cluster/PG_VERSION");
    chown(&file, Some(4711), None).unwrap();
    let text = failure(&run_in_time(home.command(&["user", "list"])), 1);
    assert!(text.contains("PG_VERSION: belongs to the OS user with the id 4711"), "{text}");
    // A second name of one of root's files, which whoever owns the directory could make.
    let owned_by_root = home.path().join("of-root");
    std::fs::write(&owned_by_root, "15\n").unwrap();
    std::fs::remove_file(&file).unwrap();
    std::fs::hard_link(&owned_by_root, &file).unwrap();
    let text = failure(&run_in_time(home.command(&["user", "list"])), 1);
    assert!(text.contains("PG_VERSION: belongs to the OS user with the id 0"), "{text}");
}

#[test]
fn nobody_else_can_open_the_lock_and_one_that_others_could_is_mended() {
    let (home, _) = prepared();
    let lock = home.data_dir().join("lock");
    let mode = || lock.metadata().unwrap().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    set_permissions(&lock, Permissions::from_mode(0o644)).unwrap();
    success(&home.run(&["user", "list"], ""));
    assert_eq!(mode(), 0o600);
    // Somebody who opened it while that was allowed, and holds it since.
    set_permissions(&lock, Permissions::from_mode(0o644)).unwrap();
    let held = File::open(&lock).unwrap();
    held.try_lock().unwrap();
    let text = failure(&run_in_time(home.command(&["serve"])), 1);
    assert!(text.contains("is in use by") && text.contains("had the mode 644"), "{text}");
    assert_eq!(mode(), 0o600);
    drop(held);
    success(&home.run(&["user", "list"], ""));
    home.wait_until_quiet();
}

#[test]
fn a_lock_that_is_a_link_is_refused_and_a_wider_directory_of_the_socket_is_closed() {
    let (home, secret) = prepared();
    let run = home.data_dir().join("run");
    set_permissions(&run, Permissions::from_mode(0o755)).unwrap();
    success(&home.run(&["user", "list"], ""));
    assert_eq!(run.metadata().unwrap().mode() & 0o777, 0o700);
    home.wait_until_quiet();
    let lock = home.data_dir().join("lock");
    std::fs::remove_file(&lock).unwrap();
    symlink(&secret, &lock).unwrap();
    let text = failure(&run_in_time(home.command(&["serve"])), 1);
    assert!(text.contains("lock: is not a plain file"), "{text}");
    assert_eq!(std::fs::read_to_string(&secret).unwrap(), "4711-the-secret-of-root\n");
}

#[test]
fn no_child_is_told_our_secrets() {
    let home = Home::new();
    let (bin, told) = (home.path().join("bin"), home.path().join("told"));
    std::fs::create_dir(&bin).unwrap();
    std::fs::create_dir(&told).unwrap();
    for dir in [&bin, &told] {
        set_permissions(dir, Permissions::from_mode(0o777)).unwrap();
    }
    let (told, real) = (told.display(), ["/usr/bin/id", "/bin/id"]);
    let real = real.into_iter().find(|path| Path::new(path).exists()).unwrap();
    for (name, then) in [
        ("id", format!("exec {real} \"$@\"")),
        ("postgres", "echo 'postgres (PostgreSQL) 1.0'".to_owned()),
        ("initdb", String::new()),
    ] {
        let script = format!("#!/bin/sh\nenv >>{told}/{name}\n{then}\n");
        std::fs::write(bin.join(name), script).unwrap();
        set_permissions(bin.join(name), Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = home.command(&["user", "list"]);
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    command.env("PATH", path).env("PGPASSWORD", "SECRET-of-libpq");
    command.env("GATEPOST_ENCRYPTION_KEY", "SECRET".repeat(8));
    success(&command.output().unwrap());
    let asked = ["id", "postgres"].map(|name| home.path().join("told").join(name));
    let texts = asked.map(|file| std::fs::read_to_string(file).unwrap_or_default());
    assert_eq!(!texts[0].is_empty(), os_user().is_some());
    assert!(!texts[1].is_empty());
    for text in texts {
        assert!(!text.contains("SECRET") && !text.contains("GATEPOST"), "{text}");
    }
}
