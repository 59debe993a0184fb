//! What the tests share: one cluster a process, a database and a service of its own a test.

pub(crate) mod browser;
pub(crate) mod embedded;
pub(crate) mod program;

use gatepost::domain::Login;
use gatepost::passwords::Password;
use gatepost::secret::Secret;
use gatepost::{App, Caller, Config, Profile, Service, database};
use gatepost_test_support::Cluster;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use postgres::NoTls;
use reqwest::Method;
use reqwest::blocking::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const APP_PASSWORD: &str = "app's pa$$word";
pub(crate) const OWNER_PASSWORD: &str = "owner's pa$$word";

/// The cluster of this process, with a migrated database that nobody connects to as the template.
pub(crate) static CLUSTER: LazyLock<Cluster> = LazyLock::new(|| {
    let cluster = Cluster::start();
    bootstrap(&cluster);
    let mut admin = cluster.admin("postgres").connect(NoTls).unwrap();
    admin.batch_execute("CREATE DATABASE template TEMPLATE gatepost").unwrap();
    cluster
});

/// Makes roles, database and schema in a cluster, as an operator would.
pub(crate) fn bootstrap(cluster: &Cluster) {
    let admin = Secret::new(conninfo(cluster, "postgres", "", "postgres"));
    database::create(&admin, &OWNER_PASSWORD.into(), &APP_PASSWORD.into()).unwrap();
    let mut config = Config::new(Profile::Testing);
    config.database.url = Some("host=unused".into());
    let owner = conninfo(cluster, "gatepost_owner", OWNER_PASSWORD, "gatepost");
    config.database.owner_url = Some(Secret::new(owner));
    assert!(database::migrate(&config).unwrap() > 0);
}

/// A connection string of `key=value` words.
pub(crate) fn conninfo(cluster: &Cluster, user: &str, password: &str, database: &str) -> String {
    let (dir, port) = (cluster.dir().display(), cluster.socket_port());
    let password = password.replace('\'', "\\'");
    format!("host={dir} port={port} user={user} password='{password}' dbname={database}")
}

/// The name of a new database, copied from the template.
pub(crate) fn new_database() -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let mut admin = CLUSTER.admin("postgres").connect(NoTls).unwrap();
    let version: i32 =
        admin.query_one("SELECT current_setting('server_version_num')::int", &[]).unwrap().get(0);
    let strategy = if version >= 150_000 { "STRATEGY file_copy" } else { "" };
    admin.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE template {strategy}")).unwrap();
    name
}

/// The settings of a test on a database of the shared cluster.
pub(crate) fn config(database: &str) -> Config {
    let mut config = Config::new(Profile::Testing);
    config.server.listen = "127.0.0.1:0".parse().unwrap();
    config.database.pool_size = 4;
    config.passwords.iterations = 1_000;
    let url = conninfo(&CLUSTER, "gatepost_app", APP_PASSWORD, database);
    config.database.url = Some(Secret::new(url));
    let owner = conninfo(&CLUSTER, "gatepost_owner", OWNER_PASSWORD, database);
    config.database.owner_url = Some(Secret::new(owner));
    config
}

/// A client that opens a connection for each request, as curl does.
pub(crate) fn client() -> Client {
    Client::builder().pool_max_idle_per_host(0).build().unwrap()
}

/// A service with a database of its own.
pub(crate) struct TestServer {
    pub(crate) service: Service,
    pub(crate) database: String,
    pub(crate) client: Client,
}

impl TestServer {
    pub(crate) fn start() -> Self {
        Self::with(|_| ())
    }

