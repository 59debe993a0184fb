//! Files and environments, good and bad.

use super::*;
use crate::secret::Secret;

fn load(file: &str, env: &[(&str, &str)]) -> Result<Loaded> {
    let path = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(path.path(), file).unwrap();
    let env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Loaded::from_environment(Some(path.path()), &env)
}

fn faults(file: &str, env: &[(&str, &str)]) -> String {
    load(file, env).map_or_else(|e| e.to_string(), |_| String::new())
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_the_default() {
    let file = "[passwords]\nmin_length = 10\niterations = 1_000\n";
    let loaded = load(file, &[("GATEPOST_PASSWORDS_MIN_LENGTH", "12")]).unwrap();
    assert_eq!(loaded.config.passwords.min_length, 12);
    assert_eq!(loaded.config.passwords.iterations, 1_000);
    assert_eq!(loaded.config.tokens.issuer, "gatepost");
    let origins: Vec<String> = loaded
        .settings()
        .into_iter()
        .filter(|(name, ..)| name.starts_with("passwords.") || name == "tokens.issuer")
        .map(|(.., origin)| origin.to_string())
        .collect();
    assert!(origins[0].ends_with(":3"), "{origins:?}");
    assert_eq!(origins[1], "environment GATEPOST_PASSWORDS_MIN_LENGTH");
    assert_eq!(origins[2], "default");
}

#[test]
fn every_fault_is_named_with_its_line() {
    let text = faults(
        "[server]\nlisen = \"127.0.0.1:1\"\n\n[acess]\nmode = \"open\"\n[server2]\n[tokens]\n\
         access_ttl = 15\nissuer = 1.5\n",
        &[("GATEPOST_ACCESS_MODUS", "open"), ("GATEPOST_PASSWORDS_ITERATIONS", "many")],
    );
    for part in [
        ":2: unknown setting server.lisen; [server] has listen,",
        ":4: unknown section [acess]; there are server, database, access,",
        ":6: unknown section [server2]",
        ":8: tokens.access_ttl: \"15\" is not a duration",
        ":9: tokens.issuer: a value of type float does not fit here",
        "environment GATEPOST_ACCESS_MODUS: unknown setting access.modus",
        "environment GATEPOST_PASSWORDS_ITERATIONS: passwords.iterations: \"many\"",
    ] {
        assert!(text.contains(part), "{part:?} is missing in:\n{text}");
    }
}

#[test]
fn what_a_container_platform_sets_for_a_service_of_our_name_is_passed_over() {
    let names = [
        "GATEPOST_PORT",
        "GATEPOST_PORT_8080_TCP",
        "GATEPOST_PORT_8080_TCP_ADDR",
        "GATEPOST_PORT_8080_TCP_PORT",
        "GATEPOST_PORT_53_UDP_PROTO",
        "GATEPOST_PORT_53_SCTP",
        "GATEPOST_SERVICE_HOST",
        "GATEPOST_SERVICE_PORT",
        "GATEPOST_SERVICE_PORT_HTTP_ALT",
    ];
    let env: Vec<_> = names.into_iter().map(|name| (name, "tcp://10.0.0.1:80")).collect();
    let line = load("", &env).unwrap().passed_over().unwrap();
    assert!(names.iter().all(|name| line.contains(name)) && line.lines().count() == 1);
    assert_eq!(load("", &[]).unwrap().passed_over(), None);
    for name in [
        "GATEPOST_PORT_",
        "GATEPOST_PORTS",
        "GATEPOST_PORT_8080",
        "GATEPOST_PORT_X_TCP",
        "GATEPOST_PORT_80_QUIC",
        "GATEPOST_PORT_80_TCP_NAME",
        "GATEPOST_SERVICE_NAME",
        "GATEPOST_SERVICE_PORT_",
        "GATEPOST_SERVER_PORT",
    ] {
        assert!(faults("", &[(name, "80")]).contains("unknown setting"), "{name}");
    }
}

#[test]
fn an_array_stands_only_where_there_may_be_several() {
    let loaded = load("[passwords]\nrefused_words = [\"a, b\", \"c\"]\n", &[]).unwrap();
    assert_eq!(loaded.config.passwords.refused_words, ["a, b", "c"]);
    let text = faults("[tokens]\nissuer = [\"a\", \"b\"]\n", &[]);
    assert!(text.contains("tokens.issuer: a value of type array does not fit here"), "{text}");
}

#[test]
fn an_empty_name_of_the_configuration_file_is_told_as_such() {
    let env = [("GATEPOST_CONFIG".to_owned(), String::new())].into();
    let text = Loaded::from_environment(None, &env).unwrap_err().to_string();
    assert!(text.contains("GATEPOST_CONFIG") && text.contains("is empty"), "{text}");
}

#[test]
fn broken_toml_is_named_with_its_line() {
    assert!(faults("[server]\nlisten = \n", &[]).contains(":2: "));
}

#[test]
fn a_secret_comes_from_its_file_without_the_line_end() {
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "0123456789abcdef0123456789abcdef\n").unwrap();
    let path = secret.path().to_str().unwrap();
    let loaded =
        load("tokens.algorithm = \"HS256\"", &[("GATEPOST_TOKENS_HS256_SECRET_FILE", path)])
            .unwrap();
    let value = loaded.config.tokens.hs256_secret.as_ref().unwrap().expose();
    assert_eq!(value, "0123456789abcdef0123456789abcdef");
    let shown = format!("{:?} {loaded:?}", loaded.settings());
    assert!(!shown.contains(value), "{shown}");
}

