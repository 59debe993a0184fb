//! The commands of the documents, run as they stand: each document is one script of bash, in a home
//! of its own, and what a command prints is compared with the answer below it.
//!
//! What is put in place of something else is in `STAND_INS`, in `replaced` and in `PROMPTED`, and
//! nowhere else.

use super::answers::{is_as_shown, normal};
use super::pages::{Page, Step};
use crate::support::program::Home;
use gatepost_test_support::Cluster;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What is typed where a command asks for a password.
const PROMPTED: &str = "a stapler for root\n";

/// What asks for it.
const PROMPTS: [&str; 2] = ["Password:", "Again:"];

/// Commands that a test runs in another way:
/// - a service (`gatepost`, `cargo run`, `systemctl`) runs in the background, on a free port;
/// - `curl` asks that port in place of 8080, and shows no progress, as at a terminal;
/// - `cargo` runs what is built already;
/// - `sudo` and, where the test is not root, `runuser` are left out.
const STAND_INS: &str = r#"
URL=http://127.0.0.1:8080
stop() {
    if [ -n "${SERVICE-}" ]; then kill $SERVICE; wait $SERVICE; SERVICE=; fi
}
gatepost() {
    if [ $# -gt 0 ] && [ "$1" != serve ]; then command gatepost "$@"; return; fi
    stop
    : >"$OUT/announced"
    command gatepost "$@" >"$OUT/announced" 2>>"$OUT/log" &
    SERVICE=$!
    until [ -s "$OUT/announced" ]; do
        kill -0 $SERVICE || { SERVICE=; cat "$OUT/log"; return 1; }
        sleep 0.05
    done
    URL=$(sed -n 's/^listening on //p;q' "$OUT/announced")
    cat "$OUT/announced"
}
curl() {
    local words=() word
    for word; do words+=("${word//127.0.0.1:8080/${URL#*://}}"); done
    command curl -sS "${words[@]}"
}
cargo() {
    case "$*" in
    "run -q -- "*) shift 3; gatepost "$@" ;;
    "run -q --example "*)
        local example=$4; shift 5
        "$EXAMPLES/$example" "${@//127.0.0.1:8080/${URL#*://}}" ;;
    *) echo "no stand-in for cargo $*"; return 1 ;;
    esac
}
sudo() { "$@"; }
systemctl() {
    case "$*" in
    "start gatepost" | "restart gatepost") gatepost >/dev/null ;;
    "stop gatepost") stop ;;
    *) echo "no stand-in for systemctl $*"; return 1 ;;
    esac
}
if [ "$(id -u)" != 0 ]; then runuser() { shift 3; "$@"; }; fi
trap stop EXIT
"#;

/// A PostgreSQL server in place of `db.example`, and a home in place of the machine's directories.
fn replaced(command: &str, home: &Home, cluster: Option<&Cluster>) -> String {
    let data = home.data_dir().display().to_string();
    let mut command = command.replace("/var/lib/gatepost/production", &data);
    if let Some(cluster) = cluster {
        let (dir, bin) = (cluster.dir().display().to_string(), cluster.bin().display().to_string());
        command = command
            .replace("@db.example/", &format!("@{}/", dir.replace('/', "%2F")))
            .replace("-h db.example", &format!("-h {dir}"))
            .replace("/usr/lib/postgresql/$(as_owner cat $DATA/cluster/PG_VERSION)/bin", &bin);
    }
    command
}

/// Whether the tools are here that the documents use beside Gatepost and PostgreSQL. Where they must
/// be, as in `.ci/run`, a test fails without them.
fn tools_are_missing() -> bool {
    let is_there = |tool: &&str| {
        let mut command = Command::new(tool);
        command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
    };
    let missing: Vec<&str> = ["bash", "curl", "jq", "openssl", "pg_dump"]
        .into_iter()
        .filter(|tool| !is_there(tool))
        .collect();
    if !missing.is_empty() {
        let text = format!("the commands of the documents need {missing:?}");
        assert!(std::env::var_os("REQUIRE_PROXIES").is_none(), "{text}");
        eprintln!("not run: {text}");
    }
    !missing.is_empty()
}

