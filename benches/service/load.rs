//! Load by `wrk`: the requests, and the figures it reports. And one client that logs in once a second.

use crate::process::Process;
use crate::site::PASSWORD;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A script for `wrk`.
pub(crate) struct Load(String);

/// The figures of one run.
#[derive(Clone, Copy)]
pub(crate) struct Figures {
    pub(crate) rate: f64,
    pub(crate) median_ms: f64,
    pub(crate) p99_ms: f64,
    /// Requests that were refused, of a hundred. Their answers are quick, and are among the others.
    pub(crate) refused: f64,
}

/// From which networks a crowd comes, as the proxy in front says.
#[derive(Clone, Copy)]
pub(crate) enum Networks {
    One,
    Thousand,
}

/// Ends every script: prints the figures in one line. A run with anything but successful answers is
/// worthless, unless it is a flood.
const FIGURES: &str = "
done = function(summary, latency, requests)
    local e = summary.errors
    io.write(string.format('figures %d %d %d %d %d %d\\n', summary.requests, summary.duration,
        latency:percentile(50), latency:percentile(99), e.status,
        e.connect + e.read + e.write + e.timeout))
end
";

impl Load {
    /// `GET /user` by an admin, for any of this many users.
    pub(crate) fn user(token: &str, users: u32) -> Self {
        Self(format!(
            "wrk.headers['Authorization'] = 'Bearer {token}'
             request = function() return wrk.format('GET', '/user?id=' .. math.random({users})) end"
        ))
    }

    /// What a proxy asks a gate about a page, for whoever has this cookie.
    pub(crate) fn gate(path: &str, cookie: &str) -> Self {
        Self(format!(
            "wrk.headers['Cookie'] = '{cookie}'
             wrk.headers['X-Forwarded-Method'] = 'GET'
             wrk.headers['X-Forwarded-Proto'] = 'https'
             wrk.headers['X-Forwarded-Host'] = 'login.example.com'
             wrk.headers['X-Forwarded-Uri'] = '/some/page?with=a&query=1'
             wrk.path = '{path}'"
        ))
    }

    /// `GET /users`, the first page.
    pub(crate) fn users(token: &str) -> Self {
        Self(format!("wrk.headers['Authorization'] = 'Bearer {token}'; wrk.path = '/users'"))
    }

    /// `POST /` for any of this many users, with the right password.
    pub(crate) fn log_in(users: u32) -> Self {
        Self::post("/", &format!("'user' .. math.random({users})"))
    }

    /// The same, each user in a network of its own, as the proxy in front says.
    pub(crate) fn log_in_at_home(users: u32) -> Self {
        let Self(log_in) = Self::log_in(users);
        let number = format!("math.random({users})");
        let home = "'10.' .. math.floor(n / 250) .. '.' .. n % 250 .. '.1'";
        let asks = "request = function()";
        let says = format!("{asks} local n = {number}; headers['X-Forwarded-For'] = {home};");
        Self(log_in.replace(&number, "n").replace(asks, &says))
    }

    /// The same, by a crowd behind a proxy.
    pub(crate) fn crowd(users: u32, networks: Networks) -> Self {
        let address = match networks {
            Networks::One => "'198.51.100.1'",
            Networks::Thousand => "'10.' .. math.random(4) .. '.' .. math.random(250) .. '.1'",
        };
        let Self(log_in) = Self::log_in(users);
        let asks = "request = function()";
        let says = format!("{asks} headers['X-Forwarded-For'] = {address};");
        Self(log_in.replace(asks, &says))
    }

    /// `POST /user`, each time with a new login.
    pub(crate) fn register() -> Self {
        static RUN: AtomicU64 = AtomicU64::new(0);
        let run = RUN.fetch_add(1, Ordering::Relaxed);
        Self::post("/user", &format!("'new{run}-' .. count"))
    }

    fn post(path: &str, login: &str) -> Self {
        Self(format!(
            "local count = 0
             local headers = {{['Content-Type'] = 'application/json'}}
             request = function()
                 count = count + 1
                 local body = '{{\"login\":\"' .. {login} .. '\",\"password\":\"{PASSWORD}\"}}'
                 return wrk.format('POST', '{path}', headers, body)
             end"
        ))
    }

    /// Runs it with this many connections. Every answer must be a success.
    pub(crate) fn run(&self, service: &Process, connections: usize, seconds: u64) -> Figures {
        let figures = self.flood(service, connections, seconds);
        assert_eq!(figures.refused, 0.0, "refused");
        figures
    }

    /// The same, where some are refused.
    pub(crate) fn flood(&self, service: &Process, connections: usize, seconds: u64) -> Figures {
        // `wrk` leaves without waiting for its last answers. A login queues up after them.
        service.log_in("user1");
        figures(self, &service.address, connections, seconds)
    }
}

/// The figures of a run at an address.
pub(crate) fn figures(load: &Load, address: &str, connections: usize, seconds: u64) -> Figures {
    let script = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(script.path(), load.0.clone() + FIGURES).unwrap();
    let output = Command::new("wrk")
        .args(["-t1", "--timeout", "10s", &format!("-c{connections}"), &format!("-d{seconds}s")])
        .arg("-s")
        .arg(script.path())
        .arg(format!("http://{address}"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix("figures ")).expect(&text);
    let numbers: Vec<f64> = line.split(' ').map(|word| word.parse().unwrap()).collect();
    let &[requests, micros, median, p99, refused, errors] = &numbers[..] else { panic!("{line}") };
    assert_eq!(errors, 0.0, "{text}");
    Figures {
        rate: (requests - refused) / micros * 1e6,
        median_ms: median / 1e3,
        p99_ms: p99 / 1e3,
        refused: 100.0 * refused / requests,
    }
}

/// One honest client in a network of its own: logs in once a second, so many times. Milliseconds of
/// each login, and how many were refused.
pub(crate) fn honest(service: &Process, logins: u64) -> (Vec<f64>, usize) {
    let (mut took, mut refused) = (Vec::new(), 0);
    for n in 0..logins {
        let begin = Instant::now();
        let status = service.log_in_from("user2", "203.0.113.7");
        took.push(begin.elapsed().as_secs_f64() * 1e3);
        refused += usize::from(status != 200);
        if n + 1 < logins {
            std::thread::sleep(Duration::from_secs(1).saturating_sub(begin.elapsed()));
        }
    }
    (took, refused)
}
