//! The authorization table: who × call × access mode, in one test.

use crate::support::{PASSWORD, TestServer, form, problem};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gatepost::Caller;
use gatepost::api_keys::{ApiKeyName, ApiKeyRef, Scopes};
use gatepost::config::{AccessMode, Registration};
use gatepost::domain::Login;
use gatepost::passwords::Password;
use reqwest::Method;
use reqwest::blocking::Response;
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The statuses in protected mode with registration for admins. `list` is `GET /users`, `end` is
/// `DELETE /session`; `show` to `delete`, `sessions`, `end` and `lock` are about one user: a plain one, or
/// an admin. `self` is that user. `keys` to `end-key` are the calls about API keys, `signing` and `rotate` those
/// about signing keys.
const TABLE: [&str; 6] = [
    "
    who             list  show  patch  delete  show-admin  patch-admin  delete-admin  register
    nobody          401   401   401    401     401         401          401           401
    nonsense        401   401   401    401     401         401          401           401
    stranger        403   403   403    403     403         403          403           403
    self            403   200   200    200     -           -            -             403
    admin           200   200   200    200     200         200          200           201
    users:read      200   200   403    403     200         403          403           403
    users:write     403   403   200    200     403         403          403           403
    register        403   403   403    403     403         403          403           201
    introspect      403   403   403    403     403         403          403           403
    all-scopes      200   200   200    200     200         403          403           201
    revoked-key     401   401   401    401     401         401          401           401
    unknown-key     401   401   401    401     401         401          401           401
    misspelt-key    401   401   401    401     401         401          401           401
    foreign-prefix  401   401   401    401     401         401          401           401
    oauth-client    401   401   401    401     401         401          401           401
",
    "
    who             sessions  end  sessions-admin  end-admin  introspect  revoke  revocations
    nobody          401       401  401             401        401         200     200
    nonsense        401       401  401             401        401         200     200
    stranger        403       403  403             403        403         200     200
    self            200       200  -               -          403         200     200
    admin           200       200  200             200        200         200     200
    users:read      200       403  200             403        403         200     200
    users:write     403       200  403             403        403         200     200
    register        403       403  403             403        403         200     200
    introspect      403       403  403             403        200         200     200
    all-scopes      200       200  200             403        200         200     200
    revoked-key     401       401  401             401        401         200     200
    unknown-key     401       401  401             401        401         200     200
    misspelt-key    401       401  401             401        401         200     200
    foreign-prefix  401       401  401             401        401         200     200
    oauth-client    401       401  401             401        200         200     200
",
    "
    who             lock  lock-admin
    nobody          401   401
    nonsense        401   401
    stranger        403   403
    self            403   -
    admin           200   200
    users:read      403   403
    users:write     200   403
    register        403   403
    introspect      403   403
    all-scopes      200   403
    revoked-key     401   401
    unknown-key     401   401
    misspelt-key    401   401
    foreign-prefix  401   401
    oauth-client    401   401
",
    "
    who             roles  roles-admin  export  export-admin  keys  make-key  end-key  signing  rotate
    nobody          401    401          401     401           401   401       401      401      401
    nonsense        401    401          401     401           401   401       401      401      401
    stranger        403    403          403     403           403   403       403      403      403
    self            403    -            200     -             403   403       403      403      403
    admin           200    200          200     200           200   201       200      200      200
    users:read      403    403          200     200           403   403       403      403      403
    users:write     200    403          403     403           403   403       403      403      403
    register        403    403          403     403           403   403       403      403      403
    introspect      403    403          403     403           403   403       403      403      403
    all-scopes      200    403          200     200           403   403       403      403      403
    revoked-key     401    401          401     401           401   401       401      401      401
    unknown-key     401    401          401     401           401   401       401      401      401
    misspelt-key    401    401          401     401           401   401       401      401      401
    foreign-prefix  401    401          401     401           401   401       401      401      401
    oauth-client    401    401          401     401           401   401       401      401      401
",
    "
    who             factors  unfactor  factors-admin  unfactor-admin  add-factor  add-passkey  new-codes  step-up
    nobody          401      401       401            401             401         401          401        401
    nonsense        401      401       401            401             401         401          401        401
    stranger        403      403       403            403             201         200          400        200
    self            200      200       -              -               201         200          400        200
    admin           200      200       200            200             201         200          400        200
    users:read      403      403       403            403             403         403          403        403
    users:write     403      403       403            403             403         403          403        403
    register        403      403       403            403             403         403          403        403
    introspect      403      403       403            403             403         403          403        403
    all-scopes      403      403       403            403             403         403          403        403
    revoked-key     401      401       401            401             401         401          401        401
    unknown-key     401      401       401            401             401         401          401        401
    misspelt-key    401      401       401            401             401         401          401        401
    foreign-prefix  401      401       401            401             401         401          401        401
    oauth-client    401      401       401            401             401         401          401        401
",
    "
    who             pull  unpull   invite  invite-role  email  email-admin
    nobody          401   401      401     401          401    401
    nonsense        401   401      401     401          401    401
    stranger        403   403      403     403          403    403
    self            403   403      403     403          200    -
    admin           200   200      201     201          200    200
    users:read      403   403      403     403          403    403
    users:write     403   403      403     403          200    403
    register        403   403      403     403          403    403
    introspect      403   403      403     403          403    403
    all-scopes      200   200      201     201          200    403
    revoked-key     401   401      401     401          401    401
    unknown-key     401   401      401     401          401    401
    misspelt-key    401   401      401     401          401    401
    foreign-prefix  401   401      401     401          401    401
    oauth-client    401   401      401     401          401    401
",
];

