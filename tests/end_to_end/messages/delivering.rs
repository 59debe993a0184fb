//! Mail that leaves: to a real server, and to servers that are away, slow or break off.

use super::{text, wait};
use crate::support::program::{Home, Running, Spawned, failure, run, success};
use crate::support::{
    APP_PASSWORD, CLUSTER, PASSWORD, TestServer, conninfo, new_database, problem,
};
use gatepost::config::Config;
use reqwest::blocking::Client;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// aiosmtpd, which takes mail, and Python's library, which reads it.
struct Maildrop {
    port: u16,
    messages: Receiver<Value>,
    _process: Spawned,
}

impl Maildrop {
    /// Starts one, where it is installed.
    fn start(options: &Value) -> Option<Self> {
        // A distribution's packages are for its own Python, which need not be the first in PATH.
        let has_it = |python: &&str| {
            let mut asked = Command::new(python);
            asked.args(["-c", "import aiosmtpd"]).stderr(Stdio::null());
            asked.status().is_ok_and(|status| status.success())
        };
        let Some(python) = ["python3", "/usr/bin/python3"].into_iter().find(has_it) else {
            assert!(std::env::var_os("REQUIRE_AIOSMTPD").is_none(), "python3 has no aiosmtpd");
            return None;
        };
        let script =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/end_to_end/messages/smtp_server.py");
        let mut command = Command::new(python);
        command.arg(script).arg(options.to_string()).stdout(Stdio::piped());
        let mut process = Spawned::start(&mut command);
        let mut lines = BufReader::new(process.stdout()).lines();
        let port = lines.next().unwrap().unwrap().parse().unwrap();
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if sender.send(serde_json::from_str(&line).unwrap()).is_err() {
                    break;
                }
            }
        });
        Some(Self { port, messages, _process: process })
    }

    #[track_caller]
    fn next(&self) -> Value {
        let message =
            self.messages.recv_timeout(Duration::from_secs(60)).expect("no message arrived");
        assert_eq!(message["defects"], json!([]), "{message}");
        message
    }

    fn is_empty(&self) -> bool {
        self.messages.try_recv().is_err()
    }
}

fn by_smtp(config: &mut Config, port: u16) {
    config.mail.smtp = Some(format!("smtp://127.0.0.1:{port}").as_str().into());
    config.mail.from = "Example <noreply@example.com>".to_owned();
    config.mail.link_base = "https://www.example.com/account".to_owned();
    config.tokens.issuer = "https://auth.example.com".to_owned();
}

fn register(server: &TestServer, login: &str, email: &str) {
    let body = json!({"login": login, "password": PASSWORD, "email": email});
    assert_eq!(server.post("/user", &body).status(), 201);
}

/// Has the service look at what waits now, and not in half a minute: it does so after any request for a way back.
fn stir(server: &TestServer) {
    assert_eq!(server.post("/recovery", &json!({"login": "nobody"})).status(), 202);
}

/// The token in the link of a message.
fn token<'a>(message: &'a Value, kind: &str) -> &'a str {
    let begin = format!("https://www.example.com/account#{kind}=");
    let (_, rest) = text(message, "text").split_once(&begin).unwrap_or_else(|| panic!("{message}"));
    rest.split_whitespace().next().unwrap()
}

