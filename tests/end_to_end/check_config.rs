//! What is said of settings, before anything starts, and how the command line explains itself.

use crate::support::CLUSTER;
use crate::support::program::{Home, Running, failure, run, success};
use std::process::Command;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// The one line of a fault.
#[track_caller]
fn line(command: &mut Command) -> String {
    let text = failure(&run(command, ""), 1);
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

#[test]
fn what_serve_refuses_check_config_refuses_with_the_same_line() {
    let home = Home::new();
    let missing = home.path().join("missing").display().to_string();
    let long = home.path().join("x".repeat(100)).display().to_string();
    let link = home.path().join("link").display().to_string();
    std::os::unix::fs::symlink(&missing, &link).unwrap();
    for (variables, said) in [
        (&[("DATABASE_URL", "mysql://u@h/g")][..], "another scheme"),
        (&[("DATABASE_URL", "host=h port=70000")], "its port is invalid"),
        (&[("DATABASE_URL", "postgres://u@h:0/g")], "port 0"),
        (&[("DATABASE_URL", "host=a,b port=1,2,3")], "another number of ports"),
        (&[("DATABASE_URL", "user=u dbname=g")], "it names no host"),
        (&[("DATABASE_URL", "postgres://u@h/g?sslmode=full")], "its sslmode is none of disable"),
        (&[("DATABASE_URL", "postgres://u@h/g?sslmode=verify-full")], "needs sslrootcert"),
        (
            &[("DATABASE_URL", "host=h sslmode=verify-ca sslrootcert=/etc/passwd")],
            "the file that sslrootcert names (/etc/passwd): is not in PEM",
        ),
        (&[("DATABASE_URL", "host=h sslmode=disable channel_binding=require")], "forbids it"),
        (&[("DATABASE_URL", "host=h"), ("DATABASE_OWNER_URL", "x://h")], "database.owner_url"),
        (&[("DATABASE_DATA_DIR", &long)], "too long"),
        (&[("DATABASE_DATA_DIR", &link)], "which is not there"),
        (&[("DATABASE_DATA_DIR", "/tmp/a\nb")], "control character"),
        (&[("PASSWORDS_BREACH_LIST", &missing)], "passwords.breach_list"),
        (&[("SERVER_TLS_CERTIFICATE", &missing), ("SERVER_TLS_KEY", &missing)], &missing),
    ] {
        let said_by = |arguments: &[&str]| {
            let mut command = home.command(arguments);
            for (name, value) in variables {
                command.env(format!("GATEPOST_{name}"), value);
            }
            line(&mut command)
        };
        let (checked, served) = (said_by(&["check-config"]), said_by(&["serve"]));
        assert!(checked.contains(said), "{said}: {checked}");
        assert_eq!(checked, served);
    }
    assert!(!home.data_dir().exists());
}

#[test]
fn a_setting_that_has_no_effect_without_another_is_a_fault_of_the_configuration() {
    let home = Home::new();
    for (name, value) in [
        ("DATABASE_OWNER_URL", "host=h user=gatepost_owner"),
        ("TOKENS_HS256_SECRET", SECRET),
        ("ACCESS_OPEN_TO_NETWORK", "true"),
        ("ACCESS_OPEN_HOSTS", "auth.example"),
        ("SERVER_FORWARDED_HEADER", "Forwarded"),
    ] {
        let mut command = home.command(&["check-config"]);
        let text = line(command.env(format!("GATEPOST_{name}"), value));
        let setting = name.to_lowercase().replacen('_', ".", 1);
        assert!(text.starts_with(&format!("gatepost: {setting}: has no effect ")), "{text}");
    }
}

#[test]
fn migrating_with_the_owner_alone_does_not_make_a_private_postgresql() {
    let home = Home::new();
    for arguments in [&["database", "migrate"][..], &["database", "migrate", "--dry-run"]] {
        let mut command = home.command(arguments);
        let text = line(command.env("GATEPOST_DATABASE_OWNER_URL", "host=h user=gatepost_owner"));
        assert!(text.contains("database.owner_url") && text.contains("database.url"), "{text}");
        assert!(!home.data_dir().exists());
    }
}

#[test]
fn a_trusted_proxy_written_as_ipv6_is_the_network_of_ipv4_that_it_means() {
    let home = Home::new();
    let show = |blocks: &str| {
        let mut command = home.command(&["check-config"]);
        command.env("GATEPOST_SERVER_TRUSTED_PROXIES", blocks);
        run(&mut command, "")
    };
    let text = success(&show("::ffff:127.0.0.0/104"));
    assert!(text.contains("server.trusted_proxies = 127.0.0.0/8  #"), "{text}");
    let text = failure(&show("::ffff:127.0.0.0/90"), 1);
    assert!(text.contains("server.trusted_proxies"), "{text}");
}

#[test]
fn lists_in_the_environment_are_arrays_or_separated_by_commas() {
    let home = Home::new();
    for (list, shown) in [
        (r#"["10.0.0.0/8", "fd00::/8"]"#, "10.0.0.0/8, fd00::/8"),
        ("10.0.0.0/8,fd00::/8", "10.0.0.0/8, fd00::/8"),
        ("[]", "(none)"),
    ] {
        let mut command = home.command(&["check-config"]);
        let text = success(&run(command.env("GATEPOST_SERVER_TRUSTED_PROXIES", list), ""));
        assert!(text.contains(&format!("server.trusted_proxies = {shown}  #")), "{list}: {text}");
    }
    let mut command = home.command(&["check-config"]);
    let text = line(command.env("GATEPOST_SERVER_TRUSTED_PROXIES", r#"["10.0.0.0/8""#));
    assert!(text.contains("no array of strings"), "{text}");
}

#[test]
fn several_faults_are_one_line() {
    let home = Home::new();
    for arguments in [&["check-config"][..], &["serve"], &["user", "list"]] {
        let mut command = home.command(arguments);
        let text = line(command.env("APP_SETTINGS", "production"));
        assert!(text.contains("(1) encryption.key: "), "{text}");
        assert!(text.contains("; (2) database.url: "), "{text}");
        assert!(text.contains("; (3) tokens.issuer: "), "{text}");
    }
}

#[test]
fn an_empty_name_of_a_configuration_file_is_told_as_such() {
    let home = Home::new();
    let text = line(home.command(&["check-config"]).env("GATEPOST_CONFIG", ""));
    assert!(text.contains("GATEPOST_CONFIG") && text.contains("is empty"), "{text}");
    let text = line(&mut home.command(&["--config", "", "check-config"]));
    assert!(text.contains("--config") && text.contains("is empty"), "{text}");
}

#[test]
fn what_a_container_platform_sets_by_itself_is_passed_over_with_one_line() {
    let home = Home::new();
    let set = |command: &mut Command| {
        command.env("GATEPOST_PORT", "tcp://10.0.0.1:80").env("GATEPOST_SERVICE_HOST", "10.0.0.1");
        command
            .env("GATEPOST_PORT_80_TCP_ADDR", "10.0.0.1")
            .env("GATEPOST_SERVICE_PORT_HTTP", "80");
    };
    let mut command = home.command(&["check-config"]);
    set(&mut command);
    let output = run(&mut command, "");
    success(&output);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.lines().count() == 1 && text.contains("GATEPOST_PORT_80_TCP_ADDR"), "{text}");
    let mut command = home.command(&["serve"]);
    set(&mut command);
    let service = Running::start(&mut command);
    let log = service.stop();
    assert_eq!(log.matches("ignored, because a container platform").count(), 1, "{log}");
}

#[test]
fn help_is_a_command_and_a_usage_error_points_to_the_help_of_its_command() {
    let home = Home::new();
    let help = |arguments: &[&str]| success(&home.run(arguments, ""));
    assert_eq!(help(&["help"]), help(&["--help"]));
    for command in
        ["serve", "check-config", "database", "audit", "signing-key", "api-key", "user", "selftest"]
    {
        assert_eq!(help(&["help", command]), help(&[command, "--help"]));
    }
    assert_eq!(help(&["help", "user", "create"]), help(&["user", "create", "--help"]));
    for (arguments, topic) in [
        (&["frobnicate"][..], "gatepost --help"),
        (&["help", "frobnicate"], "gatepost --help"),
        (&["user", "create"], "gatepost user create --help"),
        (&["database", "create"], "gatepost database create --help"),
        (&["serve", "now"], "gatepost serve --help"),
        (&["passwords", "build-list"], "gatepost passwords build-list --help"),
        (&["user"], "gatepost user --help"),
        (&["--config", "x", "user", "--config", "user", "lsit"], "gatepost user --help"),
        (&["check-config", "--frobnicate"], "gatepost check-config --help"),
    ] {
        let text = failure(&home.run(arguments, ""), 2);
        assert!(text.ends_with(&format!("see {topic}\n")), "{arguments:?}: {text}");
    }
}

#[test]
fn a_configuration_that_a_command_does_not_read_is_not_passed_over() {
    let home = Home::new();
    let build = ["passwords", "build-list", "--output", "x", "y", "--config", "z"];
    assert!(failure(&home.run(&build, ""), 2).contains("reads no configuration"));
    let create = ["database", "create", "--owner-password-file", "a", "--app-password-file", "b"];
    let text = failure(&home.run(&[&create[..], &["--config", "z"]].concat(), ""), 2);
    assert!(text.contains("reads no configuration"), "{text}");
}

#[test]
fn min_count_says_how_many_lines_it_does_not_apply_to() {
    let home = Home::new();
    let hash = "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8";
    std::fs::write(home.path().join("in"), format!("{hash}:5\nhunter2\nletmein\n")).unwrap();
    let build = |more: &[&str]| {
        let arguments = [&["passwords", "build-list", "--output", "out", "in"][..], more].concat();
        let output = home.run(&arguments, "");
        (success(&output), String::from_utf8(output.stderr).unwrap())
    };
    let (out, told) = build(&["--min-count", "9"]);
    assert_eq!(out, "out: 2 passwords of 3 lines\n");
    assert_eq!(told, "2 lines have no count, so --min-count kept them\n");
    let (out, told) = build(&[]);
    assert_eq!((out.as_str(), told.as_str()), ("out: 3 passwords of 3 lines\n", ""));
}

#[test]
fn a_data_directory_may_have_quotes_in_its_name() {
    let home = Home::new();
    let dir = home.path().join("it's \"mine\", too");
    let mut command = home.command(&["serve"]);
    let service = Running::start(command.env("GATEPOST_DATABASE_DATA_DIR", &dir));
    assert!(dir.join("run/.s.PGSQL.5432").exists());
    service.stop();
    let mut command = home.command(&["user", "list"]);
    assert_eq!(success(&run(command.env("GATEPOST_DATABASE_DATA_DIR", &dir), "")), "");
}

#[test]
fn a_hangup_without_tls_claims_to_have_read_nothing() {
    let home = Home::new();
    let service = home.serve();
    service.signal("-HUP");
    service.wait_for_log("SIGHUP: there is no TLS certificate");
    let log = service.stop();
    assert!(!log.contains("reloaded"), "{log}");
}

#[test]
fn the_private_postgresql_is_not_started_by_a_check() {
    let home = Home::new();
    let text = success(&home.run(&["check-config", "--connect"], ""));
    let dir = home.data_dir().display().to_string();
    let last = text.lines().last().unwrap();
    assert!(last.starts_with("# database.url is not set: ") && last.ends_with(&dir), "{last}");
    assert!(!home.data_dir().exists());
    // The other kind is in `set_up`.
    assert!(CLUSTER.dir().exists());
}
