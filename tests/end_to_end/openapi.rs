//! The description of the API says what the service does: its examples are sent, its errors counted.

mod shape;

use crate::authorization::key;
use crate::factors::Authenticator;
use crate::frozen_forms::CODES;
use crate::messages::wait;
use crate::support::{TestServer, form};
use gatepost::Caller;
use gatepost::api_keys::{self, ApiKeyName, Scopes};
use reqwest::Method;
use serde_json::{Value, json};
use shape::Shapes;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

fn description() -> Value {
    serde_json::from_str(include_str!("../../src/openapi/openapi.json")).unwrap()
}

#[test]
fn the_description_is_served_as_it_is_and_kept_by_caches() {
    let server = TestServer::start();
    for (path, kind) in
        [("/openapi.json", "application/json"), ("/docs", "text/html; charset=utf-8")]
    {
        let response = server.request(Method::GET, path).send().unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], kind);
        assert_eq!(response.headers()["cache-control"], "public, max-age=300");
        let etag = response.headers()["etag"].clone();
        let length = response.bytes().unwrap().len().to_string();

        let again = server.request(Method::GET, path).header("if-none-match", &etag);
        let again = again.send().unwrap();
        assert_eq!((again.status().as_u16(), &again.headers()["etag"]), (304, &etag));
        assert!(again.bytes().unwrap().is_empty());
        let other = server.request(Method::GET, path).header("if-none-match", "\"other\"");
        assert_eq!(other.send().unwrap().status(), 200);

        let head = server.request(Method::HEAD, path).send().unwrap();
        assert_eq!(head.headers()["content-length"].to_str().unwrap(), length);
        let post = server.request(Method::POST, path).send().unwrap();
        assert_eq!(
            (post.status().as_u16(), &post.headers()["allow"]),
            (405, &"GET, HEAD, OPTIONS".parse().unwrap())
        );
    }
    let served: Value =
        server.request(Method::GET, "/openapi.json").send().unwrap().json().unwrap();
    assert_eq!(served, description());
}

#[test]
fn the_page_loads_and_runs_nothing() {
    let server = TestServer::start();
    let response = server.request(Method::GET, "/docs").send().unwrap();
    let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
    let page = response.text().unwrap();
    let style = page.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    let hash = ring::digest::digest(&ring::digest::SHA256, style.as_bytes());
    let hash = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, hash);
    let expected = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    );
    assert_eq!(policy, expected);
    for word in
        ["<script", "<img", "<link", "style=", "url(", "@import", "src=", "=\"http", "=\"//"]
    {
        assert!(!page.contains(word), "{word}");
    }
}

#[test]
fn the_errors_are_those_of_the_table() {
    let document = description();
    let codes = document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"].clone();
    let codes: BTreeSet<&str> =
        codes.as_array().unwrap().iter().map(|code| code.as_str().unwrap()).collect();
    let table: Vec<_> = CODES.iter().collect();
    assert_eq!(codes, table.iter().map(|(_, code)| *code).collect());
    let mut told = BTreeSet::new();
    for (name, response) in document["components"]["responses"].as_object().unwrap() {
        let status: u16 = name.strip_prefix("Status").unwrap().parse().unwrap();
        for part in response["description"].as_str().unwrap().split('`').skip(1).step_by(2) {
            if codes.contains(part) {
                told.insert((status, part));
            }
        }
    }
    assert_eq!(told, table.into_iter().copied().collect());
}

/// A call with one of its examples.
struct Example<'a> {
    method: &'a str,
    path: &'a str,
    operation: &'a Value,
    name: &'a str,
    status: u16,
    kind: &'a str,
    answer: &'a Value,
    content: &'a Value,
    headers: &'a Value,
}

fn examples(document: &Value) -> Vec<Example<'_>> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            for (status, response) in operation["responses"].as_object().unwrap() {
                for (kind, content) in response["content"].as_object().into_iter().flatten() {
                    for (name, example) in content["examples"].as_object().into_iter().flatten() {
                        all.push(Example {
                            method,
                            path,
                            operation,
                            name,
                            status: status.parse().unwrap(),
                            kind,
                            answer: &example["value"],
                            content,
                            headers: &response["headers"],
                        });
                    }
                }
            }
        }
    }
    all
}

/// The token of the message that a call about bob sends.
fn mailed(server: &TestServer, admin: &str, call: &str) -> String {
    let key = key(server, "outbox").1;
    let mut body = json!({"login": "bob"});
    if call != "/recovery" {
        body["email"] = json!("bob@example.com");
    }
    if call == "/user" {
        body["password"] = json!("staple and battery");
    }
    assert!(server.call(call, admin, &body).status().is_success());
    gatepost::recovery::answer_requests(server.app()).unwrap();
    let kind = if call == "/user" { "mail.verification" } else { &call.replace('/', "mail.") };
    let mut found = None;
    wait(|| {
        let page: Value = server.get("/outbox", &key).json().unwrap();
        let mut messages = page["messages"].as_array().unwrap().iter();
        found = messages.find(|message| message["type"] == *kind).cloned();
        found.is_some()
    });
    found.unwrap()["data"]["token"].as_str().unwrap().to_owned()
}

