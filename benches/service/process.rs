//! The release binary as a process of its own.

use crate::site::{self, PASSWORD};
use gatepost::domain::Login;
use gatepost::passwords::Password;
use gatepost::secret::Secret;
use gatepost::{App, Caller, Profile};
use gatepost_test_support::Cluster;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};

/// A database with users in it, and the binary to run on it.
pub(crate) struct Site {
    url: Secret,
}

impl Site {
    /// Makes the database and fills it: `user1`, an admin, to `userN`, all with one password.
    pub(crate) fn prepare(cluster: &Cluster, profile: Profile, users: u32) -> Self {
        let config = site::prepare(cluster, profile);
        let url = config.database.url.clone().unwrap();
        let app = App::open(config).unwrap();
        let (login, password) =
            (Login::parse("user1").unwrap(), Password::parse(PASSWORD).unwrap());
        gatepost::users::register_admin(&app, &Caller::Trusted, &login, &password).unwrap();
        let mut client = cluster.admin("gatepost").connect(postgres::NoTls).unwrap();
        client
            .batch_execute(&format!(
                "INSERT INTO gatepost.users (login, login_canonical, password_hash)
                 SELECT 'user' || n, 'user' || n, password_hash
                 FROM gatepost.users, generate_series(2, {users}) AS n"
            ))
            .unwrap();
        client.batch_execute("VACUUM ANALYZE gatepost.users").unwrap();
        Self { url }
    }

    pub(crate) fn binary_mib(&self) -> f64 {
        std::fs::metadata(program()).unwrap().len() as f64 / (1 << 20) as f64
    }
}

/// The program that is measured: this build's, or what `--program PATH` names.
fn program() -> String {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--program").skip(1);
    arguments.next().unwrap_or_else(|| env!("CARGO_BIN_EXE_gatepost").to_owned())
}

/// A running service.
pub(crate) struct Process {
    child: Child,
    /// Kept open, since it prints more lines than the first.
    _stdout: BufReader<ChildStdout>,
    pub(crate) address: String,
}

/// The kernel's figures on a process.
pub(crate) struct Status {
    pub(crate) resident_mib: f64,
    pub(crate) peak_mib: f64,
    pub(crate) threads: f64,
}

impl Process {
    /// Starts it with these additional settings, and waits for its first line.
    pub(crate) fn start(site: &Site, settings: &[(&str, &str)]) -> Self {
        let mut child = Command::new(program())
            .env_clear()
            .env("GATEPOST_DATABASE_URL", site.url.expose())
            .env("GATEPOST_DATABASE_PREPARED_STATEMENTS", "true")
            .env("GATEPOST_SERVER_LISTEN", "127.0.0.1:0")
            .envs(settings.iter().copied())
            .stdout(Stdio::piped())
            // One line a request, as in real use, which is thrown away.
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening on http://").unwrap().to_owned();
        Self { child, _stdout: stdout, address }
    }

    fn exchange(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn ask(&self, request: &str) -> String {
        let answer = self.exchange(request);
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        answer
    }

    pub(crate) fn is_live(&self) {
        self.ask("GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    }

    /// An access token.
    pub(crate) fn log_in(&self, login: &str) -> String {
        let answer = self.ask(&log_in(login, ""));
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        body["access_token"].as_str().unwrap().to_owned()
    }

    /// The cookie of a browser that has signed in, as it is sent back.
    pub(crate) fn sign_in(&self, login: &str, password: &str) -> String {
        let form = format!("login={login}&password={}", password.replace(' ', "+"));
        let answer = self.exchange(&format!(
            "POST /sign-in HTTP/1.1\r\nHost: a\r\nConnection: close\r\nSec-Fetch-Site: same-origin\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            form.len()
        ));
        let field = answer.lines().find_map(|line| line.strip_prefix("Set-Cookie: "));
        field.expect(&answer).split(';').next().unwrap().to_owned()
    }

    /// The status of a login for which the proxy in front names this address.
    pub(crate) fn log_in_from(&self, login: &str, address: &str) -> u16 {
        let answer = self.exchange(&log_in(login, &format!("X-Forwarded-For: {address}\r\n")));
        answer.split(' ').nth(1).unwrap().parse().unwrap()
    }

    pub(crate) fn status(&self) -> Status {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let number = |name: &str| -> f64 {
            let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim_start_matches(':').split_whitespace().next().unwrap().parse().unwrap()
        };
        Status {
            resident_mib: number("VmRSS") / 1024.0,
            peak_mib: number("VmHWM") / 1024.0,
            threads: number("Threads"),
        }
    }
}

fn log_in(login: &str, fields: &str) -> String {
    let body = format!("{{\"login\":\"{login}\",\"password\":\"{PASSWORD}\"}}");
    format!(
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\n\
         {fields}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

impl Drop for Process {
    fn drop(&mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap();
    }
}
