//! The list of revocations, and a service that verifies tokens with it alone.

use crate::introspection::introspect;
use crate::support::{CLUSTER, TestServer, problem};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatepost::Caller;
use gatepost::domain::{Login, UserId};
use reqwest::Method;
use reqwest::blocking::Response;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

fn get(server: &TestServer, target: &str, etag: Option<&str>) -> Response {
    let mut request = server.request(Method::GET, target);
    if let Some(etag) = etag {
        request = request.header("if-none-match", etag);
    }
    request.send().unwrap()
}

fn decode(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// Waits until no answer from before is given out any more.
fn pass() {
    std::thread::sleep(Duration::from_millis(1_100));
}

/// The list behind a target.
pub(crate) fn list(server: &TestServer, target: &str) -> Value {
    pass();
    let response = get(server, target, None);
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/jwt");
    let text = response.text().unwrap();
    let parts: Vec<&str> = text.split('.').collect();
    let header = decode(parts[0]);
    assert_eq!((parts.len(), &header["typ"]), (3, &json!("revocations+jwt")));
    assert!(header["kid"].is_string());
    decode(parts[1])
}

/// The target where a list goes on.
fn next(list: &Value) -> String {
    format!("/revocations{}", list["next"].as_str().unwrap())
}

fn session(token: &str) -> String {
    decode(token.split('.').nth(1).unwrap())["sid"].as_str().unwrap().to_owned()
}

/// Makes what was revoked so far that much older.
fn age(server: &TestServer, seconds: u32) {
    let sql =
        format!("UPDATE gatepost.sessions SET revoked_at = revoked_at - interval '{seconds} s'");
    server.sql().batch_execute(&sql).unwrap();
}

#[test]
fn the_list_says_what_ended_and_what_goes_on_with_less() {
    let server = TestServer::start();
    let (alice, bob) = (server.register("alice"), server.register("bob"));
    let root = server.register_admin("root");
    assert_eq!(list(&server, "/revocations")["revoked"], json!([]));
    let (one, two) = (server.token("alice"), server.token("alice"));
    let (bobs, roots) = (server.token("bob"), server.token("root"));
    assert_eq!(server.log_out(&one, &json!({})).status(), 200);
    assert_eq!(list(&server, "/revocations")["revoked"], json!([{"sid": session(&one)}]));

    // A password change: the session that made it goes on with the next token version.
    let three = server.token("alice");
    let body = json!({"id": alice, "password": "another password"});
    assert_eq!(server.patch(&body, &two).status(), 200);
    // A deletion, and a demotion.
    assert_eq!(server.delete(&format!("/user?id={bob}"), &bobs).status(), 200);
    let id = UserId::parse(root).unwrap();
    gatepost::users::set_admin(server.app(), &Caller::Trusted, id, false).unwrap();
    let listed = list(&server, "/revocations");
    let expected = [
        json!({"sid": session(&one)}),
        json!({"sid": session(&two), "token_version": 2, "admin": false}),
        json!({"sid": session(&three)}),
        json!({"sid": session(&bobs)}),
        json!({"sid": session(&roots), "token_version": 1, "admin": false}),
    ];
    let revoked = listed["revoked"].as_array().unwrap();
    assert_eq!(revoked.len(), expected.len(), "{listed}");
    for entry in expected {
        assert!(revoked.contains(&entry), "{entry} is not in {listed}");
    }
    assert_eq!((&listed["aud"], &listed["more"]), (&json!("revocations"), &json!(false)));
    assert_eq!(listed["keep"], 900 + 10 + 60);
    assert_eq!(listed["exp"].as_u64().unwrap() - listed["iat"].as_u64().unwrap(), 120);
    // A list is no token, though the same key has signed it.
    let jwt = get(&server, "/revocations", None).text().unwrap();
    problem(server.get("/users", &jwt), 401, "unauthenticated");
}

/// What a service that verifies tokens by itself takes a JWT for, with a library, as
/// `docs/verifying.md` says.
fn verified(server: &TestServer, jwt: &str, issuer: &str, audience: Option<&str>) -> Option<Value> {
    let jwks: Value = get(server, "/.well-known/jwks.json", None).json().unwrap();
    let key = jsonwebtoken::DecodingKey::from_ed_components(jwks["keys"][0]["x"].as_str().unwrap());
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::EdDSA);
    validation.set_issuer(&[issuer]);
    match audience {
        Some(audience) => validation.set_audience(&[audience]),
        // Libraries differ in whether an audience that nobody asked for is refused.
        None => validation.validate_aud = false,
    }
    jsonwebtoken::decode(jwt, &key.unwrap(), &validation).ok().map(|token| token.claims)
}

