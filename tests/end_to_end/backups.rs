//! `gatepost database backup`, `restore` and `upgrade`, on the private PostgreSQL.

use crate::support::PASSWORD;
use crate::support::program::{Home, Running, failure, success};
use crate::support::{client, problem};
use serde_json::json;
use std::collections::BTreeSet;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

fn register(service: &Running, login: &str) -> u16 {
    let body = json!({"login": login, "password": PASSWORD});
    client().post(format!("{}/user", service.url)).json(&body).send().unwrap().status().as_u16()
}

fn create(home: &Home, login: &str) {
    success(&home.run(&["user", "create", login], &format!("{PASSWORD}\n{PASSWORD}\n")));
}

fn logins(home: &Home) -> BTreeSet<String> {
    let list = success(&home.run(&["user", "list"], ""));
    list.lines().map(|line| line.split('\t').nth(1).unwrap().to_owned()).collect()
}

fn backup(home: &Home, file: &Path) -> Output {
    home.run(&["database", "backup", file.to_str().unwrap()], "")
}

fn restore(home: &Home, file: &Path) -> Output {
    home.run(&["database", "restore", file.to_str().unwrap()], "")
}

fn rehearse(home: &Home, file: &Path) -> Output {
    home.run(&["database", "restore", "--dry-run", file.to_str().unwrap()], "")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A home with one user, and a backup of it.
fn backed_up() -> (Home, PathBuf) {
    let home = Home::new();
    create(&home, "alice");
    let file = home.path().join("backup");
    success(&backup(&home, &file));
    (home, file)
}

/// What is in the data directory.
fn names(home: &Home) -> Vec<String> {
    let entries = std::fs::read_dir(home.data_dir()).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_backup_made_under_load_is_restored_on_another_machine_and_fits_a_head_kept_elsewhere() {
    let home = Home::new();
    let mut command = home.command(&["serve"]);
    let service = Running::start(command.env("GATEPOST_LIMITS_REGISTRATIONS", "10000"));
    assert_eq!(register(&service, "first"), 201);
    let tokens = client()
        .post(&service.url)
        .json(&json!({"login": "first", "password": PASSWORD}))
        .send()
        .unwrap();
    let tokens: serde_json::Value = tokens.json().unwrap();
    let kept = success(&home.run(&["audit", "head"], ""));
    let file = home.path().join("backup");
    let stop = AtomicBool::new(false);
    let (before, after) = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|client| {
                let (service, stop) = (&service, &stop);
                scope.spawn(move || {
                    let mut acknowledged = Vec::new();
                    for number in 0.. {
                        if stop.load(Ordering::SeqCst) {
                            break;
                        }
                        let login = format!("c{client}-{number}");
                        assert_eq!(register(service, &login), 201);
                        acknowledged.push((login, Instant::now()));
                    }
                    acknowledged
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(700));
        let begun = Instant::now();
        let said = success(&backup(&home, &file));
        assert!(said.contains("audit head "), "{said}");
        std::thread::sleep(Duration::from_millis(300));
        stop.store(true, Ordering::SeqCst);
        let all: Vec<_> = clients.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        let (before, after): (Vec<_>, Vec<_>) = all.into_iter().partition(|(_, at)| *at < begun);
        (before, after)
    });
    assert!(before.len() > 4 && !after.is_empty(), "{} {}", before.len(), after.len());
    service.stop();

    let other = Home::new();
    let restored = restore(&other, &file);
    assert_eq!(success(&restored), "");
    let said = stderr(&restored);
    assert!(said.contains(" 0 finding(s)") && said.contains("all sessions have ended"), "{said}");
    assert_eq!(names(&other), ["cluster", "lock", "run"]);
    let there = logins(&other);
    for (login, _) in &before {
        assert!(there.contains(login), "{login} was acknowledged before the backup and is missing");
    }
    let known: BTreeSet<_> = before.iter().chain(&after).map(|(login, _)| login.as_str()).collect();
    assert!(there.iter().all(|login| login == "first" || known.contains(login.as_str())));
    success(&other.run(&["audit", "verify", "--head", kept.trim()], ""));
    // Nobody is logged in any more, and everybody can log in.
    let service = other.serve();
    let refresh = json!({"refresh_token": tokens["refresh_token"]});
    let answer = client().post(format!("{}/token", service.url)).json(&refresh).send().unwrap();
    problem(answer, 400, "invalid_grant");
    let login = json!({"login": "first", "password": PASSWORD});
    assert_eq!(client().post(&service.url).json(&login).send().unwrap().status(), 200);
    // No number is given twice.
    let body = json!({"login": "last", "password": PASSWORD});
    let user = client().post(format!("{}/user", service.url)).json(&body).send().unwrap();
    let user: serde_json::Value = user.json().unwrap();
    assert!(user["id"].as_i64().unwrap() > 1_000_000, "{user}");
}

#[test]
fn a_file_that_is_cut_or_changed_or_something_else_is_refused_before_anything_is_touched() {
    let (_home, file) = backed_up();
    let whole = std::fs::read(&file).unwrap();
    let other = Home::new();
    let path = other.path().join("damaged");
    let dump = whole.windows(17).rposition(|bytes| bytes == b"\ngatepost-backup ").unwrap();
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    let replaced = |from: &str, to: &str| {
        let mut bytes = whole[..dump].to_vec();
        let text = String::from_utf8(whole[dump..].to_vec()).unwrap();
        assert!(text.contains(from));
        bytes.extend(text.replacen(from, to, 1).bytes());
        bytes
    };
    let twice = [&whole[..], &whole[..]].concat();
    for (bytes, expected) in [
        (whole[..whole.len() - 1].to_vec(), "cut off or changed"),
        (whole[..whole.len() / 2].to_vec(), "cut off, or was not made by"),
        (whole[..dump].to_vec(), "cut off, or was not made by"),
        (whole[1..].to_vec(), "cut off or changed"),
        (flipped(10), "was changed after it was made"),
        (flipped(dump / 2), "was changed after it was made"),
        (flipped(dump - 1), "was changed after it was made"),
        (flipped(whole.len() - 2), "cut off or changed|was changed after it was made"),
        (replaced("made 20", "made 19"), "was changed after it was made"),
        (replaced("postgresql 1", "postgresql 2"), "was changed after it was made"),
        (replaced("gatepost-backup 1", "gatepost-backup 2"), "a later release"),
        (twice, "cut off or changed"),
        (Vec::new(), "is no backup"),
        (b"users".to_vec(), "is no backup"),
    ] {
        std::fs::write(&path, &bytes).unwrap();
        for output in [restore(&other, &path), rehearse(&other, &path)] {
            let text = failure(&output, 1);
            assert!(expected.split('|').any(|words| text.contains(words)), "{expected}: {text}");
            assert!(text.contains("damaged") && text.lines().count() == 1, "{text}");
        }
        assert_eq!(names(&other), [""; 0]);
    }
    let text = failure(&restore(&other, other.path()), 1);
    assert!(text.contains("is not a plain file"), "{text}");
    let text = failure(&restore(&other, &other.path().join("nowhere")), 1);
    assert!(text.contains("nowhere"), "{text}");
    // The whole one is fine, so it was the damage that was refused.
    std::fs::write(&path, &whole).unwrap();
    success(&restore(&other, &path));
}

#[test]
fn a_backup_never_takes_the_place_of_a_file_and_nobody_else_can_read_it() {
    let (home, file) = backed_up();
    let meta = file.metadata().unwrap();
    assert_eq!(meta.mode() & 0o777, 0o600);
    let text = failure(&backup(&home, &file), 1);
    assert!(text.contains("is not overwritten"), "{text}");
    assert_eq!(file.metadata().unwrap().len(), meta.len());
    // What a process that was killed has left behind is used again, and closed to others.
    let (next, partial) = (home.path().join("next"), home.path().join("next.partial"));
    std::fs::write(&partial, vec![b'x'; 1 << 20]).unwrap();
    std::fs::set_permissions(&partial, std::fs::Permissions::from_mode(0o644)).unwrap();
    success(&backup(&home, &next));
    assert!(!partial.exists());
    assert_eq!(next.metadata().unwrap().mode() & 0o777, 0o600);
    success(&rehearse(&home, &next));
    // One that another process is writing is left alone.
    let held = std::fs::File::create(home.path().join("third.partial")).unwrap();
    held.lock().unwrap();
    let text = failure(&backup(&home, &home.path().join("third")), 1);
    assert!(text.contains("another process is writing it"), "{text}");
    // A link is not followed.
    std::os::unix::fs::symlink(&file, home.path().join("fourth.partial")).unwrap();
    let text = failure(&backup(&home, &home.path().join("fourth")), 1);
    assert!(text.contains("fourth.partial"), "{text}");
    assert_eq!(file.metadata().unwrap().len(), meta.len());
    let text = failure(&backup(&home, &home.path().join("no/such/place")), 1);
    assert!(text.contains("no/such/place"), "{text}");
}

#[test]
fn a_backup_can_be_piped_and_a_full_disk_is_told() {
    let (home, _) = backed_up();
    let output = home.run(&["database", "backup", "-"], "");
    assert!(output.status.success() && stderr(&output).contains("audit head"));
    let file = home.path().join("piped");
    std::fs::write(&file, &output.stdout).unwrap();
    success(&rehearse(&home, &file));
    let from_input = |input: Stdio| {
        let mut command = home.command(&["database", "restore", "--dry-run", "-"]);
        command.stdin(input).output().unwrap()
    };
    success(&from_input(std::fs::File::open(&file).unwrap().into()));
    let text = failure(&from_input(Stdio::piped()), 1);
    assert!(text.contains("is not a plain file"), "{text}");
    let mut command = home.command(&["database", "backup", "-"]);
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = command.stdout(full).stderr(Stdio::piped()).output().unwrap();
    let text = stderr(&output);
    assert!(output.status.code() == Some(1) && text.contains("No space left"), "{text}");
}

#[test]
fn a_restore_waits_for_no_service_and_a_trial_needs_no_stop() {
    let (home, file) = backed_up();
    let service = home.serve();
    assert_eq!(register(&service, "bob"), 201);
    let text = failure(&restore(&home, &file), 1);
    assert!(text.contains(&format!("is in use by process {}", service.pid())), "{text}");
    let output = rehearse(&home, &file);
    success(&output);
    let said = stderr(&output);
    assert!(said.contains("has 1 user(s)") && said.contains("nothing was changed"), "{said}");
    assert_eq!(names(&home), ["cluster", "lock", "run"]);
    assert_eq!(logins(&home).len(), 2);
    let log = service.stop();
    assert!(!log.contains("ERROR"), "{log}");
}

#[test]
fn the_former_cluster_and_the_settings_of_the_server_are_kept() {
    let (home, file) = backed_up();
    create(&home, "bob");
    let settings = home.data_dir().join("cluster/postgresql.conf");
    let mut text = std::fs::read_to_string(&settings).unwrap();
    text += "work_mem = 7MB\n";
    std::fs::write(&settings, text).unwrap();
    let output = restore(&home, &file);
    success(&output);
    assert!(stderr(&output).contains("cluster.old"), "{}", stderr(&output));
    assert_eq!(names(&home), ["cluster", "cluster.old", "lock", "run"]);
    assert_eq!(logins(&home), BTreeSet::from(["alice".to_owned()]));
    assert!(std::fs::read_to_string(&settings).unwrap().ends_with("work_mem = 7MB\n"));
    let text = failure(&restore(&home, &file), 1);
    assert!(text.contains("rm -r ") && text.contains("cluster.old"), "{text}");
    // Back to what was, as the page on backups says.
    let at = |name: &str| home.data_dir().join(name);
    std::fs::remove_dir_all(at("cluster")).unwrap();
    let text = failure(&home.run(&["user", "list"], ""), 1);
    assert!(text.contains("put it back"), "{text}");
    std::fs::rename(at("cluster.old"), at("cluster")).unwrap();
    assert_eq!(logins(&home).len(), 2);
}

#[test]
fn a_restore_that_fails_or_is_killed_leaves_everything_as_it_was() {
    let (home, file) = backed_up();
    create(&home, "bob");
    // Settings with which its server does not start.
    let settings = home.data_dir().join("cluster/postgresql.auto.conf");
    let good = std::fs::read(&settings).unwrap();
    std::fs::write(&settings, "no_such_setting = 1\n").unwrap();
    let text = failure(&restore(&home, &file), 1);
    assert!(text.contains("ended while it started"), "{text}");
    std::fs::write(&settings, good).unwrap();
    assert_eq!(names(&home), ["cluster", "lock", "run"]);
    // Killed at several moments, of which each leaves another half.
    for millis in [50, 200, 400, 600] {
        let mut command = home.command(&["database", "restore", file.to_str().unwrap()]);
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(millis));
        child.kill().unwrap();
        if child.wait().unwrap().signal().is_none() {
            // It was quicker.
            break;
        }
        home.wait_until_quiet();
        assert_eq!(logins(&home).len(), 2, "killed after {millis} ms");
        assert_eq!(names(&home), ["cluster", "lock", "run"]);
    }
}

#[test]
fn what_a_process_with_the_same_number_left_behind_is_in_nobodys_way() {
    let (home, file) = backed_up();
    let trial = home.command(&["database", "restore", "--dry-run", file.to_str().unwrap()]);
    // As the first process of a container has it each time.
    let script = "mkdir \"$0/cluster.new.$$\" && touch \"$0/cluster.new.$$/half\" && exec \"$@\"";
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script]).arg(home.data_dir());
    command.arg(trial.get_program()).args(trial.get_args()).env_clear();
    command.envs(trial.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.output().unwrap();
    success(&output);
    assert_eq!(names(&home), ["cluster", "lock", "run"]);
}