/// Sends an example as it stands, but for the tokens in it, to a service with alice and an admin.
fn send(example: &Example<'_>) -> reqwest::blocking::Response {
    let server = TestServer::start();
    server.register("alice");
    server.register_admin("root");
    let (alice, mut root) = (server.tokens("alice"), server.token("root"));
    // What is written with an ellipsis, or changes every 30 seconds.
    let mut live = vec![("token", alice.access.clone()), ("refresh_token", alice.refresh.clone())];
    match (example.path, example.name) {
        ("/factor", "removed") => drop(server.add_totp(&alice.access)),
        ("/recovery-codes", "codes") => {
            let app = server.add_totp(&root);
            root = server.tokens_with("root", &app).access;
        }
        ("/factor/totp/confirm", "confirmed") => {
            let waits = server.call("/factor/totp", &root, &json!({"name": "my phone"}));
            let app = Authenticator::of(&waits.json().unwrap());
            live.push(("code", app.code(0)));
        }
        ("/mfa/options", "options") => {
            server.add_totp(&alice.access);
            live.push(("mfa_token", server.mfa_token("alice")));
        }
        ("/mfa", "tokens") => {
            let app = server.add_totp(&alice.access);
            live.extend([("mfa_token", server.mfa_token("alice")), ("code", app.code(0))]);
        }
        ("/verification", "sent") => {
            let sql = "UPDATE gatepost.users SET email = 'root@example.com', email_canonical = 'root@example.com'
                       WHERE login = 'root'";
            server.sql().execute(sql, &[]).unwrap();
        }
        ("/verification/confirm", "proved") => {
            live.insert(0, ("token", mailed(&server, &root, "/user")));
        }
        ("/recovery/confirm", "set") => {
            let token = mailed(&server, &root, "/user");
            server.post("/verification/confirm", &json!({ "token": token }));
            live.insert(0, ("token", mailed(&server, &root, "/recovery")));
        }
        ("/invitation/confirm", "accepted") => {
            live.insert(0, ("token", mailed(&server, &root, "/invitation")));
        }
        ("/outbox", "messages" | "acknowledged") => drop(mailed(&server, &root, "/user")),
        ("/invitation", "invited") => drop(key(&server, "outbox")),
        _ => (),
    }
    if example.path.starts_with("/api-key") {
        let (name, scopes) = (ApiKeyName::parse("shop"), Scopes::parse("users:read,register"));
        api_keys::create(server.app(), &Caller::Trusted, &name.unwrap(), &scopes.unwrap()).unwrap();
    }
    let method = Method::from_bytes(example.method.to_uppercase().as_bytes()).unwrap();
    let mut query = Vec::new();
    for parameter in example.operation["parameters"].as_array().into_iter().flatten() {
        let value = &parameter["examples"][example.name]["value"];
        if !value.is_null() {
            let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            query.push(format!("{}={shown}", parameter["name"].as_str().unwrap()));
        }
    }
    let target = match query.join("&").as_str() {
        "" => example.path.to_owned(),
        query => format!("{}?{query}", example.path),
    };
    let mut request = server.request(method, &target);
    for (kind, body) in
        example.operation["requestBody"]["content"].as_object().into_iter().flatten()
    {
        let mut value = body["examples"][example.name]["value"].clone();
        if value["client_secret"] == "gp_…" {
            let (name, secret) = key(&server, "users:read,register");
            value["client_id"] = json!(name.as_str());
            value["client_secret"] = json!(secret);
        }
        for (name, live) in &live {
            let stands_in = |text: &str| text.ends_with('…') || *name == "code";
            if value[name].as_str().is_some_and(stands_in) {
                value[name] = json!(live);
            }
        }
        request = match (kind.as_str(), value) {
            (_, Value::Null) => request,
            ("application/json", value) => request.json(&value),
            (_, value) => {
                let members = value.as_object().unwrap().iter();
                let pairs: Vec<(&str, &str)> =
                    members.map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect();
                form(request, &pairs)
            }
        };
    }
    let security = example.operation["security"].as_array().unwrap();
    let asks = !security.is_empty() && !security.contains(&json!({}));
    request = match example.name {
        "unauthenticated" => request,
        "forbidden" => request.bearer_auth(&alice.access),
        _ if asks => request.bearer_auth(&root),
        _ => request,
    };
    request.send().unwrap()
}