#[test]
fn a_secret_and_its_file_twin_together_are_refused() {
    let text = faults(
        "",
        &[
            ("GATEPOST_DATABASE_URL", "postgres://x"),
            ("GATEPOST_DATABASE_URL_FILE", "/does/not/matter"),
        ],
    );
    assert!(text.contains("database.url and its _file twin are both set"), "{text}");
}

#[test]
fn only_secrets_have_a_file_twin() {
    assert!(faults("", &[("GATEPOST_SERVER_LISTEN_FILE", "/x")]).contains("unknown setting"));
}

#[test]
fn app_settings_takes_three_words_and_no_other() {
    assert!(faults("", &[("APP_SETTINGS", "prod")]).contains("development, testing, production"));
    let testing = load("", &[("APP_SETTINGS", "testing")]).unwrap();
    assert_eq!(testing.config.profile, Profile::Testing);
}

#[test]
fn the_built_in_files_are_valid() {
    for profile in [Profile::Development, Profile::Testing, Profile::Production] {
        let mut loader = Loader::new(profile);
        loader.file("built in", EMBEDDED[profile as usize]);
        if profile == Profile::Production {
            loader.loaded.config.database.private = true;
            loader.loaded.config.tokens.issuer = "https://auth.example.com".to_owned();
            loader.loaded.config.encryption.key = Some(Secret::new("x".repeat(32)));
        }
        loader.finish().unwrap();
    }
}

#[test]
fn an_old_name_is_refused_with_what_became_of_it() {
    let text = faults(
        "[server]\nhead_deadline = \"1s\"\nlinger_bytes = 1\n",
        &[
            ("GATEPOST_SERVER_STOP_DEADLINE", "1s"),
            ("GATEPOST_TOKENS_ENCRYPTION_KEY_FILE", "/does/not/matter"),
            ("GATEPOST_DATABASE_POOL_WAIT", "1s"),
        ],
    );
    for part in [
        ":2: server.head_deadline is now server.header_timeout",
        ":3: server.linger_bytes is no longer a setting: it is 1048576",
        "environment GATEPOST_SERVER_STOP_DEADLINE: server.stop_deadline is now \
         server.shutdown_timeout",
        "environment GATEPOST_TOKENS_ENCRYPTION_KEY_FILE: tokens.encryption_key_file is now \
         encryption.key_file",
        "environment GATEPOST_DATABASE_POOL_WAIT: database.pool_wait is no longer a setting: \
         it is 2s",
    ] {
        assert!(text.contains(part), "{part:?} is missing in:\n{text}");
    }
}