#[test]
fn mail_arrives_as_a_library_for_mail_reads_it_and_its_links_work() {
    let Some(drop) = Maildrop::start(&json!({})) else { return };
    let server = TestServer::with(|config| by_smtp(config, drop.port));
    register(&server, "Zoë <b>&", "zoe@BÜCHER.example");
    let message = drop.next();
    assert_eq!(
        (&message["from"], &message["to"]),
        (&json!("noreply@example.com"), &json!(["zoe@xn--bcher-kva.example"]))
    );
    let head = &message["headers"];
    assert_eq!(head["from"], "Example <noreply@example.com>");
    assert_eq!(head["to"], "zoe@xn--bcher-kva.example");
    assert_eq!(head["subject"], "Confirm your address for auth.example.com");
    assert_eq!(head["auto-submitted"], "auto-generated");
    assert!(text(head, "message-id").ends_with("@example.com>"), "{head}");
    assert!(text(head, "content-type").starts_with("multipart/alternative"), "{head}");
    assert!(head.get("date").is_some(), "{head}");
    assert!(text(&message, "text").contains("\"Zoë <b>&\""), "{message}");
    assert!(text(&message, "text").contains("30 minutes"), "{message}");
    let proof = token(&message, "verification");
    let html = text(&message, "html");
    assert!(html.contains("Zoë &lt;b&gt;&amp;") && !html.contains("<b>"), "{html}");
    assert!(
        html.contains(&format!("href=\"https://www.example.com/account#verification={proof}\""))
    );
    let body = json!({ "token": proof });
    assert_eq!(server.post("/verification/confirm", &body).status(), 200);

    let answer: Value = server.post("/recovery", &json!({"login": "zoë <b>&"})).json().unwrap();
    let message = drop.next();
    assert_eq!(message["headers"]["subject"], "A new password for auth.example.com");
    let said = text(&message, "text");
    let code = said.split_once("this code instead: ").unwrap().1.split_whitespace().next().unwrap();
    assert!(token(&message, "recovery").len() > 40 && said.contains("127.0.0.1"));
    let body =
        json!({"request": answer["request"], "code": code, "password": "staple and battery"});
    assert_eq!(server.post("/recovery/confirm", &body).status(), 200);
    assert!(text(&drop.next()["headers"], "subject").starts_with("A new password was set"));
    let left = "SELECT count(*) FROM gatepost.outbox WHERE channel = 'mail'";
    wait(|| server.sql().query_one(left, &[]).unwrap().get::<_, i64>(0) == 0);
}

#[test]
fn what_is_refused_waits_alone_and_keeps_the_order_of_its_user() {
    let Some(drop) = Maildrop::start(&json!({})) else { return };
    let server = TestServer::with(|config| by_smtp(config, drop.port));
    register(&server, "alice", "later@example.com");
    register(&server, "bob", "refused@example.com");
    register(&server, "carol", "carol@example.com");
    assert_eq!(drop.next()["to"], json!(["carol@example.com"]));
    let mut sql = server.sql();
    let refused = "SELECT count(*) FROM gatepost.outbox WHERE refusals = 1 AND due_at > now() + interval '20 s'";
    wait(|| sql.query_one(refused, &[]).unwrap().get::<_, i64>(0) == 2);
    // A further message of the first waits for the first one.
    let more = "INSERT INTO gatepost.outbox (channel, user_id, kind, address, content)
                SELECT 'mail', id, 'password_changed', 'alice@example.com', '{}' FROM gatepost.users
                WHERE login = 'alice'";
    sql.execute(more, &[]).unwrap();
    std::thread::sleep(Duration::from_millis(2_500));
    assert!(drop.is_empty());
    // The mailbox is found, half a minute later.
    let mended =
        "UPDATE gatepost.outbox SET due_at = now(), address = replace(address, 'later', 'alice')
                  WHERE user_id = 1";
    sql.execute(mended, &[]).unwrap();
    stir(&server);
    assert!(text(&drop.next()["headers"], "subject").starts_with("Confirm"));
    assert!(text(&drop.next()["headers"], "subject").contains("was changed"));
}

#[test]
fn nothing_is_lost_in_an_hour_without_a_mail_server() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let server = TestServer::with(|config| by_smtp(config, port));
    for number in 0..5 {
        register(&server, &format!("user-{number}"), &format!("user-{number}@example.com"));
    }
    let mut sql = server.sql();
    let count =
        "SELECT count(*), coalesce(max(refusals), 0) FROM gatepost.outbox WHERE channel = 'mail'";
    std::thread::sleep(Duration::from_secs(2));
    let row = sql.query_one(count, &[]).unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (5, 0));
    // An hour goes by.
    sql.batch_execute(
        "UPDATE gatepost.outbox SET created_at = created_at - interval '1 hour';
         UPDATE gatepost.proofs SET created_at = created_at - interval '1 hour',
                                    expires_at = expires_at - interval '1 hour'",
    )
    .unwrap();
    let Some(drop) = Maildrop::start(&json!({"port": port})) else { return };
    let mut told: Vec<String> = Vec::new();
    for _ in 0..5 {
        let message = drop.next();
        told.push(message["to"][0].as_str().unwrap().to_owned());
        let body = json!({"token": token(&message, "verification")});
        assert_eq!(server.post("/verification/confirm", &body).status(), 200);
    }
    told.sort();
    told.dedup();
    assert_eq!(told.len(), 5, "each once: {told:?}");
    wait(|| sql.query_one(count, &[]).unwrap().get::<_, i64>(0) == 0);
}

/// A server that speaks SMTP up to the end of a message, and never answers that.
fn hanging_server() -> (u16, Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (taken, is_taken) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let taken = taken.clone();
            std::thread::spawn(move || hang(stream, &taken));
        }
    });
    (port, is_taken)
}