#[test]
fn every_example_gets_the_answer_that_stands_beside_it() {
    let document = description();
    let shapes = Shapes(&document);
    let all = examples(&document);
    for example in &all {
        let what = format!("{} {} {}", example.method, example.path, example.name);
        let response = send(example);
        assert_eq!(response.status(), example.status, "{what}");
        assert_eq!(response.headers()["content-type"], *example.kind, "{what}");
        for (name, header) in example.headers.as_object().unwrap() {
            if shapes.resolve(header)["required"] == true {
                assert!(response.headers().contains_key(name), "{what}: no {name}");
            }
        }
        if example.kind.ends_with("jwt") {
            assert!(response.text().unwrap().starts_with("eyJ") && example.answer == "eyJ…");
            continue;
        }
        shapes.check(&example.content["schema"], example.answer, &what);
        let answer: Value = response.json().unwrap();
        shapes.check(&example.content["schema"], &answer, &what);
        let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&answer), names(example.answer), "{what}: {answer}");
        for same in ["code", "status", "detail"] {
            assert_eq!(answer[same], example.answer[same], "{what}");
        }
    }
    assert!(all.len() >= 40, "{}", all.len());
    // Each example of a request has its answer.
    let asked = document["paths"].as_object().unwrap().iter().flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, operation)| (path, method, operation))
    });
    for (path, method, operation) in asked {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let bodies = operation["requestBody"]["content"].as_object().into_iter().flatten();
        for given in parameters.chain(bodies.map(|(_, body)| body)) {
            for name in given["examples"].as_object().into_iter().flat_map(|names| names.keys()) {
                let has = |e: &&Example<'_>| e.path == path && e.method == method && e.name == name;
                assert!(all.iter().any(|e| has(&e)), "{method} {path} {name}");
            }
        }
    }
}

/// What gets an answer that any call may get; `Host` stands for the field.
const REFUSED: [(&str, &str); 7] = [
    ("405", "PUT /user HTTP/1.1\r\nHost\r\n\r\n"),
    ("408", "GET /user HTTP/1.1\r\n"),
    ("413", "POST /user HTTP/1.1\r\nHost\r\nContent-Length: 99999\r\n\r\n"),
    (
        "415",
        "POST /user HTTP/1.1\r\nHost\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}",
    ),
    ("417", "POST /user HTTP/1.1\r\nHost\r\nExpect: x\r\nContent-Length: 2\r\n\r\n{}"),
    ("501", "POST /user HTTP/1.1\r\nHost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"),
    ("505", "GET / HTTP/3.0\r\nHost\r\n\r\n"),
];

/// The problem document that a service answers to these bytes.
fn answer_to(server: &TestServer, bytes: &str) -> Value {
    let address = server.service.addr().to_string();
    let mut socket = TcpStream::connect(&address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    socket
        .write_all(bytes.replace("Host\r\n", &format!("Host: {address}\r\n")).as_bytes())
        .unwrap();
    let mut text = String::new();
    let mut piece = [0; 4096];
    while !text.ends_with("}\n") {
        let count = socket.read(&mut piece).unwrap();
        assert!(count > 0, "{bytes}: {text}");
        text += std::str::from_utf8(&piece[..count]).unwrap();
    }
    serde_json::from_str(text.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[test]
fn the_answers_that_any_call_may_get_are_as_their_examples_say() {
    let document = description();
    let shapes = Shapes(&document);
    let ready = TestServer::with(|config| config.server.header_timeout = Duration::from_secs(1));
    let away = TestServer::with(|config| {
        config.database.url = Some("host=127.0.0.1 port=1 user=x dbname=x".into());
    });
    let refused = TestServer::start();
    refused.register("alice");
    let wrong = "{\"login\":\"alice\",\"password\":\"wrong\"}";
    let login = format!(
        "POST / HTTP/1.1\r\nHost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{wrong}",
        wrong.len()
    );
    let limited = std::iter::repeat_with(|| answer_to(&refused, &login))
        .take(50)
        .find(|answer| answer["status"] == 429)
        .expect("nothing limits guessing");
    let long = format!("GET /{} HTTP/1.1\r\nHost\r\n\r\n", "x".repeat(9_000));
    let wide = format!("GET / HTTP/1.1\r\nHost\r\nX: {}\r\n\r\n", "x".repeat(17_000));
    let mut answers = vec![
        ("414", answer_to(&ready, &long)),
        ("429", limited),
        ("431", answer_to(&ready, &wide)),
        ("503", answer_to(&away, &login)),
    ];
    for (status, bytes) in REFUSED {
        answers.push((status, answer_to(&ready, bytes)));
    }
    for (status, answer) in &answers {
        let content = &document["components"]["responses"][format!("Status{status}")]["content"];
        let content = &content["application/problem+json"];
        let (name, example) = content["examples"].as_object().unwrap().iter().next().unwrap();
        let example = &example["value"];
        assert_eq!(example["code"], name.as_str());
        shapes.check(&content["schema"], example, status);
        for same in ["code", "status", "title", "detail"] {
            assert_eq!(answer[same], example[same], "{status}");
        }
    }
    // Those of single calls stand there, and a fault of ours cannot be asked for.
    let told = document["components"]["responses"].as_object().unwrap().keys();
    let elsewhere = ["Status400", "Status401", "Status403", "Status404", "Status500"];
    let left: Vec<&String> = told.filter(|name| !elsewhere.contains(&name.as_str())).collect();
    assert_eq!(left.len(), answers.len(), "{left:?}");
}
