//! Every form that clients and operators write down, one example each. Whoever changes one of them
//! breaks a client, so a change here stands in CHANGELOG.md too; `.ci/run` asks for that.

use crate::keys::header;
use crate::monitoring::{families, scrape, use_it, watched};
use crate::support::program::{Home, Running, run, success};
use crate::support::{PASSWORD, TestServer, problem};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};

fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

fn payload(jwt: &str) -> Value {
    serde_json::from_slice(&decode(jwt.split('.').nth(1).unwrap())).unwrap()
}

/// Takes a field out, for what differs from run to run.
#[track_caller]
fn take(value: &mut Value, name: &str) -> Value {
    value.as_object_mut().unwrap().remove(name).unwrap_or_else(|| panic!("no {name} in {value}"))
}

#[track_caller]
fn take_text(value: &mut Value, name: &str) -> String {
    take(value, name).as_str().unwrap().to_owned()
}

/// Whether a text is this many characters of base64url.
fn is_base64url(text: &str, length: usize) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    text.len() == length && text.bytes().all(allowed)
}

/// Whether a text is a time as RFC 3339 writes it, in whole seconds of UTC.
fn is_time(text: &str) -> bool {
    let digits = text.replace(|c: char| c.is_ascii_digit(), "9");
    digits == "9999-99-99T99:99:99Z"
}

#[test]
fn the_answer_to_a_login_and_the_tokens_in_it() {
    let server = TestServer::start();
    server.register("alice");
    let mut answer: Value = server.log_in("alice", PASSWORD).json().unwrap();
    let access = take_text(&mut answer, "access_token");
    let refresh = take_text(&mut answer, "refresh_token");
    assert_eq!(answer, json!({"token_type": "Bearer", "expires_in": 900, "user_id": 1}));

    let mut head = header(&access);
    assert!(is_base64url(&take_text(&mut head, "kid"), 16));
    assert_eq!(head, json!({"typ": "at+jwt", "alg": "EdDSA"}));

    let mut claims = payload(&access);
    let issued = take(&mut claims, "iat").as_u64().unwrap();
    assert!(is_base64url(&take_text(&mut claims, "jti"), 22));
    let sid = take_text(&mut claims, "sid");
    let since = take(&mut claims, "auth_time").as_u64().unwrap();
    assert!(issued.abs_diff(since) <= 1, "{issued} {since}");
    let expected = json!({"iss": "gatepost", "sub": "1", "user_id": 1, "exp": issued + 900,
                          "aud": "gatepost", "client_id": "gatepost", "admin": false,
                          "token_version": 1, "amr": ["pwd"],
                          "acr": "https://refeds.org/profile/sfa"});
    assert_eq!(claims, expected);
    // The session's number, and 16 random bytes.
    let (number, identity) = sid.split_once('.').unwrap();
    assert!(number == "1" && is_base64url(identity, 22), "{sid}");

    // Generation of the key, number of the session, counter of its refreshes, each 8 bytes with
    // the greatest first, around the 16 bytes of `sid`; then 32 bytes of HMAC-SHA256.
    assert!(is_base64url(&refresh, 96), "{refresh}");
    let bytes = decode(&refresh);
    let one = 1_u64.to_be_bytes();
    let head = [&one[..], &one, &decode(identity), &0_u64.to_be_bytes()].concat();
    assert_eq!(bytes[..40], head);
    assert_eq!(bytes.len(), 72);
}

#[test]
fn users_sessions_and_what_a_token_is_worth() {
    let server = TestServer::start();
    server.register("alice");
    let token = server.token("alice");
    let mut user: Value = server.get("/user?id=1", &token).json().unwrap();
    assert!(is_time(&take_text(&mut user, "created_at")));
    assert_eq!(user, json!({"id": 1, "login": "alice", "admin": false}));

    let mut page: Value = server.get("/sessions", &token).json().unwrap();
    let mut session = page["sessions"][0].take();
    for time in ["created_at", "last_used_at", "expires_at"] {
        assert!(is_time(&take_text(&mut session, time)));
    }
    let expected = json!({"id": 1, "user_id": 1, "address": "127.0.0.1", "user_agent": null});
    assert_eq!(session, expected);
    assert_eq!(page, json!({"sessions": [null], "page_num": 1, "page_size": 20}));

    server.register_admin("root");
    let admin = server.token("root");
    let body = format!("token={token}");
    let asked = server.request(Method::POST, "/introspect").bearer_auth(&admin);
    let form = "application/x-www-form-urlencoded";
    let asked = asked.header("content-type", form).body(body).send().unwrap();
    let mut worth: Value = asked.json().unwrap();
    let claims = payload(&token);
    for same in ["iat", "exp", "jti", "sid", "aud", "client_id", "auth_time", "amr", "acr"] {
        assert_eq!(take(&mut worth, same), claims[same]);
    }
    let expected = json!({"active": true, "sub": "1", "user_id": 1, "username": "alice",
                          "admin": false, "iss": "gatepost", "token_type": "Bearer"});
    assert_eq!(worth, expected);
}