#[test]
fn nobody_who_asks_for_the_issuer_takes_the_list_for_an_access_token() {
    let server = TestServer::start();
    let id = server.register("alice");
    server.register_admin("root");
    let (token, root) = (server.token("alice"), server.token("root"));
    let jwt = get(&server, "/revocations", None).text().unwrap();
    assert_eq!(verified(&server, &jwt, "gatepost", None), None);
    assert_eq!(verified(&server, &token, "gatepost", None).unwrap()["user_id"], id);
    // Nor the other way round; and the list has nothing that stands for somebody.
    let own = "gatepost/revocations";
    assert_eq!(verified(&server, &token, own, None), None);
    let claims = verified(&server, &jwt, own, Some("revocations")).unwrap();
    for claim in ["sub", "sid", "user_id", "jti"] {
        assert_eq!(claims.get(claim), None);
    }
    // Our own calls.
    problem(server.get(&format!("/user?id={id}"), &jwt), 401, "unauthenticated");
    assert_eq!(introspect(&server, &root, &jwt), json!({"active": false}));
    assert_eq!(introspect(&server, &root, &token)["active"], true);
    problem(server.refresh(&jwt), 400, "invalid_grant");
}

#[test]
fn what_is_older_than_a_token_can_be_falls_out() {
    let server = TestServer::start();
    server.register("alice");
    let token = server.token("alice");
    server.log_out(&token, &json!({}));
    age(&server, 950);
    assert_eq!(list(&server, "/revocations")["revoked"], json!([{"sid": session(&token)}]));
    age(&server, 30);
    assert_eq!(list(&server, "/revocations")["revoked"], json!([]));
}

#[test]
fn who_follows_next_gets_what_is_new_and_what_may_have_been_late() {
    let server = TestServer::start();
    server.register("alice");
    let (one, two) = (server.token("alice"), server.token("alice"));
    server.log_out(&one, &json!({}));
    let first = list(&server, "/revocations");
    // Not settled: a transaction that began earlier may still turn up before it.
    assert_eq!(first["next"], "?since=0&after=0");
    age(&server, 30);
    let settled = list(&server, &next(&first));
    assert_eq!(settled["revoked"], json!([{"sid": session(&one)}]));
    let target = next(&settled);
    assert_eq!(list(&server, &target)["revoked"], json!([]));
    assert_eq!(next(&list(&server, &target)), target);
    server.log_out(&two, &json!({}));
    let then = list(&server, &target);
    assert_eq!(then["revoked"], json!([{"sid": session(&two)}]));
    assert_eq!(next(&then), target);
}

#[test]
fn a_long_list_comes_in_parts_and_loses_nothing() {
    let server = TestServer::start();
    server.register("alice");
    // All in one moment, which a cursor of time alone could not divide.
    let fill = "INSERT INTO gatepost.sessions
                    (user_id, key_generation, expires_at, ended_at, revoked_at)
                SELECT 1, 1, now() + interval '1 hour', now(), now() FROM generate_series(1, 2500)";
    server.sql().batch_execute(fill).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    let (mut target, mut sizes) = ("/revocations".to_owned(), Vec::new());
    loop {
        assert!(get(&server, &target, None).bytes().unwrap().len() < 65_536);
        let part = list(&server, &target);
        let revoked = part["revoked"].as_array().unwrap();
        sizes.push(revoked.len());
        seen.extend(revoked.iter().map(|entry| entry["sid"].as_str().unwrap().to_owned()));
        target = next(&part);
        if part["more"] == false {
            break;
        }
    }
    assert_eq!((sizes, seen.len()), (vec![1000, 1000, 500], 2500));
    // None of it has settled, so reading goes on at a moment before.
    let again = list(&server, &target);
    assert_eq!((again["revoked"].as_array().unwrap().len(), &again["more"]), (1000, &json!(true)));
}