fn hang(mut stream: TcpStream, taken: &std::sync::mpsc::Sender<()>) {
    let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    stream.write_all(b"220 mail.test\r\n").unwrap();
    let mut in_message = false;
    for line in lines {
        if in_message {
            if line == "." {
                let _ = taken.send(());
                std::thread::sleep(Duration::from_secs(120));
            }
            continue;
        }
        in_message = line == "DATA";
        let answer: &[u8] = if in_message { b"354 go on\r\n" } else { b"250 OK\r\n" };
        stream.write_all(answer).unwrap();
    }
}

fn serving(database: &str, port: u16) -> Running {
    let home = Home::new();
    let mut command = home.command(&["serve"]);
    command
        .env_remove("GATEPOST_DATABASE_DATA_DIR")
        .env("GATEPOST_DATABASE_URL", conninfo(&CLUSTER, "gatepost_app", APP_PASSWORD, database))
        .env("GATEPOST_MAIL_SMTP", format!("smtp://127.0.0.1:{port}"))
        .env("GATEPOST_MAIL_FROM", "noreply@example.com")
        .env("GATEPOST_MAIL_LINK_BASE", "https://www.example.com/account")
        .env("GATEPOST_PASSWORDS_ITERATIONS", "1000");
    Running::start(&mut command)
}

#[test]
fn a_message_outlives_a_process_that_is_killed_in_its_delivery() {
    let database = new_database();
    let (port, taken) = hanging_server();
    let service = serving(&database, port);
    let body = json!({"login": "alice", "password": PASSWORD, "email": "a@example.com"});
    let register = Client::new().post(format!("{}/user", service.url)).json(&body);
    assert_eq!(register.send().unwrap().status(), 201);
    taken.recv_timeout(Duration::from_secs(30)).unwrap();
    service.signal("-KILL");
    service.wait();
    let mut sql = CLUSTER.admin(&database).connect(postgres::NoTls).unwrap();
    let row = "SELECT due_at > now() + interval '1 minute', refusals FROM gatepost.outbox WHERE channel = 'mail'";
    let row = sql.query_one(row, &[]).unwrap();
    assert!(row.get::<_, bool>(0), "another takes it after two minutes");
    assert_eq!(row.get::<_, i64>(1), 0);
    let Some(drop) = Maildrop::start(&json!({})) else { return };
    // Two minutes go by.
    sql.execute("UPDATE gatepost.outbox SET due_at = due_at - interval '2 minutes'", &[]).unwrap();
    let _service = serving(&database, drop.port);
    assert_eq!(drop.next()["to"], json!(["a@example.com"]));
    let left = "SELECT count(*) FROM gatepost.outbox WHERE channel = 'mail'";
    wait(|| sql.query_one(left, &[]).unwrap().get::<_, i64>(0) == 0);
    assert!(drop.is_empty());
}

#[test]
fn a_service_stops_in_time_whatever_its_mail_server_does() {
    let (port, taken) = hanging_server();
    let server = TestServer::with(|config| by_smtp(config, port));
    register(&server, "alice", "a@example.com");
    taken.recv_timeout(Duration::from_secs(30)).unwrap();
    // Requests do not notice.
    register(&server, "bob", "b@example.com");
    let begin = Instant::now();
    server.service.stop();
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    let mut sql = CLUSTER.admin(&server.database).connect(postgres::NoTls).unwrap();
    let due = "SELECT count(*) FROM gatepost.outbox WHERE channel = 'mail' AND due_at <= now()";
    assert_eq!(
        sql.query_one(due, &[]).unwrap().get::<_, i64>(0),
        2,
        "both wait for the next start"
    );
}

/// A certificate for `localhost` and its key, as files.
fn certificate(home: &Home) -> (String, String) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (cert, key) = (home.path().join("cert.pem"), home.path().join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    (cert.display().to_string(), key.display().to_string())
}