#[test]
fn second_factors_and_what_asks_for_them() {
    let server = TestServer::start();
    server.register("alice");
    let token = server.token("alice");
    let body = json!({"name": "phone"});
    let mut enrolment: Value = server.call("/factor/totp", &token, &body).json().unwrap();
    let secret = take_text(&mut enrolment, "secret");
    assert!(secret.len() == 32 && secret.bytes().all(|b| matches!(b, b'A'..=b'Z' | b'2'..=b'7')));
    let uri = format!(
        "otpauth://totp/gatepost:alice?secret={secret}&issuer=gatepost&algorithm=SHA1&digits=6&period=30"
    );
    assert_eq!(enrolment, json!({"id": 1, "otpauth_uri": uri}));

    let app = server.add_totp(&token);
    for code in &app.recovery_codes {
        let parts: Vec<usize> = code.split('-').map(str::len).collect();
        assert_eq!(parts, [6; 4], "{code}");
    }
    let mut listed: Value = server.get("/factors", &token).json().unwrap();
    assert!(is_time(&take_text(&mut listed["factors"][0], "created_at")));
    let factor = json!({"id": 2, "kind": "totp", "name": "phone"});
    assert_eq!(listed, json!({"factors": [factor], "recovery_codes_left": 10}));

    let mut challenge: Value = server.log_in("alice", PASSWORD).json().unwrap();
    // User, token version and expiry, each 8 bytes; the login; 32 bytes of HMAC-SHA256.
    assert_eq!(decode(&take_text(&mut challenge, "mfa_token")).len(), 24 + 5 + 32);
    for of_every_problem in ["type", "title", "status", "detail", "request_id"] {
        take(&mut challenge, of_every_problem);
    }
    let expected = json!({"code": "mfa_required", "expires_in": 300,
                          "methods": ["totp", "recovery_code"]});
    assert_eq!(challenge, expected);
}

#[test]
fn an_api_key() {
    let home = Home::new();
    let key = success(&home.run(&["api-key", "create", "shop", "--scope", "register"], ""));
    let key = key.trim_end();
    assert!(key.starts_with("gp_") && key.len() == 52, "{key}");
    assert!(key[3..].bytes().all(|b| b.is_ascii_alphanumeric()), "{key}");
    // Its checksum by hand: the first 32 bits of the SHA-256 of what stands before it, in base 62.
    let digest = ring::digest::digest(&ring::digest::SHA256, &key.as_bytes()[..46]);
    let mut rest = u32::from_be_bytes(digest.as_ref()[..4].try_into().unwrap());
    let digits = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut checksum = [0; 6];
    for place in checksum.iter_mut().rev() {
        *place = digits[rest as usize % 62];
        rest /= 62;
    }
    assert_eq!(key.as_bytes()[46..], checksum);
}

#[test]
fn the_list_of_revocations() {
    let server = TestServer::start();
    server.register("alice");
    let token = server.token("alice");
    assert_eq!(server.log_out(&token, &json!({})).status(), 200);
    let list = server.request(Method::GET, "/revocations").send().unwrap();
    assert_eq!(list.headers()["content-type"], "application/jwt");
    let list = list.text().unwrap();
    let mut head = header(&list);
    assert_eq!(take(&mut head, "kid"), header(&token)["kid"]);
    assert_eq!(head, json!({"typ": "revocations+jwt", "alg": "EdDSA"}));
    let mut payload_of_list = payload(&list);
    let issued = take(&mut payload_of_list, "iat").as_u64().unwrap();
    let next = take_text(&mut payload_of_list, "next");
    let digits = next.replace(|c: char| c.is_ascii_digit(), "");
    assert_eq!(digits, "?since=&after=");
    let expected = json!({"iss": "gatepost/revocations", "aud": "revocations", "exp": issued + 120,
                          "keep": 970, "revoked": [{"sid": payload(&token)["sid"]}],
                          "jti_prefixes": [], "more": false});
    assert_eq!(payload_of_list, expected);
}

