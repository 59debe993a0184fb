//! What is sent, and what is said of what was found.

/// What a browser says that wants to show a page.
pub(super) const BROWSER: [&str; 2] = ["Accept: text/html", "Sec-Fetch-Mode: navigate"];

/// What a client sends to be taken for somebody else, in the spellings that programs or proxies take for the
/// same.
pub(super) const FORGED: [&str; 12] = [
    "Remote-User: forged",
    "REMOTE-GROUPS: forged",
    "Remote-Email: forged",
    "Remote-Name: forged",
    "Remote-Token: forged",
    "Remote_User: forged",
    "remote_groups: forged",
    "Remote_Email: forged",
    "Remote_Name: forged",
    "Remote_Token: forged",
    "X-Forwarded-User: forged\r\nRemote-User: forged",
    "Remote-User:\r\n forged",
];

/// What a client sends so that the gate is asked about something else.
pub(super) const OTHERWISE: [&str; 10] = [
    "X-Forwarded-Uri: /forged",
    "X-Forwarded-Host: forged.example",
    "X-Forwarded-Proto: ftp",
    "X-Forwarded-Method: FORGED",
    "X_Forwarded_Uri: /forged",
    "X_Forwarded_Host: forged.example",
    "X-Forwarded-Uri: /forged\r\nX-Forwarded-Uri: /forged",
    "X-Forwarded-Uri:\r\n /forged",
    "X-Original-URL: https://forged.example/",
    "X-Original-Method: FORGED\r\nX-Original-URL: https://forged.example/forged",
];

pub(super) const WHY_FORGED: &str =
    "the program behind takes whoever sends such a field for the one that it names";
pub(super) const MEND_FORGED: &str = "take it away before the program: nginx `proxy_set_header Remote-User $gate_user;` and so on, \
                           and underscores_in_headers off; Caddy `request_header -Remote*` before forward_auth; Traefik \
                           customRequestHeaders `Remote_User: \"\"` and authResponseHeaders; HAProxy \
                           `http-request del-header ^remote[^a-z0-9] -m reg`; see docs/gate.md";
pub(super) const WHY_ASKED: &str = "a client chooses the rule by which it is judged";
pub(super) const MEND_ASKED: &str = "set X-Forwarded-Method, -Proto, -Host and -Uri from the request itself where the proxy asks the \
                          gate: nginx `proxy_set_header X-Forwarded-Uri $request_uri;` and so on; Traefik \
                          trustForwardHeader: false; HAProxy del-header before gate.lua; see docs/gate.md";
pub(super) const WHY_REACHED: &str = "whoever knows the way uses the program without signing in";
pub(super) const MEND_REACHED: &str = "ask the gate about every request for the program, at every name and path: nginx auth_request, \
                            Caddy forward_auth, Traefik forwardAuth, HAProxy lua.gate; and let the program listen on \
                            127.0.0.1 alone";
pub(super) const WHY_COOKIE: &str = "without the cookie nobody can come back from signing in, and without Secure it travels where \
                          anyone may read it";
pub(super) const MEND_COOKIE: &str = "pass the Set-Cookie of the gate's answer on as it is: nginx `auth_request_set $gate_cookie \
                           $upstream_http_set_cookie;` and `add_header Set-Cookie $gate_cookie;`";
