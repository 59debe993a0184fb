//! `tokens.claims`: what tokens of users say beside the standard claims, and the recipes of
//! `docs/claims.md`.

use crate::keys::payload;
use crate::support::program::{Home, run, success};
use crate::support::{CLUSTER, TestServer, form, problem};
use crate::transfer::import;
use gatepost::config::ClaimTemplates;
use postgres::NoTls;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn with(claims: &Value) -> TestServer {
    TestServer::with(|config| {
        config.tokens.claims = ClaimTemplates::parse(&claims.to_string()).unwrap();
    })
}

/// A service with an admin's token and a user, who is number 2.
fn site(claims: &Value) -> (TestServer, String) {
    let server = with(claims);
    server.register_admin("root");
    server.register("Alice");
    let admin = server.token("root");
    (server, admin)
}

fn set(server: &TestServer, admin: &str, what: &Value) {
    let mut body = json!({"id": 2});
    body.as_object_mut().unwrap().extend(what.as_object().unwrap().clone());
    assert_eq!(server.patch(&body, admin).status(), 200);
}

#[test]
fn tokens_carry_the_claims_of_the_moment_they_were_issued() {
    let templates = json!({
        "roles": "$roles", "groups": "$groups", "tier": "free",
        "app": {"plan": "$attributes.public.plan", "id": "$user_id", "name": "$login"},
    });
    let (server, admin) = site(&templates);
    let tokens = server.tokens("alice");
    let claims = payload(&tokens.access);
    assert_eq!((&claims["roles"], &claims["groups"]), (&json!([]), &json!([])));
    assert_eq!(claims["app"], json!({"id": "2", "name": "Alice"}));
    assert_eq!((&claims["tier"], &claims["sub"]), (&json!("free"), &json!("2")));

    set(
        &server,
        &admin,
        &json!({"roles": ["editor"], "groups": ["staff"], "attributes": {"public": {"plan": "pro"}}}),
    );
    problem(server.get("/user?id=2", &tokens.access), 401, "unauthenticated");
    let refresh = json!({"refresh_token": tokens.refresh});
    let next: Value = server.post("/token", &refresh).json().unwrap();
    for token in [next["access_token"].as_str().unwrap(), &server.token("alice")] {
        let claims = payload(token);
        assert_eq!((&claims["roles"], &claims["groups"]), (&json!(["editor"]), &json!(["staff"])));
        assert_eq!(claims["app"]["plan"], "pro");
        assert_eq!(server.get("/user?id=2", token).status(), 200);
    }
    let told =
        form(server.request(Method::POST, "/introspect"), &[("token", &server.token("alice"))]);
    let told: Value = told.bearer_auth(&admin).send().unwrap().json().unwrap();
    assert_eq!((&told["active"], &told["roles"]), (&json!(true), &json!(["editor"])));
    assert_eq!(told["app"]["plan"], "pro");
}

/// The entries of the list of revocations.
fn revoked(server: &TestServer) -> Vec<Value> {
    let list = server.request(Method::GET, "/revocations").send().unwrap().text().unwrap();
    payload(&list)["revoked"].as_array().unwrap().clone()
}

#[test]
fn a_change_of_the_claims_ends_the_tokens_from_before_and_no_other_change_does() {
    let (server, admin) = site(&json!({"roles": "$roles", "plan": "$attributes.public.plan"}));
    let token = server.token("alice");
    for what in [
        json!({"groups": ["staff"]}),
        json!({"attributes": {"private": {"plan": "x"}, "public": {"other": 1}}}),
        json!({"roles": []}),
    ] {
        set(&server, &admin, &what);
        assert_eq!(server.get("/user?id=2", &token).status(), 200, "{what}");
    }
    assert_eq!(revoked(&server), Vec::<Value>::new());
    set(&server, &admin, &json!({"roles": ["editor"]}));
    problem(server.get("/user?id=2", &token), 401, "unauthenticated");
    // The list is made once a second at most.
    let mut entries = revoked(&server);
    let begin = Instant::now();
    while entries.is_empty() && begin.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(50));
        entries = revoked(&server);
    }
    assert_eq!((entries.len(), &entries[0]["token_version"]), (1, &json!(2)));
    assert_eq!(entries[0]["sid"], payload(&token)["sid"]);
    assert_eq!(payload(&server.token("alice"))["token_version"], 2);

    let (plain, admin) = site(&json!({}));
    let token = plain.token("alice");
    set(&plain, &admin, &json!({"roles": ["editor"]}));
    assert_eq!(plain.get("/user?id=2", &token).status(), 200, "no token says anything of roles");
}

