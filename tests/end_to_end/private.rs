//! The private PostgreSQL: made, kept, found again after any end, and never left running.

use crate::support::PASSWORD;
use crate::support::program::{Home, Running, failure, success};
use gatepost_test_support::os_user;
use reqwest::blocking::Client;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

fn register(service: &Running, login: &str) -> u16 {
    let body = json!({"login": login, "password": PASSWORD});
    let request = Client::new().post(format!("{}/user", service.url)).json(&body);
    request.send().unwrap().status().as_u16()
}

fn log_in(service: &Running, login: &str) -> u16 {
    let body = json!({"login": login, "password": PASSWORD});
    Client::new().post(&service.url).json(&body).send().unwrap().status().as_u16()
}

#[test]
fn users_are_still_there_after_a_stop_and_after_a_kill() {
    let home = Home::new();
    let service = home.serve();
    assert_eq!(register(&service, "alice"), 201);
    let log = service.stop();
    assert!(!log.contains("WARN") && !log.contains("ERROR"), "{log}");
    home.wait_until_quiet();

    let service = home.serve();
    assert_eq!(log_in(&service, "alice"), 200);
    assert_eq!(register(&service, "bob"), 201);
    service.signal("-KILL");
    service.wait();
    // At once, while the server that was left alone is still stopping.
    let service = home.serve();
    assert_eq!(log_in(&service, "bob"), 200);
    let log = service.stop();
    assert!(!log.contains("NOTICE"), "{log}");
    home.wait_until_quiet();
}

#[test]
fn a_killed_service_takes_its_server_with_it() {
    let home = Home::new();
    let service = home.serve();
    assert!(home.processes().iter().any(|process| process.contains("postgres")));
    service.signal("-KILL");
    service.wait();
    home.wait_until_quiet();
}

#[test]
fn a_server_that_died_is_started_again() {
    let home = Home::new();
    let service = home.serve();
    assert_eq!(register(&service, "alice"), 201);
    let file = home.data_dir().join("cluster/postmaster.pid");
    let text = std::fs::read_to_string(file).unwrap();
    let pid = text.lines().next().unwrap();
    assert!(Command::new("kill").args(["-KILL", pid]).status().unwrap().success());
    let begin = Instant::now();
    while log_in(&service, "alice") != 200 {
        assert!(begin.elapsed().as_secs() < 20, "the server does not come back");
        std::thread::sleep(Duration::from_millis(100));
    }
    service.stop();
    home.wait_until_quiet();
}