#[test]
fn without_the_right_key_a_backup_is_made_and_none_is_restored() {
    let home = Home::new();
    let with = |key: &str, arguments: &[&str]| {
        let mut command = home.command(arguments);
        command.env("GATEPOST_ENCRYPTION_KEY", key).output().unwrap()
    };
    let key = |digit: &str| digit.repeat(64);
    success(&with(&key("a"), &["audit", "verify"]));
    let mut command = home.command(&["user", "create", "alice"]);
    command.env("GATEPOST_ENCRYPTION_KEY", key("a"));
    success(&crate::support::program::run(&mut command, &format!("{PASSWORD}\n{PASSWORD}\n")));
    let file = home.path().join("backup");
    let file = file.to_str().unwrap();
    let output = with(&key("b"), &["database", "backup", file]);
    success(&output);
    let said = stderr(&output);
    assert!(said.contains("without a head of the audit log"), "{said}");
    assert!(said.contains("without encryption.key it is of no use"), "{said}");
    let text = failure(&with(&key("b"), &["database", "restore", file]), 1);
    assert!(text.contains("encryption.key"), "{text}");
    assert_eq!(names(&home), ["cluster", "lock", "run"]);
    success(&with(&key("a"), &["database", "restore", file]));
}

#[test]
fn what_is_not_the_private_server_is_refused_with_what_to_use() {
    let home = Home::new();
    let file = home.path().join("backup");
    let text = failure(&backup(&home, &file), 1);
    assert!(text.contains("there is no private PostgreSQL in"), "{text}");
    assert!(!home.data_dir().exists() && !file.exists());
    for words in [&["backup", "x"][..], &["restore", "x"], &["upgrade"]] {
        let mut command = home.command(&[&["database"], words].concat());
        command
            .env("GATEPOST_DATABASE_URL", "host=/nowhere")
            .env_remove("GATEPOST_DATABASE_DATA_DIR");
        let text = failure(&command.output().unwrap(), 1);
        assert!(text.contains("database.url") && text.contains("docs/backup.md"), "{text}");
    }
}

