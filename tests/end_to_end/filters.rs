//! Filters of the list of users: who is listed, in which order, and at what cost.

use crate::support::{TestServer, problem};
use gatepost::Caller;
use gatepost::domain::{LoginPrefix, Name, Page, Timestamp};
use gatepost::internals::benchmark::plan_of_users;
use gatepost::users::{self, Filter};
use serde_json::{Value, json};

/// Users as a service gathers them. Every hundredth has the role `rare`, the last thousand are in
/// the group `new`, all have the role `all`, the first half are locked.
fn fill(server: &TestServer, count: i32) {
    server
        .sql()
        .batch_execute(&format!(
            "INSERT INTO gatepost.users (login, login_canonical, password_hash, created_at, locked,
                                         roles, groups)
             SELECT 'User' || n, 'user' || n, 'none',
                    '2026-01-01 00:00:00.5Z'::timestamptz + n / 3 * interval '1 minute',
                    n <= {count} / 2,
                    CASE WHEN n % 100 = 0 THEN '{{all,rare}}' ELSE '{{all}}' END::text[],
                    CASE WHEN n > {count} - 1000 THEN '{{new}}' ELSE '{{}}' END::text[]
             FROM generate_series(1, {count}) n;
             INSERT INTO gatepost.memberships (user_id, kind, name)
             SELECT id, 'role', unnest(roles) FROM gatepost.users
             UNION ALL SELECT id, 'group', unnest(groups) FROM gatepost.users;
             ANALYZE gatepost.users, gatepost.memberships"
        ))
        .unwrap();
}

fn logins(body: &Value) -> Vec<&str> {
    let users = body["users"].as_array().unwrap();
    users.iter().map(|user| user["login"].as_str().unwrap()).collect()
}

/// All logins of a list, page by page, as its links lead.
fn follow(server: &TestServer, first: &str, token: &str) -> Vec<String> {
    let mut target = first.to_owned();
    let mut all = Vec::new();
    loop {
        let answer = server.get(&target, token);
        assert_eq!(answer.status(), 200, "{target}");
        let link = answer.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
        let body: Value = answer.json().unwrap();
        all.extend(logins(&body).into_iter().map(str::to_owned));
        let Some(link) = link else { return all };
        target = format!("/users{}", link.trim_start_matches('<').split('>').next().unwrap());
        assert!(all.len() < 10_000, "{target} leads nowhere");
    }
}

#[test]
fn each_filter_lists_those_who_pass_and_its_links_lead_through_all() {
    let server = TestServer::start();
    server.register_admin("root");
    let token = server.token("root");
    fill(&server, 1_500);
    let user = |numbers: &mut dyn Iterator<Item = i32>| -> Vec<String> {
        numbers.map(|n| format!("User{n}")).collect()
    };
    let all = |target: &str| follow(&server, target, &token);
    assert_eq!(all("/users?role=rare&page_size=4"), user(&mut (1..=15).map(|n| n * 100)));
    assert_eq!(all("/users?group=new&page_size=100"), user(&mut (501..=1_500)));
    assert_eq!(all("/users?role=rare&group=new"), user(&mut (6..=15).map(|n| n * 100)));
    assert_eq!(all("/users?role=nobody"), Vec::<String>::new());
    assert_eq!(all("/users?locked=true&page_size=100"), user(&mut (1..=750)));
    assert_eq!(all("/users?locked=false&page_size=100").len(), 751);
    // By login: byte by byte, as the canonical form is.
    let mut by_login = user(&mut (1..=1_500).filter(|n| n.to_string().starts_with("12")));
    by_login.sort_by_key(|login| login.to_lowercase());
    assert_eq!(all("/users?login_prefix=%EF%BC%B5SER12&page_size=7"), by_login);
    assert_eq!(all("/users?login_prefix=root"), ["root"]);
    assert_eq!(all("/users?login_prefix=roo%20"), Vec::<String>::new());
    // Three users have each moment, so that pages end between them.
    let minute = |n: i32| format!("2026-01-01T00:{n:02}:00Z");
    let range = format!("created_after={}&created_before={}", minute(5), minute(7));
    assert_eq!(all(&format!("/users?{range}&page_size=2")), user(&mut (15..=20)));
    assert_eq!(all(&format!("/users?{range}&role=rare")), Vec::<String>::new());
    let offset = "created_before=2026-01-01T05%3A32%3A00%2B05%3A30";
    assert_eq!(all(&format!("/users?{offset}&page_size=4")), user(&mut (1..=5)));
    let second: Value =
        server.get(&format!("/users?{range}&page_size=2&page_num=2"), &token).json().unwrap();
    assert_eq!(logins(&second), ["User17", "User18"]);
}