const ALL_SCOPES: &str = "users:read,users:write,register,introspect,outbox,invite";

fn unique(word: &str) -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    format!("{word}-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Makes a user with a new login.
fn user(server: &TestServer, admin: bool) -> (i64, String) {
    let login = unique("user");
    let parsed = (Login::parse(&login).unwrap(), Password::parse(PASSWORD).unwrap());
    let register = if admin { gatepost::users::register_admin } else { gatepost::users::register };
    let user = register(server.app(), &Caller::Trusted, &parsed.0, &parsed.1).unwrap();
    (user.id.get(), login)
}

/// Makes a key and returns its name and the key.
pub(crate) fn key(server: &TestServer, scopes: &str) -> (ApiKeyName, String) {
    let name = ApiKeyName::parse(&unique("key")).unwrap();
    let scopes = Scopes::parse(scopes).unwrap();
    let (_, secret) =
        gatepost::api_keys::create(server.app(), &Caller::Trusted, &name, &scopes).unwrap();
    (name, secret.expose().to_owned())
}

/// The `Authorization` header of who calls about the user `login`.
fn authorization(server: &TestServer, who: &str, login: &str) -> Option<String> {
    let credential = match who {
        "nobody" => return None,
        "nonsense" => "nonsense".to_owned(),
        "self" => server.token(login),
        "stranger" => server.token(&user(server, false).1),
        "admin" => server.token(&user(server, true).1),
        "all-scopes" => key(server, ALL_SCOPES).1,
        "revoked-key" => {
            let (name, secret) = key(server, ALL_SCOPES);
            gatepost::api_keys::revoke(server.app(), &Caller::Trusted, &ApiKeyRef::Name(name))
                .unwrap();
            secret
        }
        // Of another database.
        "unknown-key" => "gp_dGlMoiyrlfxX1rTnyFf3vA7NUtFOY6aF0kDQHBwtnOA0almP4".to_owned(),
        "misspelt-key" => {
            let secret = key(server, ALL_SCOPES).1;
            let (begin, last) = secret.split_at(secret.len() - 1);
            format!("{begin}{}", if last == "A" { "B" } else { "A" })
        }
        "foreign-prefix" => key(server, ALL_SCOPES).1.replacen("gp_", "gh_", 1),
        // As OAuth's clients send it (RFC 6749, 2.3.1).
        "oauth-client" => {
            let (name, secret) = key(server, ALL_SCOPES);
            let basic = format!("{}:{secret}", name.as_str());
            return Some(format!("Basic {}", STANDARD.encode(basic)));
        }
        scope => key(server, scope).1,
    };
    Some(format!("Bearer {credential}"))
}

fn log_in(server: &TestServer, login: &str) -> gatepost::sessions::LoggedIn {
    let (login, password) = (Login::parse(login).unwrap(), Password::parse(PASSWORD).unwrap());
    gatepost::sessions::log_in(server.app(), &login, &password).unwrap()
}

fn call(server: &TestServer, who: &str, what: &str) -> Response {
    let (what, admin) = match what.strip_suffix("-admin") {
        Some(what) => (what, true),
        None => (what, false),
    };
    let (id, login) = user(server, admin);
    let target = format!("/user?id={id}");
    let request = match what {
        "list" => server.request(Method::GET, "/users"),
        "show" => server.request(Method::GET, &target),
        "patch" => server
            .request(Method::PATCH, "/user")
            .json(&json!({"id": id, "password": "another password"})),
        "lock" => server.request(Method::PATCH, "/user").json(&json!({"id": id, "locked": true})),
        "delete" => server.request(Method::DELETE, &target),
        "roles" => server.request(Method::PATCH, "/user").json(&json!({"id": id, "roles": ["a"]})),
        "export" => server.request(Method::GET, &format!("/user/export?id={id}")),
        "pull" => server.request(Method::GET, "/outbox"),
        "unpull" => server.request(Method::DELETE, "/outbox").json(&json!({"ids": [1]})),
        "invite" | "invite-role" => {
            // Somebody must be there who sends it.
            key(server, "outbox");
            let login = unique("invited");
            let mut body = json!({"login": login, "email": format!("{login}@example.com")});
            if what == "invite-role" {
                body["roles"] = json!(["staff"]);
            }
            server.request(Method::POST, "/invitation").json(&body)
        }
        "email" => {
            let email = format!("{login}@example.com");
            server.request(Method::PATCH, "/user").json(&json!({"id": id, "email": email}))
        }
        "keys" => server.request(Method::GET, "/api-keys"),
        "make-key" => server
            .request(Method::POST, "/api-keys")
            .json(&json!({"name": unique("made"), "scopes": ["users:read"]})),
        "end-key" => {
            let (name, _) = key(server, "users:read");
            server.request(Method::DELETE, &format!("/api-key?name={}", name.as_str()))
        }
        "signing" => server.request(Method::GET, "/signing-keys"),
        "rotate" => server.request(Method::POST, "/signing-keys"),
        "register" => server
            .request(Method::POST, "/user")
            .json(&json!({"login": unique("new"), "password": PASSWORD})),
        "sessions" => server.request(Method::GET, &format!("/sessions?user_id={id}")),
        "end" => {
            let session = log_in(server, &login).session_id.get();
            server.request(Method::DELETE, &format!("/session?id={session}"))
        }
        "introspect" | "revoke" => {
            let token = log_in(server, &login).access_token;
            form(server.request(Method::POST, &format!("/{what}")), &[("token", &token)])
        }
        "revocations" => server.request(Method::GET, "/revocations"),
        "factors" => server.request(Method::GET, &format!("/factors?user_id={id}")),
        "unfactor" => {
            let sql = "INSERT INTO gatepost.factors (user_id, kind, name, secret)
                       VALUES ($1, 'totp', 'x', '') RETURNING id";
            let factor: i64 = server.sql().query_one(sql, &[&id]).unwrap().get(0);
            server.request(Method::DELETE, &format!("/factor?id={factor}"))
        }
        "add-factor" => server.request(Method::POST, "/factor/totp").json(&json!({"name": "x"})),
        "add-passkey" => {
            server.request(Method::POST, "/factor/passkey/options").json(&json!({"name": "x"}))
        }
        "new-codes" => server.request(Method::POST, "/recovery-codes"),
        "step-up" => server.request(Method::POST, "/step-up").json(&json!({"password": PASSWORD})),
        other => panic!("no call {other}"),
    };
    match authorization(server, who, &login) {
        Some(value) => request.header("authorization", value).send().unwrap(),
        None => request.send().unwrap(),
    }
}

fn check_denial(response: Response, who: &str, what: &str) {
    let challenge = response.headers().get("www-authenticate").cloned();
    let challenge = challenge.map_or(String::new(), |value| value.to_str().unwrap().to_owned());
    match response.status().as_u16() {
        401 => {
            let detail = problem(response, 401, "unauthenticated");
            assert!(!detail.contains("gp_"), "{detail}");
            assert_eq!(challenge.contains("invalid_token"), who != "nobody", "{challenge}");
            assert!(challenge.starts_with("Bearer"), "{challenge}");
        }
        403 => {
            let lacks = challenge.contains("error=\"insufficient_scope\"");
            let detail = problem(response, 403, "forbidden");
            assert_eq!(lacks, detail.contains("lacks the scope"), "{who} {what}: {detail}");
            // With every scope there is none to be named.
            let key = !matches!(who, "stranger" | "self" | "all-scopes");
            let spared = who == "users:write"
                && matches!(
                    what,
                    "patch-admin"
                        | "delete-admin"
                        | "end-admin"
                        | "lock-admin"
                        | "roles-admin"
                        | "email-admin"
                );
            // No scope gives the right to make rights.
            let of_admins = matches!(what, "keys" | "make-key" | "end-key" | "signing" | "rotate");
            // Nor does any to the factors of people.
            let of_users =
                what.contains("factor") || matches!(what, "add-passkey" | "new-codes" | "step-up");
            assert_eq!(lacks, key && !spared && !of_admins && !of_users, "{who} {what}");
        }
        _ => (),
    }
}

#[test]
fn who_may_do_what_in_which_mode() {
    let protected = TestServer::with(|c| c.access.registration = Registration::Admin);
    let anyone = TestServer::start();
    let open = TestServer::with(|c| c.access.mode = AccessMode::Open);
    let mut cells = 0;
    for table in TABLE {
        let mut rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let calls = rows.find(|row| !row.is_empty()).unwrap();
        for row in rows.filter(|row| !row.is_empty()) {
            assert_eq!(row.len(), calls.len(), "{row:?}");
            let who = row[0];
            for (what, cell) in calls.iter().zip(&row).skip(1).filter(|(_, cell)| **cell != "-") {
                let makes = matches!(*what, "register" | "make-key" | "invite" | "invite-role");
                let done = if makes { 201 } else { 200 };
                let expected = cell.parse().unwrap();
                // The token says whose factor or session it is about.
                let asks = matches!(*what, "add-factor" | "add-passkey" | "new-codes" | "step-up");
                let done = if asks { expected } else { done };
                let to_anyone = if *what == "register" { 201 } else { expected };
                for (mode, server, expected) in [
                    ("registration for admins", &protected, expected),
                    ("registration for anyone", &anyone, to_anyone),
                    ("open", &open, done),
                ] {
                    let response = call(server, who, what);
                    assert_eq!(response.status(), expected, "{who} {what}, {mode}");
                    check_denial(response, who, what);
                    cells += 1;
                }
            }
        }
    }
    assert_eq!(cells, 3 * (15 * 40 - 11));
}
