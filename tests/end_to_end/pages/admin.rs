//! Administration: what admins see and do, and nobody else.

use super::OWN;
use super::account::{Visitor, hidden, server, server_with};
use crate::support::{PASSWORD, TestServer};

/// The pages, and the acts with the fields that each needs.
const PAGES: [&str; 9] = [
    "/admin",
    "/admin/new",
    "/admin/user?id=1",
    // Of whoever asks.
    "/admin/user?id=2",
    "/admin/api-keys",
    "/admin/signing-keys",
    "/admin/audit",
    "/admin/outbox",
    "/admin/health",
];
const ACTS: [(&str, &[(&str, &str)]); 13] = [
    ("new", &[("login", "eve"), ("password", PASSWORD)]),
    ("user/lock", &[("id", "1"), ("locked", "true")]),
    ("user/expire", &[("id", "1"), ("expires_at", "2099-01-01T00:00:00Z")]),
    ("user/names", &[("id", "1"), ("roles", "ops"), ("groups", "")]),
    ("user/admin", &[("id", "1"), ("admin", "true")]),
    ("user/recover", &[("id", "1")]),
    ("user/factors", &[("id", "1")]),
    ("user/session", &[("id", "1"), ("session", "2")]),
    ("user/delete", &[("id", "1")]),
    ("api-keys/new", &[("name", "billing"), ("scope.users:read", "on")]),
    ("api-keys/revoke", &[("id", "1")]),
    ("signing-keys/rotate", &[]),
    ("audit/verify", &[]),
];

#[test]
fn administration_is_for_admins_and_taken_from_our_own_pages() {
    let server = server();
    assert_eq!(server.register_admin("root"), 1);
    server.register("alice");
    let mut alice = Visitor::of(&server, "alice");
    for page in PAGES {
        let (status, text) = alice.get(page);
        assert_eq!(status, 403, "{page}: {text}");
        assert!(!text.contains("root"), "{page}: {text}");
        assert_eq!(server.page(page, &[]).status(), 303, "{page}");
    }
    let root = server.sign_in_page("root");
    for (act, values) in ACTS {
        let (status, text) = alice.post(&format!("/admin/{act}"), values);
        assert_eq!(status, 403, "{act}: {text}");
        let fields = [("cookie", root.as_str()), ("sec-fetch-site", "cross-site")];
        let answer = server.send_form(&format!("/admin/{act}"), &fields, values);
        assert_eq!(answer.status(), 403, "{act}");
        let answer = server.send_form(&format!("/admin/{act}"), OWN, values);
        assert_eq!(answer.status(), 303, "{act}");
    }
    let sql = "SELECT count(*) FROM gatepost.users WHERE NOT locked AND expires_at IS NULL";
    assert_eq!(server.sql().query_one(sql, &[]).unwrap().get::<_, i64>(0), 2);
}