#[test]
fn an_unchanged_list_is_not_sent_again() {
    let server = TestServer::start();
    server.register("alice");
    let token = server.token("alice");
    let other = TestServer::on(&server.database);
    // Lists are dated anew every 30 seconds. Between two readings that may happen once.
    let twice = || {
        let first = get(&server, "/revocations", None);
        let etag = first.headers()["etag"].to_str().unwrap().to_owned();
        let second = get(&other, "/revocations", Some(&format!("\"x\", {etag}")));
        (first, etag, second)
    };
    let (mut first, mut etag, mut second) = twice();
    if second.status() != 304 {
        (first, etag, second) = twice();
    }
    assert_eq!(first.headers()["cache-control"], "public, max-age=1");
    assert_eq!(
        (second.status().as_u16(), second.headers()["etag"].to_str().unwrap()),
        (304, etag.as_str())
    );
    assert_eq!(second.headers()["cache-control"], "public, max-age=1");
    assert_eq!(second.bytes().unwrap().len(), 0);
    assert!(etag.starts_with("W/\""));
    server.log_out(&token, &json!({}));
    pass();
    assert_eq!(get(&server, "/revocations", Some(&etag)).status(), 200);
    assert_eq!(get(&server, "/revocations", Some("*")).status(), 304);
}

#[test]
fn a_cursor_that_no_list_named_is_refused() {
    let server = TestServer::start();
    for query in
        ["since=x", "since=-1", "since=9007199254740992", "after=-1", "until=1", "since=1&since=2"]
    {
        problem(get(&server, &format!("/revocations?{query}"), None), 400, "invalid_request");
    }
    assert_eq!(list(&server, "/revocations?since=9007199254740991")["revoked"], json!([]));
}

#[test]
fn each_part_of_the_list_is_made_at_most_once_a_second_whoever_asks_and_from_where() {
    let server = TestServer::start();
    let id = server.register("alice");
    let fill = "INSERT INTO gatepost.sessions
                    (user_id, key_generation, expires_at, ended_at, revoked_at)
                SELECT $1, 1, now() + interval '1 hour', now(),
                       now() - interval '1 minute' - n * interval '100 ms'
                FROM generate_series(1, 1500) n";
    server.sql().execute(fill, &[&id]).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
    let begun = Instant::now();
    let ask = |thread: u128| {
        let client = reqwest::blocking::Client::new();
        for n in 0..500 {
            let since = now - (4 * n + thread) * 100_000;
            let query = format!("/revocations?since={since}&after={n}");
            assert_eq!(client.get(server.url(&query)).send().unwrap().status(), 200);
        }
    };
    std::thread::scope(|scope| {
        (0..4).for_each(|thread| drop(scope.spawn(move || ask(thread))));
    });
    let seconds = i64::try_from(begun.elapsed().as_secs()).unwrap() + 2;
    // PostgreSQL adds up what a connection did when it ends, at the latest.
    let TestServer { service, database, .. } = server;
    service.stop();
    let mut sql = CLUSTER.admin(&database).connect(postgres::NoTls).unwrap();
    let connected = "SELECT count(*) FROM pg_stat_activity
                     WHERE datname = current_database() AND usename = 'gatepost_app'";
    while sql.query_one(connected, &[]).unwrap().get::<_, i64>(0) > 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
    let scans = "SELECT seq_scan + idx_scan FROM pg_stat_user_tables WHERE relname = 'sessions'";
    let scans: i64 = sql.query_one(scans, &[]).unwrap().get(0);
    // Two parts, the second in some forty pieces, and a look at where they are.
    assert!(scans > 0 && scans <= seconds * 43, "{scans} in {seconds} s");
}

#[test]
fn the_list_is_found_by_an_index() {
    let server = TestServer::start();
    server.register("alice");
    let fill = "INSERT INTO gatepost.sessions (user_id, key_generation, expires_at)
                SELECT 1, 1, now() + interval '1 hour' FROM generate_series(1, 20000);
                ANALYZE gatepost.sessions";
    let mut sql = server.sql();
    sql.batch_execute(fill).unwrap();
    server.log_out(&server.token("alice"), &json!({}));
    let plan = sql.query(
        "EXPLAIN SELECT id FROM gatepost.sessions WHERE (revoked_at, id) > ('epoch', 0)
         AND revoked_at > now() - interval '970 s' ORDER BY revoked_at, id LIMIT 1001",
        &[],
    );
    let plan: Vec<String> = plan.unwrap().iter().map(|row| row.get(0)).collect();
    assert!(plan.iter().any(|line| line.contains("sessions_revoked_at_idx")), "{plan:#?}");
}

/// The example of a service that verifies tokens by itself.
struct Verifier {
    child: std::process::Child,
    answers: BufReader<std::process::ChildStdout>,
}