/// The script: each command in turn in one shell, its output in a file, and no further after one that
/// fails.
fn script(steps: &[Step], first: &str, home: &Home, cluster: Option<&Cluster>) -> String {
    let mut text = format!("{STAND_INS}\n{first}\n");
    for (number, step) in steps.iter().enumerate() {
        let command = replaced(&step.command, home, cluster);
        text += &format!(
            "{{\n{command}\n}} >\"$OUT/{number}\" 2>&1 <\"$OUT/typed\"\n\
             echo $? >\"$OUT/{number}.code\"; [ \"$(cat \"$OUT/{number}.code\")\" = 0 ] || exit\n"
        );
    }
    text
}

/// Runs a script, for five minutes at most.
fn bash(script: &Path, home: &Home, out: &Path) {
    let program = Path::new(env!("CARGO_BIN_EXE_gatepost"));
    let path = std::env::var("PATH").unwrap();
    let mut child = Command::new("bash")
        .arg(script)
        .current_dir(home.path())
        .env_clear()
        .env("PATH", format!("{}:{path}", program.parent().unwrap().display()))
        .env("HOME", home.path())
        .env("OUT", out)
        .env("EXAMPLES", program.with_file_name("examples"))
        .env("GATEPOST_SERVER_LISTEN", "127.0.0.1:0")
        .env("GATEPOST_DATABASE_DATA_DIR", home.data_dir())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(300);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            let group = format!("-{}", child.id());
            Command::new("kill").args(["-KILL", "--", &group]).status().unwrap();
            child.wait().unwrap();
            panic!("the script did not end in time");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Checks what each command did.
fn compare(steps: &[Step], out: &Path) {
    for (number, step) in steps.iter().enumerate() {
        let (place, command) = (&step.place, &step.command);
        let came = std::fs::read_to_string(out.join(number.to_string())).unwrap_or_default();
        let code = std::fs::read_to_string(out.join(format!("{number}.code"))).unwrap_or_default();
        assert_eq!(code.trim(), "0", "{place}: {command}\n{came}");
        let shown: Vec<&str> = step.answer.iter().map(String::as_str).collect();
        let shown: Vec<&str> = shown.into_iter().filter(|line| !PROMPTS.contains(line)).collect();
        let (shown, came) = (normal(&shown.join("\n")), normal(&came));
        // A command without an answer may say what it likes, but not that it was refused.
        let right =
            if shown.is_empty() { !came.contains("\"code\":") } else { is_as_shown(&shown, &came) };
        assert!(right, "{place}: {command}\nis shown to answer\n{shown}\nand answered\n{came}");
    }
}

/// Runs what a test can run of these commands. `first` is run before them.
fn run(steps: Vec<Step>, first: &str, cluster: Option<&Cluster>) {
    let steps: Vec<Step> = steps.into_iter().filter(|step| step.not_run.is_none()).collect();
    assert!(steps.len() > 1 || first.is_empty(), "there are no commands");
    let (home, out) = (Home::new(), tempfile::tempdir().unwrap());
    std::fs::write(out.path().join("typed"), PROMPTED).unwrap();
    let text = script(&steps, first, &home, cluster);
    let file = out.path().join("script");
    std::fs::write(&file, text).unwrap();
    bash(&file, &home, out.path());
    home.wait_until_quiet();
    compare(&steps, out.path());
}

/// The line that starts the service for the documents that begin beside a running one.
const SERVICE: &str = "gatepost >/dev/null";

#[test]
fn the_commands_of_the_readme_run_as_they_stand_and_answer_as_shown() {
    if !tools_are_missing() {
        run(Page::read("README.md").steps(), SERVICE, None);
    }
}

#[test]
fn the_commands_of_the_page_on_the_api_run_as_they_stand() {
    if !tools_are_missing() {
        run(Page::read("docs/api.md").steps(), SERVICE, None);
    }
}

#[test]
fn the_commands_of_the_page_on_keys_run_as_they_stand() {
    if !tools_are_missing() {
        run(Page::read("docs/keys.md").steps(), SERVICE, None);
    }
}

#[test]
fn the_commands_of_the_page_on_metrics_run_as_they_stand() {
    if !tools_are_missing() {
        run(Page::read("docs/metrics.md").steps(), "", None);
    }
}

#[test]
fn the_commands_of_the_page_on_verifying_run_as_they_stand() {
    if !tools_are_missing() {
        run(Page::read("docs/verifying.md").steps(), SERVICE, None);
    }
}

#[test]
fn the_commands_of_the_pages_on_importing_and_embedding_run_as_they_stand() {
    if !tools_are_missing() {
        run(Page::read("docs/importing.md").steps(), "", None);
        run(Page::read("docs/embedding.md").steps(), "", None);
    }
}

/// On real exports of the services that the page names, made with the versions that it names; of
/// Keycloak's realm the users only. The passwords are those below.
#[test]
fn the_commands_of_the_page_on_coming_from_elsewhere_bring_users_who_can_log_in() {
    if tools_are_missing() {
        return;
    }
    let exports = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/end_to_end/fixtures/exports");
    let mut steps = Vec::new();
    let mut checks = 0;
    for step in Page::read("docs/coming-from.md").steps() {
        let imports = step.command.starts_with("gatepost user import");
        let place = step.place.clone();
        steps.push(step);
        if !imports {
            continue;
        }
        // Everybody of this service logs in, and is gone before the next service's users come.
        let users: &[(&str, &str)] = match checks {
            0 => &[("alice", FIRST), ("bob", SECOND), ("carol", THIRD)],
            1 => &[("alice", FIRST), ("bob", SECOND)],
            2 => &[("alice", FIRST), ("bob", SECOND)],
            _ => &[("alice@example.com", FIRST), ("zoe@example.com", "pässword with ümlauts")],
        };
        checks += 1;
        let mut command = String::from("gatepost >/dev/null; ");
        for (login, password) in users {
            command += &format!(
                "curl -f -o /dev/null http://127.0.0.1:8080/ -H 'Content-Type: application/json' \
                 -d '{{\"login\":\"{login}\",\"password\":\"{password}\"}}' || exit 1; "
            );
        }
        command += "stop; for login in alice bob carol alice@example.com zoe@example.com; do \
                    gatepost user delete $login >/dev/null 2>&1 || true; done";
        steps.push(Step { command, answer: Vec::new(), not_run: None, place });
    }
    assert_eq!(checks, 4);
    run(steps, &format!("cp {exports}/*.json ."), None);
}

const FIRST: &str = "correct horse battery";
const SECOND: &str = "another long password";
const THIRD: &str = "a third long password";

#[test]
fn the_commands_of_the_page_on_operations_run_as_they_stand() {
    if !tools_are_missing() {
        run(Page::read("docs/operations.md").steps(), "", Some(&Cluster::start()));
    }
}

/// It begins where the page on operations has set up a server.
#[test]
fn the_commands_of_the_page_on_backups_run_as_they_stand() {
    if !tools_are_missing() {
        let mut steps = Page::read("docs/operations.md").steps();
        let made = steps.iter().position(|step| step.command.contains("user create root")).unwrap();
        steps.truncate(made + 1);
        steps.extend(Page::read("docs/backup.md").steps());
        run(steps, "", Some(&Cluster::start()));
    }
}

/// Commands that need what a test has not, by their document. A further one must be counted here, so
/// that the mark is not put before a command that merely fails.
const NOT_RUN: [(&str, usize); 3] =
    [("docs/api.md", 4), ("docs/backup.md", 7), ("docs/operations.md", 2)];

#[test]
fn few_commands_of_the_documents_are_not_run() {
    let mut not_run = Vec::new();
    for page in Page::all() {
        let count = page.steps().iter().filter(|step| step.not_run.is_some()).count();
        if count > 0 {
            not_run.push((page.name, count));
        }
    }
    let not_run: Vec<_> = not_run.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    assert_eq!(not_run, NOT_RUN);
}