#[test]
fn a_test_message_goes_with_tls_and_a_password_or_the_command_says_why_not() {
    let home = Home::new();
    let (cert, key) = certificate(&home);
    for implicit in [true, false] {
        let options = json!({"cert": cert, "key": key, "implicit": implicit, "user": "a@b", "password": "p:w/%"});
        let Some(drop) = Maildrop::start(&options) else { return };
        let scheme = if implicit { "smtps" } else { "smtp" };
        let send = |credentials: &str, trusted: &str| {
            let url = format!("{scheme}://{credentials}localhost:{}", drop.port);
            let mut command = home.command(&["mail", "send-test", "me@example.com"]);
            command
                .env("SSL_CERT_FILE", trusted)
                .env("GATEPOST_MAIL_SMTP", url)
                .env("GATEPOST_MAIL_FROM", "noreply@example.com")
                .env("GATEPOST_MAIL_LINK_BASE", "https://www.example.com/account");
            run(&mut command, "")
        };
        assert_eq!(success(&send("a%40b:p%3Aw%2F%25@", &cert)), "sent to me@example.com\n");
        let message = drop.next();
        assert_eq!((&message["tls"], &message["user"]), (&json!(true), &json!("a@b")), "{message}");
        let text = failure(&send("a%40b:secret-word@", &cert), 1);
        assert!(text.contains("535") && !text.contains("secret-word"), "{text}");
        // A server that the machine does not trust is told nothing.
        let foreign = home.path().join("foreign.pem");
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(&foreign, made.cert.pem()).unwrap();
        let text = failure(&send("a%40b:p%3Aw%2F%25@", foreign.to_str().unwrap()), 1);
        assert!(text.contains("certificate"), "{text}");
        assert!(drop.is_empty());
    }
}

#[test]
fn a_server_elsewhere_that_offers_no_tls_gets_no_mail() {
    // A name of this machine that is none of those that count as it.
    let (port, taken) = hanging_server();
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let name = name.trim();
    let Ok(mut found) = std::net::ToSocketAddrs::to_socket_addrs(&(name, port)) else { return };
    if !found.any(|address| address.ip().is_loopback()) {
        return;
    }
    let home = Home::new();
    let mut command = home.command(&["mail", "send-test", "me@example.com"]);
    command
        .env("GATEPOST_MAIL_SMTP", format!("smtp://{name}:{port}"))
        .env("GATEPOST_MAIL_FROM", "noreply@example.com")
        .env("GATEPOST_MAIL_LINK_BASE", "https://www.example.com/account");
    let text = failure(&run(&mut command, ""), 1);
    assert!(text.contains("not sent"), "{text}");
    assert!(taken.recv_timeout(Duration::from_millis(300)).is_err(), "the message was sent");
}

#[test]
fn settings_of_mail_that_do_not_go_together_are_named() {
    let home = Home::new();
    let check = |settings: &[(&str, &str)]| {
        let mut command = home.command(&["check-config"]);
        for (name, value) in settings {
            command.env(format!("GATEPOST_{name}"), value);
        }
        run(&mut command, "")
    };
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let smtp = ("MAIL_SMTP", "smtp://user:hidden-word@mail.example.com");
    for (settings, expected) in [
        (vec![smtp], "mail.from"),
        (
            vec![smtp, ("MAIL_WEBHOOK", "https://a.example"), ("MAIL_WEBHOOK_SECRET", secret)],
            "choose one",
        ),
        (vec![("MAIL_SMTP", "smtp://user@mail.example.com:hidden-word")], "mail.smtp: expected"),
        (vec![("MAIL_WEBHOOK", "https://a.example")], "mail.webhook_secret"),
        (
            vec![("EVENTS_WEBHOOK", "http://a.example"), ("EVENTS_WEBHOOK_SECRET", secret)],
            "use https",
        ),
        (
            vec![("EVENTS_WEBHOOK", "https://a.example"), ("EVENTS_WEBHOOK_SECRET", "hidden-word")],
            "whsec_",
        ),
        (vec![smtp, ("MAIL_FROM", "nobody")], "mail.from: expected"),
        (vec![("MAIL_FROM", "a@b")], "mail.from: has no effect"),
        (vec![("MAIL_LANGUAGE", "e n")], "mail.language"),
        (vec![("MAIL_LINK_BASE", "https://a.example/#x")], "mail.link_base"),
    ] {
        let output = check(&settings);
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), failure_text(&output));
        assert!(said.contains(expected), "{settings:?}: {said}");
        assert!(!said.contains("hidden-word"), "{said}");
    }
}

