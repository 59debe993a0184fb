//! `gatepost keys`.

use super::SECRET;
use crate::support::program::{Home, failure, run, success};
use crate::support::{APP_PASSWORD, CLUSTER, TestServer, conninfo, new_database};

#[test]
fn the_command_lists_rotates_and_encrypts_keys_beside_a_running_service() {
    let (home, database) = (Home::new(), new_database());
    let command = |arguments: &[&str], key: &str| {
        let mut command = home.command(arguments);
        let url = conninfo(&CLUSTER, "gatepost_app", APP_PASSWORD, &database);
        command.env("GATEPOST_DATABASE_URL", url);
        if !key.is_empty() {
            command.env("GATEPOST_ENCRYPTION_KEY", key);
        }
        run(&mut command, "")
    };
    let server = TestServer::on(&database);
    let shown = |text: &str| -> Vec<Vec<String>> {
        text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
    };
    let list = shown(&success(&command(&["signing-key", "list"], "")));
    assert_eq!((list.len(), list[0].len()), (1, 5));
    assert_eq!((list[0][1].as_str(), list[0][2].as_str()), ("EdDSA", "signing"));
    assert_eq!(list[0][4], "plain");
    let next = shown(&success(&command(&["signing-key", "rotate"], "")));
    assert_eq!(next[0][2], "next");
    assert_eq!(shown(&success(&command(&["signing-key", "list"], ""))).len(), 2);
    let text = failure(&command(&["signing-key", "reencrypt"], ""), 1);
    assert!(text.contains("encryption.key: is not set"), "{text}");
    let text = success(&command(&["signing-key", "reencrypt"], SECRET));
    assert!(text.contains(&format!("signing key {}\n", list[0][0])), "{text}");
    assert!(text.ends_with("\nencrypted 5 key(s)\n"), "{text}");
    assert_eq!(success(&command(&["signing-key", "reencrypt"], SECRET)), "nothing to do\n");
    let new = shown(&success(&command(&["signing-key", "rotate", "--compromised"], SECRET)));
    assert_eq!((new[0][2].as_str(), new[0][4].as_str()), ("signing", "encrypted"));
    assert_eq!(shown(&success(&command(&["signing-key", "list"], SECRET))), new);
    for wrong in [
        &["keys"] as &[&str],
        &["signing-key", "list", "--compromised"],
        &["signing-key", "frobnicate"],
        &["signing-key", "rotate", "--now"],
    ] {
        failure(&command(wrong, ""), 2);
    }
    drop(server);
}