#[test]
fn of_two_that_start_at_once_one_is_told_clearly() {
    let home = Home::new();
    let mut first = home.command(&["serve"]);
    let mut second = home.command(&["serve"]);
    // The one that is told ends by itself; only then is the other one stopped.
    let told = std::sync::Barrier::new(2);
    let mut outputs: Vec<(String, Output)> = std::thread::scope(|scope| {
        let run = |command: &mut Command| {
            let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            let told = &told;
            scope.spawn(move || {
                let mut line = String::new();
                let mut stdout = BufReader::new(child.stdout.take().unwrap());
                stdout.read_line(&mut line).unwrap();
                told.wait();
                if !line.is_empty() {
                    let pid = child.id().to_string();
                    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
                }
                (line, child.wait_with_output().unwrap())
            })
        };
        let threads = [run(&mut first), run(&mut second)];
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    outputs.sort_by_key(|(line, _)| line.len());
    let (told, ran) = (&outputs[0], &outputs[1]);
    let text = failure(&told.1, 1);
    assert!(told.0.is_empty() && text.contains("is in use by process"), "{text}");
    assert!(ran.0.starts_with("listening on http://"), "{}", ran.0);
    success(&ran.1);
}

#[test]
fn what_another_process_is_making_is_not_judged() {
    let home = Home::new();
    let running = home.serve();
    // As it is for a moment when two start at once: the directory is there, and not given away yet.
    let run_dir = home.data_dir().join("run");
    let meta = std::fs::metadata(&run_dir).unwrap();
    let owner = (meta.uid(), meta.gid());
    let is_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    if is_root {
        std::os::unix::fs::chown(&run_dir, Some(0), Some(0)).unwrap();
    }
    let text = failure(&home.run(&["serve"], ""), 1);
    assert!(text.contains("is in use by process"), "{text}");
    if is_root {
        std::os::unix::fs::chown(&run_dir, Some(owner.0), Some(owner.1)).unwrap();
    }
    drop(running);
}

#[test]
fn half_a_cluster_is_not_taken_for_one() {
    let home = Home::new();
    std::fs::create_dir_all(home.data_dir().join("cluster.new.1/base")).unwrap();
    std::fs::write(home.data_dir().join("cluster.new.1/PG_VERSION"), "15\n").unwrap();
    let service = home.serve();
    assert_eq!(register(&service, "alice"), 201);
    assert!(!home.data_dir().join("cluster.new.1").exists());
    service.stop();
}

#[test]
fn a_stale_pid_file_that_names_another_process_is_cleared_away() {
    let home = Home::new();
    home.serve().stop();
    let file = home.data_dir().join("cluster/postmaster.pid");
    std::fs::write(&file, format!("{}\n", std::process::id())).unwrap();
    let log = home.serve().stop();
    assert!(log.contains("removing a stale"), "{log}");
}

#[test]
fn user_commands_work_beside_a_running_service_and_without_one() {
    let home = Home::new();
    let created = success(&home.run(&["user", "create", "root", "--admin"], PASSWORD));
    assert!(created.starts_with("1\troot\tadmin\t20"), "{created}");
    home.wait_until_quiet();

    let service = home.serve();
    let created = success(&home.run(&["user", "create", "alice"], "correct horse battery\r\n"));
    assert!(created.starts_with("2\talice\tuser\t"), "{created}");
    let list = success(&home.run(&["user", "list"], ""));
    assert_eq!(list.lines().count(), 2);
    assert_eq!(success(&home.run(&["user", "show", "ALICE"], "")), created);
    let promoted = success(&home.run(&["user", "promote", "alice"], ""));
    assert!(promoted.starts_with("2\talice\tadmin\t"), "{promoted}");
    assert_eq!(success(&home.run(&["user", "demote", "alice"], "")), created);
    assert_eq!(log_in(&service, "alice"), 200);
    success(&home.run(&["user", "set-password", "alice"], "something else"));
    assert_eq!(log_in(&service, "alice"), 400);
    assert_eq!(success(&home.run(&["user", "delete", "alice"], "")), created);
    assert_eq!(failure(&home.run(&["user", "show", "alice"], ""), 1), "gatepost: no such user\n");
    let taken = failure(&home.run(&["user", "create", "Root"], PASSWORD), 1);
    assert_eq!(taken, "gatepost: this login is taken\n");
    let weak = failure(&home.run(&["user", "create", "carol"], "short"), 1);
    assert!(weak.contains("at least 8 characters"), "{weak}");
    let empty = failure(&home.run(&["user", "create", "carol"], ""), 1);
    assert!(empty.contains("password: must not be empty"), "{empty}");
    assert_eq!(success(&home.run(&["database", "migrate"], "")), "nothing to do\n");
    service.stop();
    home.wait_until_quiet();
}

#[test]
fn nothing_of_a_secret_stands_in_the_log() {
    let home = Home::new();
    let mut command = home.command(&["serve"]);
    let service = Running::start(command.env("GATEPOST_LOG_LEVEL", "trace"));
    assert_eq!(register(&service, "alice the secretive"), 201);
    assert_eq!(register(&service, "alice the secretive"), 400);
    let body = json!({"login": "alice the secretive", "password": PASSWORD});
    let answer: Value =
        Client::new().post(&service.url).json(&body).send().unwrap().json().unwrap();
    let token = answer["access_token"].as_str().unwrap();
    let url = format!("{}/user?id=1&password=in-the-query", service.url);
    Client::new().get(url).bearer_auth(token).send().unwrap();
    let log = service.stop();
    assert!(log.contains("POST /user 201"), "{log}");
    for secret in ["correct horse", "pbkdf2-sha256", token, "in-the-query"] {
        assert!(!log.contains(secret), "{secret} is in the log:\n{log}");
    }
    let at_info = log.lines().filter(|line| line.contains(" INFO "));
    assert!(at_info.into_iter().all(|line| !line.contains("secretive")), "{log}");
}

#[test]
fn a_data_directory_that_cannot_be_used_is_named() {
    let home = Home::new();
    let long = home.path().join("x".repeat(90));
    let mut command = home.command(&["serve"]);
    command.env("GATEPOST_DATABASE_DATA_DIR", &long);
    let text = failure(&command.output().unwrap(), 1);
    assert!(text.contains("database.data_dir") && text.contains("too long"), "{text}");
    let mut command = home.command(&["serve"]);
    command.env("GATEPOST_DATABASE_DATA_DIR", "/proc/gatepost");
    let text = failure(&command.output().unwrap(), 1);
    assert!(text.contains("/proc") && text.contains("database.data_dir"), "{text}");
}

#[test]
fn a_cluster_of_a_major_version_that_is_not_here_is_left_alone() {
    let home = Home::new();
    let cluster = home.data_dir().join("cluster");
    std::fs::create_dir_all(&cluster).unwrap();
    std::fs::set_permissions(&cluster, PermissionsExt::from_mode(0o700)).unwrap();
    std::fs::write(cluster.join("PG_VERSION"), "9\n").unwrap();
    if let Some((uid, gid)) = os_user() {
        for path in [&cluster, &cluster.join("PG_VERSION")] {
            std::os::unix::fs::chown(path, Some(uid), Some(gid)).unwrap();
        }
    }
    let text = failure(&home.command(&["serve"]).output().unwrap(), 1);
    assert!(text.contains("postgresql-9"), "{text}");
}

#[test]
fn a_second_signal_ends_the_service_at_once() {
    let home = Home::new();
    let service = home.serve();
    service.signal("-INT");
    service.signal("-INT");
    let (code, _, log) = service.wait();
    // The first may have been through by then.
    assert!(matches!(code, Some(0 | 130)), "{code:?} {log}");
    home.wait_until_quiet();
}

#[test]
fn a_directory_that_is_not_ours_is_refused_and_left_as_it_is() {
    let home = Home::new();
    let precious = home.data_dir();
    std::fs::create_dir(&precious).unwrap();
    std::fs::write(precious.join("file"), "x").unwrap();
    std::fs::set_permissions(&precious, PermissionsExt::from_mode(0o755)).unwrap();
    let before = precious.metadata().unwrap();
    let text = failure(&home.command(&["serve"]).output().unwrap(), 1);
    assert!(text.contains("holds something else"), "{text}");
    std::fs::remove_file(precious.join("file")).unwrap();
    std::fs::set_permissions(&precious, PermissionsExt::from_mode(0o777)).unwrap();
    let text = failure(&home.command(&["serve"]).output().unwrap(), 1);
    assert!(text.contains("can be written by others"), "{text}");
    if os_user().is_some() {
        std::os::unix::fs::chown(&precious, Some(4711), None).unwrap();
        let text = failure(&home.command(&["user", "list"]).output().unwrap(), 1);
        assert!(text.contains("belongs to the OS user with the id 4711"), "{text}");
        std::os::unix::fs::chown(&precious, Some(0), None).unwrap();
    }
    std::fs::set_permissions(&precious, PermissionsExt::from_mode(0o755)).unwrap();
    let after = precious.metadata().unwrap();
    assert_eq!(
        (before.uid(), before.gid(), before.mode()),
        (after.uid(), after.gid(), after.mode())
    );
    assert_eq!(std::fs::read_dir(&precious).unwrap().count(), 0);
}

#[test]
fn as_root_the_servers_user_owns_nothing_that_root_writes_to() {
    let Some((uid, _)) = os_user() else { return };
    let home = Home::new();
    home.serve().stop();
    let owner = |name: &str| home.data_dir().join(name).metadata().unwrap().uid();
    assert_eq!((owner("."), owner("lock")), (0, 0));
    assert_eq!((owner("run"), owner("cluster")), (uid, uid));
    for name in ["run", "cluster"] {
        assert_eq!(home.data_dir().join(name).metadata().unwrap().mode() & 0o777, 0o700);
    }
}

#[test]
fn a_start_after_a_kill_in_the_middle_of_the_first_one_succeeds() {
    for moment in [50, 200, 400, 600, 900] {
        let home = Home::new();
        let mut command = home.command(&["serve"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(moment));
        child.kill().unwrap();
        child.wait().unwrap();
        let service = home.serve();
        assert_eq!(register(&service, "alice"), 201);
        service.stop();
        home.wait_until_quiet();
    }
}

#[test]
fn a_watchdog_that_is_gone_is_replaced() {
    let home = Home::new();
    let service = home.serve();
    let watchdog = || {
        let pid = service.pid();
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
        let children = tasks.map(|task| std::fs::read_to_string(task.path().join("children")));
        let children = children.map(Result::unwrap_or_default).collect::<Vec<_>>().join(" ");
        children.split_whitespace().map(str::to_owned).find(|pid| {
            let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&words).contains("gatepost-watchdog")
        })
    };
    let first = watchdog().unwrap();
    assert!(Command::new("kill").args(["-KILL", &first]).status().unwrap().success());
    let begin = Instant::now();
    while watchdog().is_none_or(|pid| pid == first) {
        assert!(begin.elapsed() < Duration::from_secs(10), "no new watchdog");
        std::thread::sleep(Duration::from_millis(50));
    }
    service.signal("-KILL");
    service.wait();
    home.wait_until_quiet();
}

#[test]
fn a_log_that_cannot_be_written_costs_lines_and_no_requests() {
    let home = Home::new();
    let mut command = home.command(&["serve"]);
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut child = command.stdout(Stdio::piped()).stderr(full).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.trim_end().strip_prefix("listening on ").unwrap();
    for _ in 0..40 {
        let status = Client::new().get(format!("{url}/livez")).send().unwrap().status();
        assert_eq!(status, 200);
    }
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert!(child.wait().unwrap().success());
}

#[test]
fn the_servers_memory_follows_the_machines_unless_its_configuration_says_otherwise() {
    let home = Home::new();
    success(&home.run(&["user", "list"], ""));
    let cluster = home.data_dir().join("cluster");
    let memory = std::fs::read_to_string(cluster.join("memory.conf")).unwrap();
    let buffers = memory.lines().find_map(|line| line.strip_prefix("shared_buffers = ")).unwrap();
    let shown = || {
        let url =
            format!("host={}/run user=gatepost_owner dbname=gatepost", home.data_dir().display());
        let mut client = ::postgres::Client::connect(&url, ::postgres::NoTls).unwrap();
        let size: String = client.query_one("SHOW shared_buffers", &[]).unwrap().get(0);
        size.replace("GB", "").parse::<u64>().map_or(size, |size| format!("{}MB", size * 1024))
    };
    let service = home.serve();
    assert_eq!(shown(), buffers);
    service.stop();
    // What it is not told by is written anew, and what somebody has set is left alone.
    std::fs::write(cluster.join("memory.conf"), "shared_buffers = nonsense").unwrap();
    let settings = cluster.join("postgresql.conf");
    let text = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, text + "shared_buffers = 24MB\n").unwrap();
    let service = home.serve();
    assert_eq!(shown(), "24MB");
    service.stop();
    assert_eq!(std::fs::read_to_string(cluster.join("memory.conf")).unwrap(), memory);
}