fn failure_text(output: &std::process::Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_preview_shows_what_would_be_sent_and_a_fault_in_a_text_is_named() {
    let home = Home::new();
    let shown = success(&home.run(&["mail", "preview", "recovery"], ""));
    assert!(
        shown.starts_with("Subject: A new password for ") && shown.contains("12345678"),
        "{shown}"
    );
    let html = success(&home.run(&["mail", "preview", "recovery", "--html"], ""));
    assert!(html.contains("<a href="), "{html}");
    assert!(failure(&home.run(&["mail", "preview", "recovry"], ""), 2).contains("recovery"));
    let texts = home.path().join("texts/de");
    std::fs::create_dir_all(&texts).unwrap();
    std::fs::write(texts.join("recovery.txt"), "Subject: Neu\n\n{lnik}\n").unwrap();
    let with = |arguments: &[&str]| {
        let mut command = home.command(arguments);
        command
            .env("GATEPOST_MAIL_TEMPLATES", home.path().join("texts"))
            .env("GATEPOST_MAIL_SMTP", "smtp://127.0.0.1:1")
            .env("GATEPOST_MAIL_FROM", "a@example.com")
            .env("GATEPOST_MAIL_LINK_BASE", "https://www.example.com/");
        run(&mut command, "")
    };
    for arguments in [&["mail", "preview", "recovery"][..], &["serve"], &["check-config"]] {
        let output = with(arguments);
        let text = String::from_utf8(output.stderr.clone()).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {text}");
        assert!(text.contains("de/recovery.txt") && text.contains("{lnik}"), "{text}");
    }
    std::fs::write(texts.join("recovery.txt"), "Subject: Neu\n\nHier: {link}\n").unwrap();
    let shown = success(&with(&["mail", "preview", "recovery", "--language", "de-AT"]));
    assert!(shown.starts_with("Subject: Neu\n\nHier: https://"), "{shown}");
}

#[test]
fn a_mail_server_that_is_away_is_one_line_of_the_log_a_minute() {
    let database = new_database();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let service = serving(&database, port);
    for number in 0..3 {
        let body = json!({"login": format!("user-{number}"), "password": PASSWORD,
                          "email": format!("user-{number}@secret.example")});
        let register = Client::new().post(format!("{}/user", service.url)).json(&body);
        assert_eq!(register.send().unwrap().status(), 201);
    }
    service.wait_for_log("messages wait, none leaves");
    std::thread::sleep(Duration::from_secs(7));
    let log = service.log();
    assert_eq!(log.matches("messages wait").count(), 1, "{log}");
    assert!(!log.contains("secret.example"), "{log}");
}

#[test]
fn what_the_program_can_do_for_a_user_without_mail() {
    let database = new_database();
    let home = Home::new();
    let command = |arguments: &[&str], input: &str| {
        let mut command = home.command(arguments);
        command
            .env_remove("GATEPOST_DATABASE_DATA_DIR")
            .env(
                "GATEPOST_DATABASE_URL",
                conninfo(&CLUSTER, "gatepost_app", APP_PASSWORD, &database),
            )
            .env("GATEPOST_MAIL_LINK_BASE", "https://www.example.com/account")
            .env("GATEPOST_PASSWORDS_ITERATIONS", "1000");
        run(&mut command, input)
    };
    let created = success(&command(
        &["user", "create", "root", "--admin", "--email", "root@example.com"],
        PASSWORD,
    ));
    assert!(created.contains("email root@example.com (not verified)"), "{created}");
    let set = success(&command(&["user", "set-email", "root", "r@example.com", "--verified"], ""));
    assert!(set.contains("email r@example.com") && !set.contains("not verified"), "{set}");
    let found = success(&command(&["user", "list", "--email", "r@EXAMPLE.com"], ""));
    assert!(found.contains("root"), "{found}");
    success(&command(&["user", "create", "alice"], PASSWORD));
    let taken =
        failure(&command(&["user", "set-email", "alice", "r@example.com", "--verified"], ""), 1);
    assert!(taken.contains("another user"), "{taken}");
    assert!(
        failure(&command(&["user", "set-email", "alice", "none", "--verified"], ""), 2)
            .contains("--verified")
    );
    let link = success(&command(&["user", "recover", "root"], ""));
    let token =
        link.trim().strip_prefix("https://www.example.com/account#recovery=").unwrap().to_owned();
    let server = TestServer::on(&database);
    let body = json!({"token": token, "password": "staple and battery"});
    assert_eq!(server.post("/recovery/confirm", &body).status(), 200);
    problem(server.post("/recovery/confirm", &body), 400, "invalid_proof");
    assert_eq!(server.log_in("root", "staple and battery").status(), 200);
    let none = failure(&command(&["user", "invite", "bob", "bob@example.com"], ""), 1);
    assert!(none.contains("no message can leave"), "{none}");
    assert!(success(&command(&["user", "set-email", "root", "none"], "")).contains("root"));
}