#[test]
fn a_list_by_login_goes_on_behind_any_login() {
    let server = TestServer::start();
    server.register_admin("root");
    let token = server.token("root");
    let mut expected = Vec::new();
    for login in ["a&b=c", "a%41", "a+b c", "a/ä?#", "aé漢", "a\"<>\\"] {
        server.register(login);
        expected.push(login.to_owned());
    }
    expected.sort();
    assert_eq!(follow(&server, "/users?login_prefix=A&page_size=1", &token), expected);
}

#[test]
fn what_is_no_filter_is_refused_with_those_that_are() {
    let server = TestServer::start();
    server.register_admin("root");
    server.register("alice");
    let token = server.token("root");
    let said = |query: &str| {
        problem(server.get(&format!("/users?{query}"), &token), 400, "invalid_request")
    };
    for query in ["mail=a", "role=a&mail=b", "Role=a"] {
        let text = said(query);
        assert!(
            text.ends_with(
                "is not known here; filters are login_prefix, email, role, group, \
                 locked, created_after, created_before"
            ),
            "{text}"
        );
    }
    for (query, begin) in [
        ("role=Editor", "role: \"Editor\" must be a lower-case"),
        ("group=", "group: \"\" must be"),
        ("locked=yes", "locked: must be true or false"),
        ("login_prefix=", "login_prefix: must not be empty"),
        ("login_prefix=%20a", "login_prefix: must not begin or end with a space"),
        ("created_after=yesterday", "created_after: must be a time as in RFC 3339"),
        ("created_before=2026-02-30T00:00:00Z", "created_before: must be a time"),
        ("role=a&role=b", "role: is given twice"),
        ("role=a&after=x", "after: must be as in the Link"),
        ("role=a&page_size=101", "page_size: must be from 1 to 100"),
        ("created_after=2026-01-01T00:00:00Z&after=5", "after: must be as in the Link"),
    ] {
        let text = said(query);
        assert!(text.starts_with(begin), "{query}: {text}");
    }
    for query in ["role=a", "locked=true", "login_prefix=a"] {
        let target = format!("/users?{query}");
        problem(server.get(&target, "none"), 401, "unauthenticated");
        problem(server.get(&target, &server.token("alice")), 403, "forbidden");
    }
}

/// Blocks that a plan read, in the cache or from disk.
fn blocks(plan: &str) -> u64 {
    let line = plan.lines().find(|line| line.contains("Buffers:")).unwrap();
    let count = |word: &str| {
        let rest = line.split(word).nth(1).unwrap_or("0");
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<u64>().unwrap_or(0)
    };
    count("hit=") + count("read=")
}