#[test]
fn claims_that_would_be_too_large_are_refused_where_they_are_made() {
    let (server, admin) = site(&json!({"a": "$roles", "b": "$groups"}));
    let names: Vec<String> = (0..64).map(|n| format!("{n:064}")).collect();
    let half: Vec<&String> = names.iter().take(32).collect();
    set(&server, &admin, &json!({"roles": half}));
    let body = json!({"id": 2, "groups": names});
    let detail = problem(server.patch(&body, &admin), 400, "invalid_request");
    assert!(detail.contains("over 4096 bytes"), "{detail}");
    let new = json!({"login": "bob", "password": "staple and battery", "roles": names});
    let refused = server.request(Method::POST, "/user").bearer_auth(&admin).json(&new);
    problem(refused.send().unwrap(), 400, "invalid_request");
    assert_eq!(server.get("/user?login=bob", &admin).status(), 404);
    server.token("alice");
    // An import cannot know under which setting its users will log in.
    let line = json!({
        "login": "carol", "password_hash": "$2b$04$kLHVlmjw5QSN3KzeuPzR8evy4GpDLVNIUzxBi.Mb1afWVTgSgJppG",
        "roles": names,
    });
    import(&server, &line.to_string());
    problem(server.log_in("carol", crate::support::PASSWORD), 500, "internal");
}

#[test]
fn the_setting_is_a_table_or_json_and_its_faults_are_named() {
    let home = Home::new();
    let check = |text: &str, variable: Option<&str>| {
        let file = home.path().join("gatepost.toml");
        std::fs::write(&file, text).unwrap();
        let mut command = home.command(&["check-config", "--config", file.to_str().unwrap()]);
        if let Some(value) = variable {
            command.env("GATEPOST_TOKENS_CLAIMS", value);
        }
        let output = run(&mut command, "");
        String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr)
    };
    let table = "[tokens.claims]\nroles = \"$roles\"\nn = [1, 2.5, true, {a = \"$login\"}]\n";
    let expected = r#"tokens.claims = {"n":[1,2.5,true,{"a":"$login"}],"roles":"$roles"}"#;
    assert!(check(table, None).contains(expected), "{}", check(table, None));
    let json = r#"{"n":[1,2.5,true,{"a":"$login"}],"roles":"$roles"}"#;
    assert!(check("", Some(json)).contains(expected));
    assert!(check(&format!("[tokens]\nclaims = '{json}'\n"), None).contains(expected));
    for (text, said) in [
        ("[tokens.claims]\nsub = \"x\"\n", "tokens.claims: \"sub\" is a registered claim"),
        ("[tokens.claims]\nroles = \"$role\"\n", "tokens.claims: \"roles\": $role is not one of"),
        ("[tokens.claims]\nat = 2026-01-01\n", "a value of type table does not fit here"),
        ("[tokens]\nclaims = \"roles\"\n", "must be an object in JSON"),
        ("[tokens.issuer]\na = 1\n", "tokens.issuer: a value of type table does not fit here"),
    ] {
        let answer = check(text, None);
        assert!(answer.contains(said), "{text}: {answer}");
    }
}

/// The blocks of a language in a page, after the word that their first line names.
fn block(language: &str, name: &str) -> String {
    let page = include_str!("../../docs/claims.md");
    let begin = format!("```{language}\n");
    let mut blocks = page.split(&begin).skip(1).map(|rest| rest.split("```").next().unwrap());
    let is_named = |block: &&str| block.lines().next().unwrap().ends_with(&format!(" {name}"));
    blocks.find(is_named).unwrap_or_else(|| panic!("no {language} of {name}")).to_owned()
}