impl Verifier {
    fn start(url: &str) -> Self {
        // Cargo builds examples beside the program when it builds the tests.
        let program = Path::new(env!("CARGO_BIN_EXE_gatepost"));
        let mut command = Command::new(program.with_file_name("examples/offline_verifier"));
        command.args([url, "100"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self { child, answers }
    }

    fn ask(&mut self, token: &str) -> String {
        writeln!(self.child.stdin.as_ref().unwrap(), "{token}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        answer.trim_end().to_owned()
    }

    /// Asks until this is the answer.
    fn wait_for(&mut self, token: &str, expected: &str) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let answer = self.ask(token);
            if answer == expected {
                return;
            }
            assert!(Instant::now() < deadline, "{answer} and never {expected}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Verifier {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// A proxy that passes on what is below `/auth/` without that, and refuses the rest.
fn proxy_below_a_path(server: &TestServer) -> String {
    let (inside, listener) = (server.service.addr().to_string(), TcpListener::bind("127.0.0.1:0"));
    let listener = listener.unwrap();
    let url = format!("http://{}/auth/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                client.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            let head = String::from_utf8(head).unwrap();
            let Some(rest) = head.strip_prefix("GET /auth/") else {
                let _ = client.write_all(b"HTTP/1.1 404 \r\nConnection: close\r\n\r\n");
                continue;
            };
            let mut service = TcpStream::connect(&inside).unwrap();
            let asked = format!("GET /{}Connection: close\r\n\r\n", &rest[..rest.len() - 2]);
            service.write_all(asked.as_bytes()).unwrap();
            // Whoever asked may be gone, as a test at its end is.
            let _ = std::io::copy(&mut service, &mut client);
        }
    });
    url
}

#[test]
fn a_service_that_verifies_offline_finds_the_keys_and_the_list_below_a_path_of_a_proxy() {
    let server = TestServer::start();
    let id = server.register("alice");
    let (one, two) = (server.token("alice"), server.token("alice"));
    server.log_out(&one, &json!({}));
    let mut verifier = Verifier::start(&proxy_below_a_path(&server));
    assert_eq!(verifier.ask(&one), "refused: revoked");
    assert_eq!(verifier.ask(&two), format!("good: user {id}"));
    // From where the first list said that it goes on.
    server.log_out(&two, &json!({}));
    verifier.wait_for(&two, "refused: revoked");
}

#[test]
fn a_service_that_verifies_offline_learns_of_each_revocation_within_its_polling_interval() {
    let server = TestServer::start();
    let id = server.register("alice");
    server.register_admin("root");
    let before = server.token("alice");
    server.log_out(&before, &json!({}));
    let mut verifier = Verifier::start(&server.url(""));
    let good = format!("good: user {id}");
    // What was revoked before it started, it knows before its first answer.
    assert_eq!(verifier.ask(&before), "refused: revoked");
    let tokens = server.tokens("alice");
    let other = server.token("alice");
    assert_eq!(verifier.ask(&tokens.access), good);
    assert_eq!(verifier.ask(&other), good);
    server.log_out(&other, &json!({}));
    verifier.wait_for(&other, "refused: revoked");
    assert_eq!(verifier.ask(&tokens.access), good);
    // A password change: the old token is refused, the next one of the same session is not.
    let body = json!({"id": id, "password": "another password"});
    assert_eq!(server.patch(&body, &tokens.access).status(), 200);
    verifier.wait_for(&tokens.access, "refused: revoked");
    let next = crate::support::Tokens::of(server.refresh(&tokens.refresh));
    assert_eq!(verifier.ask(&next.access), good);
    // A demotion.
    let root = server.tokens("root");
    assert!(verifier.ask(&root.access).starts_with("good"));
    let login = Login::parse("root").unwrap();
    let user = gatepost::users::find(server.app(), &Caller::Trusted, &login).unwrap();
    gatepost::users::set_admin(server.app(), &Caller::Trusted, user.id, false).unwrap();
    verifier.wait_for(&root.access, "refused: revoked");
    let next = crate::support::Tokens::of(server.refresh(&root.refresh));
    assert!(verifier.ask(&next.access).starts_with("good"));
    // And what is no token, or somebody else's.
    let foreign = TestServer::start();
    foreign.register("alice");
    assert!(verifier.ask("a.b.c").starts_with("refused"));
    assert!(verifier.ask(&foreign.token("alice")).starts_with("refused"));
    let list = get(&server, "/revocations", None).text().unwrap();
    assert_eq!(verifier.ask(&list), "refused: not of the expected type");
}