    /// A service whose settings are changed first.
    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        let database = new_database();
        let mut config = config(&database);
        change(&mut config);
        Self { service: Service::start(config).unwrap(), database, client: client() }
    }

    /// A service on a database that others use too.
    pub(crate) fn on(database: &str) -> Self {
        Self::on_with(database, |_| ())
    }

    /// The same with settings that are changed first.
    pub(crate) fn on_with(database: &str, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = config(database);
        change(&mut config);
        let service = Service::start(config).unwrap();
        Self { service, database: database.to_owned(), client: client() }
    }

    pub(crate) fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.service.addr())
    }

    pub(crate) fn app(&self) -> &App {
        self.service.app()
    }

    pub(crate) fn request(&self, method: Method, target: &str) -> RequestBuilder {
        self.client.request(method, self.url(target))
    }

    pub(crate) fn get(&self, target: &str, token: &str) -> Response {
        self.request(Method::GET, target).bearer_auth(token).send().unwrap()
    }

    pub(crate) fn delete(&self, target: &str, token: &str) -> Response {
        self.request(Method::DELETE, target).bearer_auth(token).send().unwrap()
    }

    pub(crate) fn post(&self, target: &str, body: &Value) -> Response {
        self.request(Method::POST, target).json(body).send().unwrap()
    }

    pub(crate) fn patch(&self, body: &Value, token: &str) -> Response {
        self.request(Method::PATCH, "/user").bearer_auth(token).json(body).send().unwrap()
    }

    /// Registers a user with [`PASSWORD`] and returns the id.
    pub(crate) fn register(&self, login: &str) -> i64 {
        let response = self.post("/user", &json!({"login": login, "password": PASSWORD}));
        assert_eq!(response.status(), 201);
        response.json::<Value>().unwrap()["id"].as_i64().unwrap()
    }

    /// Makes an admin with [`PASSWORD`] and returns the id.
    pub(crate) fn register_admin(&self, login: &str) -> i64 {
        let (login, password) = (Login::parse(login).unwrap(), Password::parse(PASSWORD).unwrap());
        let admin =
            gatepost::users::register_admin(self.app(), &Caller::Trusted, &login, &password);
        admin.unwrap().id.get()
    }

    /// Logs in with [`PASSWORD`] and returns the access token.
    pub(crate) fn token(&self, login: &str) -> String {
        self.tokens(login).access
    }

    /// Logs in with [`PASSWORD`] and returns both tokens.
    pub(crate) fn tokens(&self, login: &str) -> Tokens {
        Tokens::of(self.log_in(login, PASSWORD))
    }

    pub(crate) fn refresh(&self, refresh_token: &str) -> Response {
        self.post("/token", &json!({"refresh_token": refresh_token}))
    }

    pub(crate) fn log_out(&self, token: &str, body: &Value) -> Response {
        self.request(Method::POST, "/logout").bearer_auth(token).json(body).send().unwrap()
    }

    pub(crate) fn log_in(&self, login: &str, password: &str) -> Response {
        self.post("/", &json!({"login": login, "password": password}))
    }

    /// A connection to this test's database as the superuser.
    pub(crate) fn sql(&self) -> postgres::Client {
        CLUSTER.admin(&self.database).connect(NoTls).unwrap()
    }
}

/// What a login or a refresh gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Tokens {
    #[track_caller]
    pub(crate) fn of(response: Response) -> Self {
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["cache-control"], "no-store");
        let body: Value = response.json().unwrap();
        let text = |name: &str| body[name].as_str().unwrap().to_owned();
        Self { access: text("access_token"), refresh: text("refresh_token") }
    }
}

/// Puts a form into a request.
pub(crate) fn form(request: RequestBuilder, parameters: &[(&str, &str)]) -> RequestBuilder {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs: Vec<String> =
        parameters.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    request.header("content-type", "application/x-www-form-urlencoded").body(pairs.join("&"))
}

/// Checks that a response is a problem document with this status and code, and returns its detail.
/// OAuth's calls say it in OAuth's words too (RFC 6749, 5.2).
#[track_caller]
pub(crate) fn problem(response: Response, status: u16, code: &str) -> String {
    let media_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    let waits = response.headers().contains_key("retry-after");
    let request_id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let seen = response.status().as_u16();
    let body: Value = response.json().unwrap();
    assert_eq!((seen, body["code"].as_str().unwrap()), (status, code), "{body}");
    assert_eq!(waits, matches!(status, 429 | 503), "{body}");
    if body.get("error").is_some() {
        assert_eq!(
            (media_type.as_str(), &body["error_description"]),
            ("application/json", &body["detail"])
        );
    } else {
        assert_eq!(media_type, "application/problem+json");
    }
    assert_eq!(body["status"], status);
    assert_eq!(body["type"], "about:blank");
    assert!(!body["title"].as_str().unwrap().is_empty());
    assert_eq!(body["request_id"], request_id);
    body["detail"].as_str().unwrap().to_owned()
}

/// The major version of a server.
pub(crate) fn postgres_major(client: &mut postgres::Client) -> i32 {
    let sql = "SELECT current_setting('server_version_num')::int / 10000";
    client.query_one(sql, &[]).unwrap().get(0)
}

/// Up to version 14 of PostgreSQL, what a connection has done is added up half a second after its end.
pub(crate) fn wait_for_statistics(client: &mut postgres::Client) {
    if postgres_major(client) < 15 {
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
}
