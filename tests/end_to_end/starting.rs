//! A start that cannot go well: what is said then, what is left behind, and that the next one can.

use crate::support::program::{Home, Running, failure, run, success};
use crate::support::{CLUSTER, OWNER_PASSWORD, config, conninfo, new_database};
use gatepost::secret::Secret;
use gatepost::{Config, Error, Profile, Service, database};
use gatepost_test_support::os_user;
use postgres::NoTls;
use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// The program below a shell that sets something up first.
fn below(home: &Home, setting: &str, arguments: &[&str]) -> Command {
    let program = home.command(arguments);
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", &format!("{setting} && exec \"$0\" \"$@\"")]).arg(program.get_program());
    shell.args(program.get_args()).current_dir(home.path()).env_clear();
    shell.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell
}

fn mode(path: &Path) -> u32 {
    path.symlink_metadata().unwrap().mode() & 0o777
}

#[test]
fn the_first_start_makes_the_same_modes_under_every_umask() {
    for umask in ["022", "027", "077", "000"] {
        let home = Home::new();
        let above = home.path().join("above");
        let (data, tmp) = (above.join("more/data"), home.path().join("tmp"));
        std::fs::create_dir(&tmp).unwrap();
        let listen = home.path().join("http");
        let mut command = below(&home, &format!("umask {umask}"), &["serve"]);
        command.env("GATEPOST_DATABASE_DATA_DIR", &data).env("TMPDIR", &tmp);
        command.env("GATEPOST_SERVER_LISTEN", format!("unix:{}", listen.display()));
        let service = Running::start(&mut command);
        let (outer, inner) = if os_user().is_some() { (0o755, 0o711) } else { (0o700, 0o700) };
        for (path, expected) in [
            (above.clone(), outer),
            (above.join("more"), outer),
            (data.clone(), inner),
            (data.join("lock"), 0o600),
            (data.join("run"), 0o700),
            (data.join("cluster"), 0o700),
            (listen, 0o660),
        ] {
            assert_eq!(mode(&path), expected, "{} under {umask}", path.display());
        }
        let private = std::fs::read_dir(&tmp).unwrap().next().unwrap().unwrap().path();
        assert_eq!(mode(&private), 0o700, "under {umask}");
        for name in ["lock", "worker", "hashing"] {
            assert_eq!(mode(&private.join(name)), 0o600, "{name} under {umask}");
        }
        service.stop();
    }
}

#[test]
fn a_mode_that_stands_in_the_way_is_named_with_the_chmod() {
    let home = Home::new();
    let above = home.path().join("above");
    std::fs::create_dir(&above).unwrap();
    let list = || {
        let mut command = home.command(&["user", "list"]);
        command.env("GATEPOST_DATABASE_DATA_DIR", above.join("data"));
        command.output().unwrap()
    };
    if os_user().is_some() {
        set_permissions(&above, Permissions::from_mode(0o700)).unwrap();
        let text = failure(&list(), 1);
        assert!(text.contains(&format!("`chmod o+x {}`", above.display())), "{text}");
    }
    set_permissions(&above, Permissions::from_mode(0o777)).unwrap();
    let output = list();
    success(&output);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains(&format!("`chmod o-w {}`", above.display())), "{text}");
    set_permissions(&above, Permissions::from_mode(0o755)).unwrap();
    let cluster = above.join("data/cluster");
    set_permissions(&cluster, Permissions::from_mode(0o755)).unwrap();
    let text = failure(&list(), 1);
    assert!(text.contains(&format!("`chmod 700 {}`", cluster.display())), "{text}");
    set_permissions(&cluster, Permissions::from_mode(0o700)).unwrap();
    let output = list();
    success(&output);
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

/// Settings of a service with a private PostgreSQL.
fn private(home: &Home) -> Config {
    let mut config = Config::new(Profile::Testing);
    config.server.listen = "127.0.0.1:0".parse().unwrap();
    config.database.data_dir = Some(home.data_dir());
    config
}

