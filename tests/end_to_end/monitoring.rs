//! The metrics: what they say, what they never say, and that nobody can make them grow.

use crate::support::PASSWORD;
use crate::support::program::{Home, Running, failure, run, success};
use reqwest::blocking::Client;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A service with metrics, and where they are.
pub(crate) fn watched(home: &Home) -> (Running, String) {
    let mut command = home.command(&["serve"]);
    let service = Running::start(command.env("GATEPOST_METRICS_LISTEN", "127.0.0.1:0"));
    let log = service.log();
    let at = log.find("metrics on http://").expect("the log says where");
    let url = log[at + "metrics on ".len()..].lines().next().unwrap().to_owned();
    (service, url)
}

pub(crate) fn scrape(url: &str) -> String {
    let response = Client::new().get(url).send().unwrap();
    assert_eq!(response.status(), 200);
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    assert_eq!(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let text = response.text().unwrap();
    assert!(text.ends_with("\n# EOF\n"), "{text}");
    text
}

/// The number of one series, as the text has its name and labels.
fn number(text: &str, series: &str) -> f64 {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    lines.next().unwrap_or_else(|| panic!("no {series} in {text}")).parse().unwrap()
}

fn series(text: &str) -> BTreeSet<String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
}

/// Each family with its kind and its labels.
pub(crate) fn families(text: &str) -> BTreeMap<String, String> {
    let kind = |line: &str| {
        let (name, kind) = line.strip_prefix("# TYPE ")?.split_once(' ')?;
        Some((name.to_owned(), kind.to_owned()))
    };
    let kinds: BTreeMap<String, String> = text.lines().filter_map(kind).collect();
    let mut families = BTreeMap::new();
    for series in series(text) {
        let (name, labels) = series.split_once('{').unwrap_or((&series, ""));
        let names = labels.split("\",").filter_map(|label| Some(label.split_once('=')?.0));
        let names: Vec<&str> = names.filter(|name| *name != "le").collect();
        let family = ["_total", "_bucket", "_sum", "_count", ""]
            .iter()
            .filter_map(|end| name.strip_suffix(end))
            .find_map(|family| Some((family, kinds.get(family)?)));
        let (family, kind) = family.unwrap_or_else(|| panic!("{series} has no type"));
        let shown = if kind == "counter" { format!("{family}_total") } else { family.to_owned() };
        families.insert(shown, format!("{kind} {}", names.join(",")).trim_end().to_owned());
    }
    families
}

fn post(service: &Running, path: &str, body: &Value) -> Value {
    Client::new().post(format!("{}{path}", service.url)).json(body).send().unwrap().json().unwrap()
}

/// Something of everything that people do.
pub(crate) fn use_it(service: &Running) {
    let alice = json!({"login": "alice", "password": PASSWORD});
    post(service, "/user", &alice);
    let tokens = post(service, "/", &alice);
    post(service, "/", &json!({"login": "alice", "password": "wrong horse battery"}));
    post(service, "/token", &json!({"refresh_token": tokens["refresh_token"]}));
    let token = tokens["access_token"].as_str().unwrap();
    let logged_out = Client::new().post(format!("{}/logout", service.url)).bearer_auth(token);
    assert_eq!(logged_out.json(&json!({})).send().unwrap().status(), 200);
}

#[test]
fn what_people_do_is_counted_and_nobody_is_named() {
    let home = Home::new();
    let (service, url) = watched(&home);
    use_it(&service);
    let text = scrape(&url);
    for (series, expected) in [
        ("gatepost_http_requests_total{route=\"/\",method=\"POST\",status=\"2xx\"}", 1.0),
        ("gatepost_http_requests_total{route=\"/\",method=\"POST\",status=\"4xx\"}", 1.0),
        ("gatepost_http_request_duration_seconds_count{route=\"/\"}", 2.0),
        ("gatepost_http_requests_total{route=\"/user\",method=\"POST\",status=\"2xx\"}", 1.0),
        ("gatepost_lane_taken_total{lane=\"hashing\"}", 3.0),
        ("gatepost_lane_taken_total{lane=\"ordinary\"}", 2.0),
        ("gatepost_lane_waiting{lane=\"hashing\"}", 0.0),
        ("gatepost_password_hashes_total{kind=\"own\"}", 3.0),
        ("gatepost_logins_total{outcome=\"success\"}", 1.0),
        ("gatepost_logins_total{outcome=\"wrong_password\"}", 1.0),
        ("gatepost_sessions_opened_total", 1.0),
        ("gatepost_sessions_refreshed_total", 1.0),
        ("gatepost_sessions_ended_total", 1.0),
        ("gatepost_sessions_stolen_total", 0.0),
        ("gatepost_database_up", 1.0),
        ("gatepost_schema_version", 22.0),
        ("gatepost_build_info{version=\"0.1.0\"}", 1.0),
    ] {
        assert_eq!(number(&text, series), expected, "{series}");
    }
    assert!(number(&text, "gatepost_audit_rows_total") >= 4.0, "{text}");
    assert!(number(&text, "gatepost_connections_accepted_total") >= 5.0, "{text}");
    assert!(number(&text, "process_resident_memory_bytes") > 1e6, "{text}");
    for secret in ["alice", "eyJ", "127.0.0.1", &home.path().display().to_string()] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    service.stop();
}