#[test]
fn an_entry_of_the_audit_log() {
    let server = TestServer::start();
    server.register_admin("root");
    let admin = server.token("root");
    let mut page: Value = server.get("/audit?page_size=1", &admin).json().unwrap();
    let mut entry = page["entries"][0].take();
    assert!(is_time(&take_text(&mut entry, "at")));
    let expected = json!({"id": 2, "actor": "anonymous", "actor_id": null, "action": "log_in",
                          "user_id": 1, "address": "127.0.0.1", "outcome": "done",
                          "detail": null});
    assert_eq!(entry, expected);
}

#[test]
fn a_problem_document() {
    let server = TestServer::start();
    let response = server.get("/user?id=1", "no token");
    assert_eq!(response.headers()["www-authenticate"], "Bearer error=\"invalid_token\"");
    let names: Vec<String> = {
        let body: Value = response.json().unwrap();
        body.as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(names, ["code", "detail", "request_id", "status", "title", "type"]);
    problem(server.get("/user?id=1", "no token"), 401, "unauthenticated");
}

/// The names of the calls, from which generators of clients make the names of functions.
const OPERATIONS: &str = "acceptInvitation acknowledgeOutbox addPasskey askRecovery changeUser confirmRecovery \
    confirmTotp confirmVerification createApiKey deleteUser endSession enrolTotp exportUser \
    finishMfa introspect invite listApiKeys listAudit listFactors listKeys listRevocations \
    listSessions listSigningKeys listUsers live logIn logInWithPasskey logOut mfaOptions \
    passkeyOptions pullOutbox ready refresh register removeFactor replaceRecoveryCodes revoke \
    revokeApiKey rotateSigningKeys sendVerification showDocs showMetadata showOpenApi \
    showStatusList showUser signInOptions stepUp";

#[test]
fn the_description_of_the_api() {
    let server = TestServer::start();
    let page = server.request(Method::GET, "/docs").send().unwrap();
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    let response = server.request(Method::GET, "/openapi.json").send().unwrap();
    assert_eq!(response.headers()["content-type"], "application/json");
    let document: Value = response.json().unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let items = document["paths"].as_object().unwrap().values();
    let mut names: Vec<&str> = items
        .flat_map(|item| item.as_object().unwrap().values())
        .map(|operation| operation["operationId"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, OPERATIONS.split_whitespace().collect::<Vec<_>>());
}

/// Every family of metrics with its kind and its labels.
const METRICS: &str = "
gatepost_audit_rows_total counter
gatepost_audit_unsealed_rows gauge
gatepost_build_info gauge version
gatepost_connections gauge
gatepost_connections_accepted_total counter
gatepost_connections_refused_total counter
gatepost_database_connections gauge state
gatepost_database_failures_total counter
gatepost_database_up gauge
gatepost_database_wait_seconds histogram
gatepost_door_answers_total counter code
gatepost_held_bytes gauge
gatepost_http_request_duration_seconds histogram route
gatepost_http_requests_total counter route,method,status
gatepost_lane_refused_total counter lane
gatepost_lane_taken_total counter lane
gatepost_lane_wait_seconds histogram lane
gatepost_lane_waiting gauge lane
gatepost_limited_total counter limit
gatepost_logins_total counter outcome
gatepost_outbox_deliveries_total counter channel,outcome
gatepost_outbox_oldest_seconds gauge
gatepost_outbox_waiting gauge
gatepost_password_hash_runs_total counter at_once
gatepost_password_hashes_total counter kind
gatepost_schema_version gauge
gatepost_sessions_ended_total counter
gatepost_sessions_opened_total counter
gatepost_sessions_refreshed_total counter
gatepost_sessions_stolen_total counter
gatepost_signing_key_age_seconds gauge
gatepost_signing_key_rotation_timestamp_seconds gauge
gatepost_tls_handshakes_total counter outcome
process_cpu_seconds_total counter
process_max_fds gauge
process_open_fds gauge
process_resident_memory_bytes gauge
process_start_time_seconds gauge
process_threads gauge
";

#[test]
fn the_metrics_and_their_labels_and_the_page_that_tells_of_them() {
    let home = Home::new();
    let (service, url) = watched(&home);
    use_it(&service);
    let families = families(&scrape(&url));
    service.stop();
    let golden: Vec<&str> = METRICS.lines().filter(|line| !line.is_empty()).collect();
    let seen: Vec<String> = families.iter().map(|(name, rest)| format!("{name} {rest}")).collect();
    assert_eq!(seen, golden);
    let page = include_str!("../../docs/metrics.md");
    for line in golden {
        let (name, rest) = line.split_once(' ').unwrap();
        let (kind, labels) = rest.split_once(' ').unwrap_or((rest, ""));
        let labels: Vec<String> = labels
            .split(',')
            .filter(|label| !label.is_empty())
            .map(|label| format!("`{label}`"))
            .collect();
        let row = format!("| `{name}` | {kind} | {} |", labels.join(", ")).replace("|  |", "| |");
        let is_told = page.contains(&row) || (name.starts_with("process_") && page.contains(name));
        assert!(is_told, "docs/metrics.md has no row {row}");
    }
}

/// Status and code of every error.
pub(crate) const CODES: &[(u16, &str)] = &[
    (400, "email_taken"),
    (400, "invalid_credentials"),
    (400, "invalid_grant"),
    (400, "invalid_proof"),
    (400, "invalid_request"),
    (400, "invalid_scope"),
    (400, "invalid_target"),
    (400, "login_taken"),
    (400, "name_taken"),
    (400, "unsupported_grant_type"),
    (400, "unsupported_token_type"),
    (400, "weak_password"),
    (401, "insufficient_user_authentication"),
    (401, "unauthenticated"),
    (403, "account_expired"),
    (403, "account_locked"),
    (403, "forbidden"),
    (403, "forbidden_origin"),
    (403, "last_admin"),
    (403, "mfa_required"),
    (404, "not_found"),
    (405, "method_not_allowed"),
    (408, "request_timeout"),
    (413, "payload_too_large"),
    (414, "target_too_long"),
    (415, "unsupported_media_type"),
    (417, "expectation_failed"),
    (429, "too_many_attempts"),
    (431, "headers_too_large"),
    (500, "internal"),
    (501, "not_implemented"),
    (503, "overloaded"),
    (503, "unavailable"),
    (505, "version_not_supported"),
];

/// The words in these sources that stand where a code does.
fn codes_in_the_source() -> Vec<String> {
    let sources = [
        include_str!("../../src/http/told.rs"),
        include_str!("../../src/http/response.rs"),
        include_str!("../../src/front_door/problem.rs"),
    ];
    let is_word =
        |text: &&str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let mut codes = Vec::new();
    for source in sources {
        let source = source.split("#[cfg(test)]").next().unwrap();
        codes.extend(source.split('"').skip(1).step_by(2).filter(is_word).map(str::to_owned));
    }
    codes.sort();
    codes.dedup();
    codes
}

#[test]
fn the_codes_of_errors_in_the_source_and_in_the_documents() {
    let mut golden: Vec<&str> = CODES.iter().map(|(_, code)| *code).collect();
    golden.sort_unstable();
    golden.dedup();
    assert_eq!(codes_in_the_source(), golden);
    let page = include_str!("../../docs/api.md");
    for (status, code) in CODES {
        let row = format!("| {status} | `{code}` |");
        assert!(page.contains(&row), "docs/api.md has no row {row}");
    }
}

/// Every setting with its default in the configuration `testing`.
const SETTINGS: &str = r##"
profile = testing
server.listen = 127.0.0.1:8080
server.socket_mode = "0660"
server.socket_group = ""
server.exit_when_idle = 0ms
server.workers = 4
server.hashing_threads = 0
server.shutdown_timeout = 10s
server.tls_certificate = (none)
server.tls_key = (none)
server.trusted_proxies = (none)
server.forwarded_header = "X-Forwarded-For"
server.cors_origins = (none)
server.max_connections = 0
server.max_connections_per_address = 0
server.header_timeout = 10s
server.request_timeout = 30s
server.idle_timeout = 1m
server.hashing_queue = 64
database.url = (none)
database.owner_url = (none)
database.private = false
database.data_dir = (none)
database.pool_size = 8
database.prepared_statements = false
access.mode = "protected"
access.registration = "anyone"
access.open_to_network = false
access.open_hosts = (none)
access.require_mfa = "nobody"
access.mfa_enrolment = 14d
access.fresh_for = 15m
passwords.iterations = 1000
passwords.min_length = 8
passwords.require_current = false
passwords.refused_words = gatepost
passwords.breach_list = (none)
passwords.pepper = (none)
passwords.previous_peppers = (none)
limits.enabled = true
limits.account_failures = 10
limits.network_failures = 200
limits.registrations = 300
audit.enabled = true
audit.keep = 365d
tokens.issuer = "gatepost"
tokens.audience = (none)
tokens.client_id = "gatepost"
tokens.claims = (none)
tokens.status_list = false
tokens.algorithm = "EdDSA"
tokens.access_ttl = 15m
tokens.hs256_secret = (none)
tokens.key_rotation = 90d
tokens.key_publication = 1h
encryption.key = (none)
encryption.previous_key = (none)
sessions.idle_timeout = 7d
sessions.lifetime = 30d
sessions.refresh_grace = 10s
sessions.per_user = 1000
passkeys.rp_id = (none)
passkeys.origins = (none)
mail.smtp = (none)
mail.webhook = (none)
mail.webhook_secret = (none)
mail.from = ""
mail.link_base = ""
mail.templates = (none)
mail.language = "en"
events.webhook = (none)
events.webhook_secret = (none)
recovery.undo = 7d
pages.enabled = "off"
pages.origin = (none)
pages.name = "Gatepost"
pages.logo = (none)
pages.accent_color = "#1f5fbf"
pages.cookie_api = (none)
gate.rules = (none)
gate.origins = (none)
log.level = "info"
log.format = "logfmt"
log.requests = true
metrics.listen = (none)
metrics.open_to_network = false
"##;

#[test]
fn the_settings_and_their_defaults() {
    let home = Home::new();
    let mut command = home.command(&["check-config"]);
    command.env_remove("GATEPOST_SERVER_LISTEN").env_remove("GATEPOST_DATABASE_DATA_DIR");
    // An ordinary user's data directory is below it.
    command.env("HOME", home.path());
    let shown = success(&run(&mut command, ""));
    let settings: Vec<&str> =
        shown.lines().map(|line| line.split("  # ").next().unwrap()).collect();
    assert_eq!(settings, SETTINGS.trim().lines().collect::<Vec<_>>());
}

#[test]
fn a_line_of_the_log_as_json() {
    let home = Home::new();
    let service = Running::start(home.command(&["serve"]).env("GATEPOST_LOG_FORMAT", "json"));
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let asked = crate::support::client().get(format!("{}/users", service.url));
    let asked = asked.header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"));
    let answer = asked.send().unwrap();
    let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    service.wait_for_log("\"path\":\"/users\"");
    let log = service.stop();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let is_of_request = |line: &&Value| line.get("path").is_some();
    let mut line = lines.iter().find(is_of_request).unwrap().clone();
    let time = take_text(&mut line, "time");
    let digits = time.replace(|c: char| c.is_ascii_digit(), "9");
    assert_eq!(digits, "9999-99-99T99:99:99.999Z");
    let ms = take(&mut line, "ms").as_u64().unwrap();
    let expected = json!({"level": "info", "target": "gatepost::http::server", "request_id": id,
                          "method": "GET", "path": "/users", "status": 401, "client": "127.0.0.1",
                          "trace_id": trace,
                          "msg": format!("GET /users 401 {ms} ms {id} 127.0.0.1 trace_id={trace}")});
    assert_eq!(line, expected);
    let other = lines.iter().find(|line| !is_of_request(line)).unwrap().as_object().unwrap();
    assert_eq!(other.keys().collect::<Vec<_>>(), ["level", "msg", "target", "time"]);
}