#[test]
fn an_upgrade_moves_everything_to_the_newest_version_that_is_installed() {
    let (home, file) = backed_up();
    let nothing = success(&home.run(&["database", "upgrade"], ""));
    assert!(nothing.starts_with("nothing to do"), "{nothing}");
    // Server binaries of a newer major version than the one that the other tests use.
    let Some(newer) = std::env::var_os("NEWER_POSTGRES_BIN").map(PathBuf::from) else {
        eprintln!("NEWER_POSTGRES_BIN names no directory; left out");
        return;
    };
    let with_newer = |arguments: &[&str]| {
        let mut command = home.command(arguments);
        let path = format!("{}:{}", newer.display(), std::env::var("PATH").unwrap());
        command.env("PATH", path);
        command
    };
    // What is logged in stays so: an upgrade sets nothing back.
    let service = home.serve();
    let login = json!({"login": "alice", "password": PASSWORD});
    let tokens = client().post(&service.url).json(&login).send().unwrap();
    let tokens: serde_json::Value = tokens.json().unwrap();
    let text = failure(&with_newer(&["database", "upgrade"]).output().unwrap(), 1);
    assert!(text.contains("is in use by process"), "{text}");
    service.stop();
    let before = std::fs::read_to_string(home.data_dir().join("cluster/PG_VERSION")).unwrap();
    let head = success(&home.run(&["audit", "head"], ""));
    let said = success(&with_newer(&["database", "upgrade"]).output().unwrap());
    let now = std::fs::read_to_string(home.data_dir().join("cluster/PG_VERSION")).unwrap();
    assert!(before != now && said.contains(now.trim()), "{before} {now} {said}");
    assert_eq!(names(&home), ["cluster", "cluster.old", "lock", "run"]);
    success(&with_newer(&["audit", "verify", "--head", head.trim()]).output().unwrap());
    let service = Running::start(&mut with_newer(&["serve"]));
    let refresh = json!({"refresh_token": tokens["refresh_token"]});
    let answer = client().post(format!("{}/token", service.url)).json(&refresh).send().unwrap();
    assert_eq!(answer.status(), 200);
    service.stop();
    // The backup of the former version fits into the new one, and not the other way round.
    std::fs::remove_dir_all(home.data_dir().join("cluster.old")).unwrap();
    success(&with_newer(&["database", "restore", file.to_str().unwrap()]).output().unwrap());
    let new = home.path().join("new");
    success(&with_newer(&["database", "backup", new.to_str().unwrap()]).output().unwrap());
    let text = failure(&restore(&Home::new(), &new), 1);
    assert!(text.contains(&format!("postgresql-{}", now.trim())), "{text}");
    // Without the binaries of its version the cluster is as good as lost, and a backup is not.
    std::fs::remove_dir_all(home.data_dir().join("cluster.old")).unwrap();
    success(&restore(&home, &file));
    assert_eq!(logins(&home), BTreeSet::from(["alice".to_owned()]));
}