/// A service with the setting of a recipe, and the claims of alice, who is an editor with a plan.
fn recipe(name: &str) -> Value {
    let home = Home::new();
    let file = home.path().join("recipe.toml");
    std::fs::write(&file, block("toml", name)).unwrap();
    let shown = run(&mut home.command(&["check-config", "--config", file.to_str().unwrap()]), "");
    let shown = success(&shown);
    let line = shown.lines().find_map(|line| line.strip_prefix("tokens.claims = ")).unwrap();
    // Where it came from stands behind it.
    let claims = ClaimTemplates::parse(&line[..=line.rfind('}').unwrap()]).unwrap();
    let server = TestServer::with(|config| config.tokens.claims = claims);
    server.register_admin("root");
    server.register("Alice");
    let admin = server.token("root");
    set(&server, &admin, &json!({"roles": ["editor"], "attributes": {"public": {"plan": "pro"}}}));
    payload(&server.token("alice"))
}

/// A database of the product's own, with the statements of a recipe and some rows.
fn product(name: &str, rows: &str) -> String {
    let database = name.to_lowercase();
    let mut admin = CLUSTER.admin("postgres").connect(NoTls).unwrap();
    admin.batch_execute(&format!("CREATE DATABASE {database}")).unwrap();
    let mut client = CLUSTER.admin(&database).connect(NoTls).unwrap();
    client.batch_execute(&block("sql", name)).unwrap();
    client.batch_execute(rows).unwrap();
    database
}

/// What the bearer of these claims reads, as PostgREST asks: in a transaction as the role of the
/// token, with its claims in `request.jwt.claims`.
fn read_as(database: &str, claims: &Value, sql: &str) -> Vec<String> {
    let mut client = CLUSTER.admin(database).connect(NoTls).unwrap();
    let mut tx = client.transaction().unwrap();
    let role = claims["role"].as_str().unwrap();
    tx.batch_execute(&format!("SET LOCAL ROLE \"{role}\"")).unwrap();
    tx.execute("SELECT set_config('request.jwt.claims', $1, true)", &[&claims.to_string()])
        .unwrap();
    tx.query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
}

#[test]
fn the_recipe_for_postgrest_shows_notes_to_their_owner_and_to_editors() {
    let claims = recipe("PostgREST");
    let database =
        product("PostgREST", "INSERT INTO notes VALUES ('2', 'of alice'), ('3', 'of bob')");
    let sql = "SELECT body FROM notes ORDER BY owner";
    let read = |claims: &Value| read_as(&database, claims, sql);
    assert_eq!(read(&claims), ["of alice", "of bob"], "an editor");
    let mut plain = claims;
    plain["roles"] = json!([]);
    assert_eq!(read(&plain), ["of alice"]);
}

#[test]
fn the_recipe_for_hasura_has_the_claims_that_it_asks_for() {
    let claims = recipe("Hasura");
    let claims = claims["https://hasura.io/jwt/claims"].as_object().unwrap();
    let allowed = claims["x-hasura-allowed-roles"].as_array().unwrap();
    assert_eq!(allowed, json!(["user", "editor"]).as_array().unwrap());
    assert!(allowed.contains(&claims["x-hasura-default-role"]));
    assert_eq!(
        (&claims["x-hasura-user-id"], &claims["x-hasura-plan"]),
        (&json!("2"), &json!("pro"))
    );
    for (name, value) in claims {
        assert!(name.starts_with("x-hasura-"), "{name}");
        assert!(value.is_string() || name == "x-hasura-allowed-roles", "{name}");
    }
}

#[test]
fn the_recipe_for_policies_as_in_supabase_shows_the_reports_of_the_plan() {
    let claims = recipe("Supabase");
    let database =
        product("Supabase", "INSERT INTO reports VALUES ('free', 'small'), ('pro', 'large')");
    let read = |claims: &Value| read_as(&database, claims, "SELECT body FROM reports");
    assert_eq!(read(&claims), ["large"]);
    let mut free = claims;
    free["app_metadata"] = json!({"provider": "gatepost"});
    assert_eq!(read(&free), Vec::<String>::new());
}