#[test]
fn users_are_found_made_changed_and_deleted() {
    let server = server();
    server.register_admin("root");
    for number in 0..60 {
        server.register(&format!("user{number:02}"));
    }
    let mut root = Visitor::of(&server, "root");
    let (_, page) = root.get("/admin?login_prefix=user&email=&role=&group=&locked=");
    assert_eq!(page.matches("admin/user?id=").count(), 50, "{page}");
    let next = page.split("href=\"admin?").nth(1).unwrap().split('"').next().unwrap();
    let (_, page) = root.get(&format!("/admin?{}", next.replace("&#38;", "&")));
    assert_eq!(page.matches("admin/user?id=").count(), 10, "{page}");
    assert!(root.get("/admin?role=nobody").1.contains("Nobody was found."));
    let (status, page) = root.get("/admin?role=NOT%20A%20ROLE%3Cb%3E");
    assert!(status == 400 && page.contains("role=\"alert\"") && !page.contains("<b>"), "{page}");
    // A new one, with what was typed kept when it fails.
    let typed = [
        ("login", "user00"),
        ("email", "n@example.com"),
        ("password", PASSWORD),
        ("roles", "ops, dev"),
        ("groups", "staff"),
    ];
    let (status, page) = root.post("/admin/new", &typed);
    assert!(
        status == 400 && page.contains("value=\"ops, dev\"") && !page.contains(PASSWORD),
        "{page}"
    );
    let mut typed = typed;
    typed[0].1 = "nora";
    let (status, place) = root.post("/admin/new", &typed);
    assert_eq!(status, 303, "{place}");
    let id = place.rsplit('=').next().unwrap().to_owned();
    let target = format!("/admin/user?id={id}");
    let (_, page) = root.get(&target);
    assert!(page.contains("value=\"dev ops\"") && page.contains("value=\"staff\""), "{page}");
    let mut act = |act: &str, more: &[(&str, &str)]| {
        let values = [&[("id", id.as_str())], more].concat();
        let (status, place) = root.post(&format!("/admin/user/{act}"), &values);
        assert_eq!((status, place), (303, format!("../../admin/user?id={id}")), "{act}");
        root.get(&target).1
    };
    let nora = server.tokens("nora");
    let page = act("names", &[("roles", ""), ("groups", "a b")]);
    assert!(page.contains("value=\"a b\"") && !page.contains("dev ops"), "{page}");
    let page = act("session", &[("session", &nora_session(&server))]);
    assert!(page.contains("<h2>Sessions</h2>\n<p>There are none.</p>"), "{page}");
    assert_eq!(server.get(&format!("/user?id={id}"), &nora.access).status(), 401);
    let page = act("expire", &[("expires_at", "2099-01-01T00:00:00Z")]);
    assert!(page.contains("value=\"2099-01-01T00:00:00Z\""), "{page}");
    let page = act("expire", &[("expires_at", "")]);
    assert!(!page.contains("2099"), "{page}");
    assert!(act("lock", &[("locked", "true")]).contains("<strong>locked</strong>"));
    assert_eq!(server.log_in("nora", PASSWORD).status(), 403);
    assert!(!act("lock", &[("locked", "false")]).contains("<strong>locked</strong>"));
    assert!(act("admin", &[("admin", "true")]).contains("<strong>admin</strong>"));
    assert!(!act("admin", &[("admin", "false")]).contains("<strong>admin</strong>"));
    act("factors", &[]);
    let (status, page) =
        root.post("/admin/user/expire", &[("id", &id), ("expires_at", "tomorrow")]);
    assert!(status == 400 && page.contains("value=\"tomorrow\""), "{page}");
    let (status, page) = root.post("/admin/user/recover", &[("id", &id)]);
    assert!(status == 200 && page.contains("Hand this to the user"), "{page}");
    assert_eq!(root.post("/admin/user/delete", &[("id", &id)]), (303, "../../admin".to_owned()));
    assert_eq!(root.get(&target).0, 404);
    // The last admin stays.
    for (act, more) in
        [("admin", ("admin", "false")), ("lock", ("locked", "true")), ("delete", ("a", "b"))]
    {
        let (status, page) = root.post(&format!("/admin/user/{act}"), &[("id", "1"), more]);
        assert!(status == 403 && page.contains("last"), "{act}: {page}");
    }
}

#[test]
fn whoever_has_no_password_is_invited_where_a_message_can_leave() {
    let server = server();
    server.register_admin("root");
    let mut root = Visitor::of(&server, "root");
    let typed = [("login", "nora"), ("email", "nora@example.com"), ("password", "")];
    let (status, page) = root.post("/admin/new", &typed);
    assert!(status == 400 && page.contains("no message can leave"), "{page}");
    root.post("/admin/api-keys/new", &[("name", "sender"), ("scope.outbox", "on")]);
    let (status, page) = root.post("/admin/new", &typed);
    assert!(status == 201 && page.contains("An invitation is on its way"), "{page}");
    assert!(root.get("/admin/outbox").1.contains("<strong>mail.invitation</strong>"));
    let (status, page) = root.post("/admin/new", &[("login", "x"), ("email", "")]);
    assert!(status == 400 && page.contains("must not be empty"), "{page}");
}

fn nora_session(server: &TestServer) -> String {
    let sql = "SELECT max(id)::text FROM gatepost.sessions";
    server.sql().query_one(sql, &[]).unwrap().get(0)
}

