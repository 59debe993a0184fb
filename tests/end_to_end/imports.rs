//! What an import takes for a user, and what it does not.

use crate::support::program::{Home, failure, run, success};
use crate::support::{PASSWORD, TestServer, problem};
use crate::transfer::{counts, export, hashes, import, program};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use gatepost::transfer::{self, Ids};
use std::num::NonZeroU32;

/// Of [`PASSWORD`], cheap.
const DJANGO: &str = "pbkdf2_sha256$1000$saltsaltsalt$en+a81IaqrP0yDav+lVHzzSWjBz91dAE1Af/2HawpKk=";

fn line(login: &str, hash: &str) -> String {
    format!("{{\"login\":\"{login}\",\"password_hash\":\"{hash}\"}}\n")
}

/// A PHC string as many libraries write it, of the password byte for byte.
fn phc(password: &str) -> String {
    let (salt, mut hash) = ([7; 16], [0; 32]);
    let rounds = NonZeroU32::new(1_000).unwrap();
    let algorithm = ring::pbkdf2::PBKDF2_HMAC_SHA256;
    ring::pbkdf2::derive(algorithm, rounds, &salt, password.as_bytes(), &mut hash);
    let [salt, hash] = [&salt[..], &hash].map(|bytes| STANDARD_NO_PAD.encode(bytes));
    format!("$pbkdf2-sha256$i=1000,l=32${salt}${hash}")
}

#[test]
fn only_an_object_is_a_user() {
    let server = TestServer::start();
    let text = format!(
        "[\"mallory\",\"{DJANGO}\",true,\"2020-01-31T18:00:00Z\",false,null]\n\
         [\"mallory\",\"{DJANGO}\",true,\"2020-01-31T18:00:00Z\",false,null,null]\n\
         []\n[{}]\n5\n\"mallory\"\nnull\ntrue\n",
        line("mallory", DJANGO).trim_end()
    );
    let (done, said) = import(&server, &text);
    assert_eq!(counts(&done), [8, 0, 0, 0, 8], "{said:?}");
    for (number, said) in said.iter().enumerate() {
        assert_eq!(*said, format!("{}: not an object", number + 1));
    }
    assert!(hashes(&server).is_empty());
}