#[test]
fn one_filter_costs_a_page_wherever_the_page_is() {
    let server = TestServer::start();
    fill(&server, 30_000);
    let filter = |set: &dyn Fn(&mut Filter)| {
        let mut filter = Filter::default();
        set(&mut filter);
        filter
    };
    let time = |text: &str| Some(Timestamp::parse(text).unwrap());
    let name = |name: &str| Some(Name::parse("role", name).unwrap());
    let prefix = |text: &str| Some(LoginPrefix::parse(text).unwrap());
    let filters = [
        filter(&|it| it.role = name("all")),
        filter(&|it| it.role = name("rare")),
        filter(&|it| it.group = name("new")),
        filter(&|it| it.locked = Some(true)),
        filter(&|it| it.locked = Some(false)),
        filter(&|it| it.created_after = time("2026-01-01T00:00:00Z")),
        filter(&|it| it.created_after = time("2026-01-07T20:00:00Z")),
        filter(&|it| it.created_before = time("2026-01-07T20:00:00Z")),
        filter(&|it| it.login_prefix = prefix("u")),
        filter(&|it| it.login_prefix = prefix("user29")),
    ];
    let page = Page::parse(1, 20, None).unwrap();
    for filter in filters {
        let mut after = None;
        // The first page, and one far behind it.
        for turn in ["first", "later"] {
            let plan = plan_of_users(server.app(), &filter, page, after.as_ref()).unwrap();
            assert!(!plan.contains("Sort") && !plan.contains("Seq Scan"), "{filter:?}\n{plan}");
            // 21 users, each at most some blocks of an index and one of the table.
            assert!(blocks(&plan) < 150, "{turn} of {filter:?}\n{plan}");
            for _ in 0..8 {
                let large = Page::parse(1, 100, None).unwrap();
                let found =
                    users::search(server.app(), &Caller::Trusted, &filter, large, after.as_ref());
                if let Some(last) = found.unwrap().0.last() {
                    after = Some(filter.position_after(last).unwrap());
                }
            }
        }
    }
}

#[test]
fn the_command_line_lists_with_the_same_filters() {
    use crate::support::program::{Home, failure, run, success};
    use crate::transfer::program;
    let (home, server) = (Home::new(), TestServer::start());
    server.register_admin("root");
    fill(&server, 250);
    let user = |arguments: &[&str], input: &str| {
        let arguments: Vec<&str> = ["user"].iter().chain(arguments).copied().collect();
        run(&mut program(&home, &server, &arguments), input)
    };
    let lines = |arguments: &[&str]| success(&user(arguments, "")).lines().count();
    assert_eq!(lines(&["list"]), 251);
    assert_eq!(lines(&["list", "--role", "rare"]), 2);
    assert_eq!(lines(&["list", "--locked", "true"]), 125);
    assert_eq!(lines(&["list", "--login-prefix", "ROO"]), 1);
    assert_eq!(lines(&["list", "--created-before", "2026-01-01T00:05:00Z"]), 14);
    assert!(failure(&user(&["list", "--role", "Rare"], ""), 1).contains("role: \"Rare\" must be"));
    assert!(failure(&user(&["list", "--created-after", "x"], ""), 2).contains("RFC 3339"));

    let text = success(&user(
        &["create", "bob", "--role", "b", "--role", "a", "--group", "g"],
        "staple and battery\n",
    ));
    assert!(text.trim_end().ends_with("\troles a b\tgroups g"), "{text}");
    let text = success(&user(&["set-roles", "bob", "reader"], ""));
    assert!(text.trim_end().ends_with("\troles reader\tgroups g"), "{text}");
    let text = success(&user(&["set-groups", "bob"], ""));
    assert!(text.trim_end().ends_with("\troles reader"), "{text}");
    let patch = r#"{"public": {"plan": "pro"}, "private": {"score": 7}}"#;
    let text = success(&user(&["set-attributes", "bob", "--json"], patch));
    let shown: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(shown["attributes"], serde_json::from_str::<Value>(patch).unwrap());
    let text = success(&user(&["set-attributes", "bob", "--json"], "{\"private\": null}"));
    assert_eq!(
        serde_json::from_str::<Value>(&text).unwrap()["attributes"],
        json!({"public": {"plan": "pro"}})
    );
    let text = failure(&user(&["set-attributes", "bob"], "{\"s3cret\": "), 1);
    assert!(text.contains("not JSON (line 1, column 11)") && !text.contains("s3cret"), "{text}");
}