#[test]
fn nobody_can_make_the_series_grow() {
    let home = Home::new();
    let (service, url) = watched(&home);
    let address = service.url.strip_prefix("http://").unwrap().to_owned();
    let flood = |from: u32| {
        let mut stream = TcpStream::connect(&address).unwrap();
        for number in from..from + 50 {
            let request = format!(
                "X{number} /path/{number}?a={number} HTTP/1.1\r\nHost: a\r\nUser-Agent: {number}\r\n\r\n"
            );
            stream.write_all(request.as_bytes()).unwrap();
        }
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        let mut answers = String::new();
        stream.read_to_string(&mut answers).unwrap();
        assert!(answers.matches("HTTP/1.1 404").count() == 50, "{answers}");
    };
    flood(0);
    let before = series(&scrape(&url));
    for round in 1..5 {
        flood(round * 100);
    }
    let text = scrape(&url);
    assert_eq!(series(&text), before);
    let other = "gatepost_http_requests_total{route=\"other\",method=\"other\",status=\"4xx\"}";
    assert_eq!(number(&text, other), 250.0);
    service.stop();
}

#[test]
fn a_slow_or_odd_client_keeps_no_scraper_waiting() {
    let home = Home::new();
    let (service, url) = watched(&home);
    let address = url.strip_prefix("http://").unwrap().strip_suffix("/metrics").unwrap();
    let ask = |request: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    // One that says nothing is left after two seconds.
    let silent = TcpStream::connect(address).unwrap();
    let begun = Instant::now();
    scrape(&url);
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    drop(silent);
    assert!(ask("GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
    let refused = ask("POST /metrics HTTP/1.1\r\n\r\n");
    assert!(refused.starts_with("HTTP/1.1 405 ") && refused.contains("\r\nAllow: GET, HEAD\r\n"));
    let head = ask("HEAD /metrics HTTP/1.1\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"), "{head}");
    let mut long = TcpStream::connect(address).unwrap();
    long.write_all(&vec![b'x'; 4096]).unwrap();
    let mut answer = String::new();
    let _ = long.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    // And they are nowhere else.
    let public = Client::new().get(format!("{}/metrics", service.url)).send().unwrap();
    assert_eq!(public.status(), 404);
    service.stop();
}

#[test]
fn a_public_address_for_the_numbers_must_be_said_twice() {
    let home = Home::new();
    let check = |settings: &[(&str, &str)]| {
        let mut command = home.command(&["check-config"]);
        for (name, value) in settings {
            command.env(format!("GATEPOST_{name}"), value);
        }
        run(&mut command, "")
    };
    for address in ["0.0.0.0:9464", "[::]:9464", "192.0.2.1:9464"] {
        let text = failure(&check(&[("METRICS_LISTEN", address)]), 1);
        assert!(text.contains("metrics.open_to_network = true"), "{text}");
        success(&check(&[("METRICS_LISTEN", address), ("METRICS_OPEN_TO_NETWORK", "true")]));
    }
    success(&check(&[("METRICS_LISTEN", "10.0.0.1:9464")]));
    let text = failure(&check(&[("METRICS_OPEN_TO_NETWORK", "true")]), 1);
    assert!(text.contains("without metrics.listen"), "{text}");
    let both = [("METRICS_LISTEN", "127.0.0.1:8080"), ("SERVER_LISTEN", "127.0.0.1:8080")];
    let text = failure(&check(&both), 1);
    assert!(text.contains("address of server.listen"), "{text}");
    let text = failure(&check(&[("METRICS_LISTEN", "9464")]), 1);
    assert!(text.contains("127.0.0.1:9090"), "{text}");

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = home.command(&["serve"]);
    command.env("GATEPOST_METRICS_LISTEN", taken.local_addr().unwrap().to_string());
    let text = failure(&run(&mut command, ""), 1);
    assert!(text.contains("metrics.listen: cannot listen"), "{text}");
    home.wait_until_quiet();
}

#[test]
fn without_its_database_a_service_is_still_watched() {
    let home = Home::new();
    let mut command = home.command(&["serve"]);
    command.env("GATEPOST_METRICS_LISTEN", "127.0.0.1:0");
    // Nobody listens there.
    command.env("GATEPOST_DATABASE_URL", "postgres://gatepost_app:x@127.0.0.1:9/gatepost");
    let service = Running::start(&mut command);
    service.wait_for_log("metrics on ");
    let log = service.log();
    let url = log.split("metrics on ").nth(1).unwrap().lines().next().unwrap().to_owned();
    scrape(&url);
    let begun = Instant::now();
    let text = scrape(&url);
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert_eq!(number(&text, "gatepost_database_up"), 0.0);
    service.stop();
}

/// Whether Prometheus' programs are here. Where they must be, as in `.ci/run`, a test fails without.
fn is_here(program: &str) -> bool {
    let mut command = Command::new(program);
    let found =
        command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    assert!(found || std::env::var_os("REQUIRE_PROMETHEUS").is_none(), "{program} is missing");
    found
}

const PACKAGING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging");

#[test]
fn alerts_and_dashboard_use_metrics_that_exist() {
    let page = include_str!("../../docs/metrics.md");
    let known: BTreeSet<&str> = page.split('`').skip(1).step_by(2).collect();
    let rules =
        std::fs::read_to_string(format!("{PACKAGING}/prometheus/gatepost.rules.yml")).unwrap();
    let board = std::fs::read_to_string(format!("{PACKAGING}/grafana/gatepost.json")).unwrap();
    serde_json::from_str::<Value>(&board).unwrap();
    let mut seen = 0;
    for text in [&rules, &board] {
        let of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        for word in text.split(|c: char| !of_name(c)) {
            if word.starts_with("gatepost_") || word.starts_with("process_") {
                let name = word.strip_suffix("_bucket").unwrap_or(word);
                assert!(known.contains(name), "{word}");
                seen += 1;
            }
        }
    }
    assert!(seen >= 30, "{seen}");
    if is_here("promtool") {
        let mut check = Command::new("promtool");
        check.args(["check", "rules", &format!("{PACKAGING}/prometheus/gatepost.rules.yml")]);
        success(&check.output().unwrap());
    }
}

#[test]
fn prometheus_itself_reads_the_numbers_and_the_alerts() {
    if !is_here("prometheus") {
        return;
    }
    let home = Home::new();
    let (service, url) = watched(&home);
    use_it(&service);
    let target = url.strip_prefix("http://").unwrap().strip_suffix("/metrics").unwrap();
    let scrape =
        std::fs::read_to_string(format!("{PACKAGING}/prometheus/gatepost.scrape.yml")).unwrap();
    let scrape = scrape.replace("127.0.0.1:9464", target).replace('\n', "\n  ");
    let config = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
         rule_files: [\"{PACKAGING}/prometheus/gatepost.rules.yml\"]\nscrape_configs:\n  {scrape}\n"
    );
    std::fs::write(home.path().join("prometheus.yml"), config).unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut prometheus = Command::new("prometheus")
        .current_dir(home.path())
        .arg("--config.file=prometheus.yml")
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg("--storage.tsdb.path=tsdb")
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(home.path().join("prometheus.log")).unwrap())
        .spawn()
        .unwrap();
    let api = |path: &str| -> Option<Value> {
        Client::new().get(format!("http://127.0.0.1:{port}/api/v1/{path}")).send().ok()?.json().ok()
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    let outcome = loop {
        let target = api("targets").map(|answer| answer["data"]["activeTargets"][0].clone());
        let value = api("query?query=gatepost_logins_total{outcome=\"success\"}")
            .map(|answer| answer["data"]["result"][0]["value"][1].clone());
        let rules = api("rules").map(|answer| answer["data"]["groups"][0]["rules"].clone());
        let health = target.as_ref().map(|target| target["health"].clone());
        if health == Some(json!("up")) && value == Some(json!("1")) {
            break Ok((target, rules));
        }
        if Instant::now() > deadline {
            let log = std::fs::read_to_string(home.path().join("prometheus.log"));
            break Err(format!("{target:?} {value:?} {log:?}"));
        }
        std::thread::sleep(Duration::from_millis(200));
    };
    prometheus.kill().unwrap();
    prometheus.wait().unwrap();
    let (target, rules) = outcome.unwrap();
    assert_eq!(target.unwrap()["lastError"], "");
    assert_eq!(rules.unwrap().as_array().unwrap().len(), 11);
    service.stop();
}