#[test]
fn a_file_in_another_encoding_is_refused_with_one_message_that_names_it() {
    let server = TestServer::start();
    let text = line("alice", DJANGO) + &line("bob", DJANGO);
    let wide = |unit: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(unit).collect::<Vec<u8>>();
    let wider =
        |unit: fn(u32) -> [u8; 4]| text.chars().map(u32::from).flat_map(unit).collect::<Vec<u8>>();
    let marked = |mark: &[u8], bytes: Vec<u8>| [mark, &bytes].concat();
    let compressed = |magic: &[u8]| [magic, &[0x5a; 300][..], b"\n\n"].concat();
    for (bytes, name) in [
        (marked(b"\xff\xfe", wide(u16::to_le_bytes)), "UTF-16"),
        (marked(b"\xfe\xff", wide(u16::to_be_bytes)), "UTF-16"),
        (wide(u16::to_le_bytes), "UTF-16"),
        (wide(u16::to_be_bytes), "UTF-16"),
        (marked(b"\xff\xfe\0\0", wider(u32::to_le_bytes)), "UTF-32"),
        (marked(b"\0\0\xfe\xff", wider(u32::to_be_bytes)), "UTF-32"),
        (wider(u32::to_le_bytes), "UTF-32"),
        (wider(u32::to_be_bytes), "UTF-32"),
        (compressed(b"\x1f\x8b\x08"), "gzip"),
        (compressed(b"PK\x03\x04"), "zip"),
        (compressed(b"\x28\xb5\x2f\xfd"), "zstd"),
        (compressed(b"\xfd7zXZ\0"), "xz"),
        (compressed(b"BZh91AY&SY"), "bzip2"),
    ] {
        let imported =
            transfer::import(server.app(), &bytes[..], Ids::Kept, |event| panic!("{event:?}"));
        let refused = imported.unwrap_err().to_string();
        assert!(refused.contains(name) && refused.contains("UTF-8"), "{name}: {refused}");
        let surveyed =
            transfer::survey(server.app(), &bytes[..], Ids::Kept, |event| panic!("{event:?}"));
        assert_eq!(surveyed.unwrap_err().to_string(), refused);
        // Where the first read gives a byte alone, as a pipe may.
        let slow = std::io::BufReader::with_capacity(1, &bytes[..]);
        let imported = transfer::import(server.app(), slow, Ids::Kept, |event| panic!("{event:?}"));
        assert_eq!(imported.unwrap_err().to_string(), refused);
    }
    assert!(hashes(&server).is_empty());
    let home = Home::new();
    std::fs::write(home.path().join("users.gz"), compressed(b"\x1f\x8b\x08")).unwrap();
    let text = failure(&run(&mut program(&home, &server, &["user", "import", "users.gz"]), ""), 1);
    assert!(text.starts_with("gatepost: users.gz: ") && text.contains("gzip"), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn a_byte_order_mark_and_lines_of_white_space_are_passed_over() {
    let server = TestServer::start();
    let text = format!(
        "\u{feff}{}  \n\t\r\n\u{a0}\u{3000}\n\r\n  {}\u{b}\n   ",
        line("alice", DJANGO),
        line("bob", DJANGO)
    );
    let (done, said) = import(&server, &text);
    assert_eq!((counts(&done), said), ([2, 2, 0, 0, 0], vec![]));
    let (done, said) = import(&server, &format!("\u{feff}{}", "\n \n"));
    assert_eq!((counts(&done), said), ([0, 0, 0, 0, 0], vec![]));
}

#[test]
fn a_hash_in_our_format_from_elsewhere_is_verified_normalised_or_as_typed_and_then_ours() {
    let server = TestServer::start();
    let typed =
        ["pass²word of mine", "correct\u{a0}horse battery", "A\u{30a}ngstro\u{308}m und so"];
    let normalised = ["pass2word of mine", "correct horse battery", "Ångström und so"];
    let mut text = String::new();
    for (n, (typed, normalised)) in typed.iter().zip(normalised).enumerate() {
        text += &line(&format!("typed{n}"), &phc(typed));
        text += &line(&format!("normalised{n}"), &phc(normalised));
    }
    let (done, said) = import(&server, &text);
    assert_eq!((counts(&done), said), ([6, 6, 0, 0, 0], vec![]));
    let (done, _) = import(&server, &text);
    assert_eq!(counts(&done), [6, 0, 6, 0, 0], "run again");
    let before = hashes(&server);
    for (n, (typed, normalised)) in typed.iter().zip(normalised).enumerate() {
        for login in ["typed", "normalised"].map(|kind| format!("{kind}{n}")) {
            problem(server.log_in(&login, "pass³word of mine"), 400, "invalid_credentials");
            assert_eq!(hashes(&server)[&login], before[&login], "a wrong password changed a hash");
            assert_eq!(server.log_in(&login, typed).status(), 200, "{login}");
            let hash = &hashes(&server)[&login];
            assert!(hash.starts_with("$pbkdf2-sha256$i=1000,l=32$"), "{login}: {hash}");
            assert_ne!(*hash, before[&login], "{login}: not made anew");
            for spelling in [typed, normalised] {
                assert_eq!(server.log_in(&login, spelling).status(), 200, "{login}, again");
            }
        }
    }
}

#[test]
fn an_export_says_which_hashes_are_ours_and_its_import_takes_them_as_such() {
    let server = TestServer::start();
    server.register("ours");
    let theirs = "pass²word of mine";
    import(&server, &line("theirs", &phc(theirs)));
    let first = export(&server);
    let other = TestServer::start();
    let (done, said) = import(&other, &first);
    assert_eq!((counts(&done), said), ([2, 2, 0, 0, 0], vec![]));
    assert_eq!(export(&other), first);
    let [ours, still] = ["ours", "theirs"].map(|login| hashes(&other)[login].clone());
    assert_eq!([&ours, &still], [&hashes(&server)["ours"], &hashes(&server)["theirs"]]);
    assert_eq!(other.log_in("theirs", theirs).status(), 200);
    assert_ne!(hashes(&other)["theirs"], still, "not made anew");
    assert_eq!(other.log_in("ours", PASSWORD).status(), 200);
    assert_eq!(hashes(&other)["ours"], ours, "ours needs not be made anew");
    // An export of before there was such a word: taken like anybody's.
    let older = TestServer::start();
    let plain = first.replace(",\"hashed_by\":\"gatepost\"", "").replace("foreign$", "$");
    assert_ne!(plain, first);
    assert_eq!(counts(&import(&older, &plain).0), [2, 2, 0, 0, 0]);
    assert_eq!(older.log_in("ours", PASSWORD).status(), 200);
    assert_ne!(hashes(&older)["ours"], ours, "not made anew");
    for (hash, word) in [(DJANGO, "gatepost"), (&ours, "somebody")] {
        let text = line("x", hash).replace('}', &format!(",\"hashed_by\":\"{word}\"}}"));
        let (done, said) = import(&older, &text);
        assert_eq!(counts(&done), [1, 0, 0, 0, 1]);
        assert!(said[0].starts_with("1: hashed_by: "), "{said:?}");
    }
}

#[test]
fn the_commands_say_what_is_no_user() {
    let (home, server) = (Home::new(), TestServer::start());
    let with =
        |arguments: &[&str], input: &str| run(&mut program(&home, &server, arguments), input);
    let output = with(&["user", "import", "-"], &format!("[\"a\",\"{DJANGO}\",true]\n \n"));
    let errors = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(errors, "-:1: not an object\ngatepost: -: 1 line(s) refused, each named above\n");
    assert_eq!(success(&with(&["user", "list"], "")), "");
}