#[test]
fn what_needs_a_fresh_sign_in_asks_for_it() {
    let server = server();
    server.register_admin("root");
    let id = server.register("alice").to_string();
    let mut root = Visitor::of(&server, "root");
    root.ages();
    for (act, values) in [
        ("user/recover", vec![("id", id.as_str())]),
        ("user/admin", vec![("id", &id), ("admin", "true")]),
        ("api-keys/new", vec![("name", "billing"), ("scope.register", "on")]),
    ] {
        let (status, page) = root.post(&format!("/admin/{act}"), &values);
        assert!(status == 401 && page.contains("Confirm that it is you"), "{act}: {page}");
        for (name, value) in &values {
            assert_eq!(hidden(&page, name), *value, "{act}");
        }
    }
    let values = [("name", "billing"), ("scope.register", "on"), ("confirm_password", PASSWORD)];
    let (status, page) = root.post("/admin/api-keys/new", &values);
    assert!(status == 201 && page.contains("gp_"), "{page}");
}

#[test]
fn keys_are_made_shown_once_and_revoked() {
    let server = server();
    server.register_admin("root");
    let mut root = Visitor::of(&server, "root");
    let typed = [("name", "1"), ("scope.invite", "on")];
    let (status, page) = root.post("/admin/api-keys/new", &typed);
    let is_chosen = page.contains("name=\"scope.invite\" value=\"on\" checked");
    assert!(status == 400 && page.contains("value=\"1\"") && is_chosen, "{page}");
    let values = [("name", "billing"), ("scope.users:read", "on"), ("scope.invite", "on")];
    let (_, page) = root.post("/admin/api-keys/new", &values);
    let key = page.split("tabindex=\"0\">").nth(1).unwrap().split('<').next().unwrap().to_owned();
    assert_eq!(server.get("/users", &key).status(), 200);
    let (_, page) = root.get("/admin/api-keys");
    assert!(
        page.contains("users:read") && page.contains("invite") && !page.contains(&key),
        "{page}"
    );
    let id = hidden(&page, "id").to_owned();
    assert_eq!(root.post("/admin/api-keys/revoke", &[("id", &id)]).0, 303);
    assert_eq!(server.get("/users", &key).status(), 401);
    let (_, page) = root.get("/admin/signing-keys");
    assert!(page.contains("EdDSA, signing"), "{page}");
    assert_eq!(root.post("/admin/signing-keys/rotate", &[]).0, 303);
    assert!(root.get("/admin/signing-keys").1.contains("EdDSA, next"));
}

#[test]
fn the_log_is_filtered_and_verified_and_health_is_drawn() {
    let server = server_with(|config| config.mail.webhook = None);
    server.register_admin("root");
    let id = server.register("alice");
    server.log_in("alice", "wrong password");
    server.tokens("alice");
    let mut root = Visitor::of(&server, "root");
    let (_, page) = root.get("/admin/audit");
    assert!(page.matches("<li><strong>").count() >= 5, "{page}");
    let (_, page) = root.get(&format!("/admin/audit?user={id}&action=log_in&outcome=&address="));
    assert_eq!(page.matches("<li><strong>log_in</strong>").count(), 2, "{page}");
    let (_, page) = root.get(&format!("/admin/audit?user={id}&outcome=invalid_credentials"));
    assert_eq!(page.matches("<li><strong>").count(), 1, "{page}");
    assert!(root.get("/admin/audit?action=nothing").1.contains("There is nothing."));
    let (status, page) = root.get("/admin/audit?user=x&action=log_in");
    assert!(status == 400 && page.contains("value=\"x\"") && page.contains("value=\"log_in\""));
    let (status, page) = root.post("/admin/audit/verify", &[]);
    assert!(status == 200 && page.contains("Nothing is wrong."), "{page}");
    server.sql().execute("UPDATE gatepost.audit SET detail = 'planted' WHERE id = 1", &[]).unwrap();
    let (_, page) = root.post("/admin/audit/verify", &[]);
    assert!(page.contains("This is wrong:"), "{page}");
    let (_, page) = root.get("/admin/health");
    assert!(page.contains("The service is ready.") && page.matches("<svg").count() == 4, "{page}");
    let (_, page) = root.get("/admin/outbox");
    assert!(page.contains("There is nothing."), "{page}");
    let sql = "INSERT INTO gatepost.outbox (channel, user_id, kind, content) VALUES ('event', $1, 'user.changed', '{}')";
    server.sql().execute(sql, &[&id]).unwrap();
    let (_, page) = root.get("/admin/outbox");
    assert!(page.contains("<strong>event.user.changed</strong>"), "{page}");
}