#[track_caller]
fn refused(config: Config) -> String {
    match Service::start(config) {
        Err(Error::Startup(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_start_that_failed_leaves_nothing_running_and_can_be_tried_again_in_the_same_process() {
    let home = Home::new();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (home.path().join("certificate"), home.path().join("key"));
    std::fs::write(&certificate, "none").unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let mut config = private(&home);
    config.server.tls_certificate = Some(certificate.clone());
    config.server.tls_key = Some(key);
    for _ in 0..2 {
        let text = refused(config.clone());
        assert!(text.contains(&certificate.display().to_string()), "{text}");
        assert_eq!(home.processes(), [""; 0]);
    }
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    Service::start(config).unwrap().stop();
    assert_eq!(home.processes(), [""; 0]);
}

#[test]
fn a_certificate_or_a_key_that_is_no_pem_is_told_with_what_to_type() {
    let home = Home::new();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (pem, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let (certificate, key_file) = (home.path().join("certificate"), home.path().join("key"));
    let mut config = config(&new_database());
    config.server.tls_certificate = Some(certificate.clone());
    config.server.tls_key = Some(key_file.clone());
    let other = rcgen::generate_simple_self_signed(vec!["other".to_owned()]).unwrap();
    let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    for (certificate_bytes, key_bytes, expected) in [
        (made.cert.der().to_vec(), key.clone().into_bytes(), "openssl x509 -inform der -in"),
        (pem.clone().into_bytes(), made.signing_key.serialize_der(), "openssl pkey -inform der"),
        (pem.clone().into_bytes(), encrypted.into_bytes(), "key that is encrypted"),
        (key.clone().into_bytes(), pem.clone().into_bytes(), "are swapped"),
        (other.cert.pem().into_bytes(), key.clone().into_bytes(), "is not that of the key"),
    ] {
        std::fs::write(&certificate, certificate_bytes).unwrap();
        std::fs::write(&key_file, key_bytes).unwrap();
        let text = refused(config.clone());
        assert!(text.contains(expected), "{text}");
        assert!(text.contains(&home.path().display().to_string()), "{text}");
    }
    std::fs::write(&certificate, format!("\u{feff}{pem}")).unwrap();
    std::fs::write(&key_file, format!("\u{feff}{key}")).unwrap();
    Service::start(config).unwrap().stop();
}

#[test]
fn too_few_processes_or_descriptors_are_one_line_that_names_the_limit() {
    // Limits on processes bind root only where it runs something as somebody else.
    let somebody = os_user().map(|_| 4242);
    for (limit, expected) in [
        ("--nproc=20:20", "20 for this OS user (`ulimit -u`"),
        ("--nproc=18:18", "18 for this OS user (`ulimit -u`"),
        ("--nofile=64:64", "may open 64 files and sockets and needs "),
    ] {
        let home = Home::new();
        set_permissions(home.path(), Permissions::from_mode(0o777)).unwrap();
        let mut command = below(&home, &format!("prlimit --pid $$ {limit}"), &["serve"]);
        somebody.map(|id| command.uid(id).gid(id));
        let text = failure(&command.output().unwrap(), 1);
        assert_eq!(text.lines().count(), 1, "{limit}: {text}");
        assert!(text.contains(expected) && text.contains("lower server.workers"), "{text}");
        assert!(!home.data_dir().exists());
    }
}

#[test]
fn a_working_directory_that_cannot_be_read_is_told_with_what_to_do() {
    let home = Home::new();
    set_permissions(home.path(), Permissions::from_mode(0o777)).unwrap();
    let mut command = below(&home, "mkdir closed && cd closed && chmod 0 .", &["check-config"]);
    os_user().map(|_| command.uid(4244).gid(4244));
    let text = failure(&command.output().unwrap(), 1);
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains("config/testing.toml, below the working directory"), "{text}");
    assert!(text.contains("such as /, or name a file with --config"), "{text}");
    set_permissions(home.path().join("closed"), Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn a_command_that_has_no_room_for_its_threads_says_so() {
    let somebody = os_user().map(|_| 4243);
    let home = Home::new();
    let mut command = below(&home, "prlimit --pid $$ --nproc=3:3", &["user", "list"]);
    somebody.map(|id| command.uid(id).gid(id));
    let url = "host=/nowhere user=gatepost_app";
    let text = failure(&command.env("GATEPOST_DATABASE_URL", url).output().unwrap(), 1);
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains("3 for this OS user (`ulimit -u`"), "{text}");
}

#[test]
fn a_cluster_that_was_copied_by_somebody_else_is_told_with_the_chown() {
    let Some((uid, gid)) = os_user() else { return };
    let home = Home::new();
    success(&home.run(&["user", "list"], ""));
    let cluster = home.data_dir().join("cluster");
    let advice = format!("`chown -R postgres: {}/`", cluster.display());
    for path in [cluster.clone(), cluster.join("PG_VERSION")] {
        chown(&path, Some(0), Some(0)).unwrap();
        let text = failure(&home.run(&["user", "list"], ""), 1);
        let named = format!("{}: belongs to the OS user with the id 0", path.display());
        assert!(text.contains(&named) && text.contains(&advice), "{text}");
        chown(&path, Some(uid), Some(gid)).unwrap();
    }
    let run_dir = home.data_dir().join("run");
    chown(&run_dir, Some(0), Some(0)).unwrap();
    let text = failure(&home.run(&["user", "list"], ""), 1);
    assert!(text.contains(&format!("{}: belongs to", run_dir.display())), "{text}");
    chown(&run_dir, Some(uid), Some(gid)).unwrap();
    success(&home.run(&["user", "list"], ""));
}

#[test]
fn a_link_that_leads_nowhere_is_named_and_nothing_is_made_in_its_place() {
    let home = Home::new();
    let nowhere = home.path().join("not-mounted");
    let fails = |link: &Path| {
        let text = failure(&home.run(&["user", "list"], ""), 1);
        let expected = format!("{} is a link to {}", link.display(), nowhere.display());
        assert!(text.contains(&expected), "{text}");
        assert!(link.symlink_metadata().unwrap().is_symlink());
    };
    symlink(&nowhere, home.data_dir()).unwrap();
    fails(&home.data_dir());
    std::fs::remove_file(home.data_dir()).unwrap();
    success(&home.run(&["user", "list"], ""));
    let cluster = home.data_dir().join("cluster");
    let elsewhere = home.path().join("elsewhere");
    std::fs::rename(&cluster, &elsewhere).unwrap();
    symlink(&nowhere, &cluster).unwrap();
    fails(&cluster);
    std::fs::remove_file(&cluster).unwrap();
    symlink(&elsewhere, &cluster).unwrap();
    success(&home.run(&["user", "list"], ""));
}

#[test]
fn a_search_path_that_leads_nowhere_does_not_hide_the_os_user() {
    for path in ["", ":", "/nowhere"] {
        let home = Home::new();
        success(&run(home.command(&["user", "list"]).env("PATH", path), ""));
    }
}

#[test]
fn a_directory_for_temporary_files_that_is_missing_is_named() {
    let home = Home::new();
    let missing = home.path().join("missing");
    let text = failure(&run(home.command(&["serve"]).env("TMPDIR", &missing), ""), 1);
    let named = text.contains(&missing.display().to_string()) && text.contains("TMPDIR");
    assert!(named, "{text}");
    home.wait_until_quiet();
}

#[test]
fn another_cluster_beside_ours_is_not_answered_with_a_new_directory() {
    let home = Home::new();
    success(&home.run(&["user", "list"], ""));
    home.wait_until_quiet();
    let (cluster, old) = (home.data_dir().join("cluster"), home.data_dir().join("cluster.bak"));
    std::fs::create_dir(&old).unwrap();
    let text = failure(&home.run(&["user", "list"], ""), 1);
    let advice = format!("`mv {} {}.cluster.bak`", old.display(), home.data_dir().display());
    assert!(text.contains(&advice) && !text.contains("new directory"), "{text}");
    std::fs::remove_dir(&old).unwrap();
    std::fs::rename(&cluster, &old).unwrap();
    let text = failure(&home.run(&["user", "list"], ""), 1);
    let advice = format!("`mv {} {}`", old.display(), cluster.display());
    assert!(text.contains(&advice) && !text.contains("new directory"), "{text}");
}

/// Settings with the owner's connection too.
fn with_owner(name: &str) -> Config {
    let mut config = config(name);
    let owner = conninfo(&CLUSTER, "gatepost_owner", OWNER_PASSWORD, name);
    config.database.owner_url = Some(Secret::new(owner));
    config
}

#[track_caller]
fn refused_by_both(name: &str) -> String {
    let Err(Error::Startup(text)) = database::migrate(&with_owner(name)) else {
        panic!("migrated {name}")
    };
    assert_eq!(refused(config(name)), text);
    assert_eq!(database::check(&config(name)), Err(Error::Startup(text.clone())));
    text
}

#[test]
fn a_database_that_cannot_hold_every_login_is_refused_by_migrate_and_serve() {
    let name = format!("{}_latin", new_database());
    let mut admin = CLUSTER.admin("postgres").connect(NoTls).unwrap();
    let sql = format!(
        "CREATE DATABASE {name} OWNER gatepost_owner ENCODING 'LATIN1' LC_COLLATE 'C' \
         LC_CTYPE 'C' TEMPLATE template0"
    );
    admin.batch_execute(&sql).unwrap();
    let schema = "CREATE SCHEMA gatepost AUTHORIZATION gatepost_owner;
                  GRANT USAGE ON SCHEMA gatepost TO gatepost_app";
    CLUSTER.admin(&name).connect(NoTls).unwrap().batch_execute(schema).unwrap();
    let text = refused_by_both(&name);
    assert!(text.contains(&format!("{name} has the encoding LATIN1")), "{text}");
    assert!(text.contains("gatepost database create"), "{text}");
}

/// A copy of a database by way of a backup, restored by the superuser.
fn restored(option: &str) -> String {
    let (from, to) = (new_database(), format!("{}_restored", new_database()));
    let mut admin = CLUSTER.admin("postgres").connect(NoTls).unwrap();
    admin.batch_execute(&format!("CREATE DATABASE {to} TEMPLATE template0")).unwrap();
    let dump = tempfile::NamedTempFile::new().unwrap();
    let path = dump.path().to_str().unwrap();
    let tool = |name: &str, arguments: &[&str]| {
        let output = Command::new(CLUSTER.bin().join(name))
            .args(["-h", CLUSTER.dir().to_str().unwrap(), "-p", &CLUSTER.socket_port().to_string()])
            .args(["-U", "postgres"])
            .args(arguments)
            .output()
            .unwrap();
        success(&output);
    };
    tool("pg_dump", &["-Fc", "-n", "gatepost", "-f", path, "-d", &from]);
    tool("pg_restore", &["-d", &to, option, path]);
    to
}

#[test]
fn a_backup_that_was_restored_without_owners_is_told_with_what_mends_it() {
    let name = restored("--no-owner");
    let text = refused_by_both(&name);
    assert!(text.contains("to postgres, not to gatepost_owner"), "{text}");
    assert!(text.contains("pg_restore --no-owner"), "{text}");
    let advice = text.split('`').nth(1).unwrap();
    CLUSTER.admin(&name).connect(NoTls).unwrap().batch_execute(advice).unwrap();
    assert_eq!(database::migrate(&with_owner(&name)).unwrap(), 0);
    Service::start(config(&name)).unwrap();
}

#[test]
fn a_backup_that_was_restored_without_rights_is_told() {
    let text = refused_by_both(&restored("--no-acl"));
    assert!(text.contains("gatepost_app may not use") && text.contains("--no-acl"), "{text}");
}
