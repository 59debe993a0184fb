//! Hashes as the libraries themselves made them (Python's bcrypt 5.0, argon2-cffi 25, passlib 1.7,
//! Werkzeug 3.1, Django 5.2), of a password that NFKC would change.

use super::Foreign;
use crate::passwords::stored::PasswordHash;

const PASSWORD: &str = "Ångström ①② password";

const HASHES: &[&str] = &[
    "$2b$05$dZRLeiaEYklbt.I3qgdFouLQXxL2DbD0RiOBJUklmVYWTU9UNZlHe",
    "$2a$05$wL6rVccuqGu5eHnjFtFJBeEmRJDhlfm2CFtaSbMrJqxL8rIZ2H8g.",
    "$2y$05$XzpCNGu6ND/pVzATnFLsDuGrxxBtPoR0/Cy.n9L1jItj2liayyJx.",
    "pbkdf2:sha256:1000$J5wydpsNvlMXBFTI$ed8195d41ee9506a2fa95b94ec90cd49f8088bc5e7bf7a51fae788\
     e2a86ab8d6",
    "pbkdf2:sha1:1000$YlFRgl54Nnywn9V1$92425b78b151b611a54551805dc29cc6ec534df5",
    "pbkdf2:sha512:1000$aMWHKg7bhnP8oh3U$58448f73c59f32a5f8a5e3f706ac887c6f3b0d1610b293efa9b86e\
     8d57ffe8c281b46d4ddaac5b282a0de6cadabdae2942adadb3ef5c76a51a5bf02d21d27eee",
    "scrypt:1024:8:2$P1M21E9cVFGbtjtH$8ebb2dab698e95a90960cfb5c3d1d95acd4d6f17ac4bc55307e1a152e\
     11eb37faa9fc0b6aec29df2e9c7469a934fc4d75bb822eeb05cd85f4785d6181f7e4d36",
    "$argon2id$v=19$m=64,t=2,p=2$UQK23GQCl0L31X48KvpTww$378KksjP+Z3V7tqz6LbKF0Tuwx/YnF8xh9eSp8n\
     dWWI",
    "$argon2i$v=19$m=64,t=2,p=2$wj8oSCd7369Y1EYGFkFXiw$NX2ccn+b3JO+ADvfuYDWWXpW6Mlww5TTR+5kiBXHhOI",
    "$argon2d$v=19$m=64,t=2,p=2$TFoSei7E/0qtIFVVvpgKWQ$/8QcYHthH+kd/8BCmS1VB7O/irlhJT3o4s68FtNNV/w",
    "$argon2i$v=16$m=64,t=2,p=1$c29tZXNhbHQ$AFQeApHkE9rBoyI8+cqHXw",
    "$scrypt$ln=10,r=8,p=1$srY2xjjH2PtfK4Ww9h5jbA$qYQj/PrpHJys0BDaQevjy4fJ2bJiOuidBJXkduLs5zg",
    "$pbkdf2-sha256$1000$kRJC6N27V4qxds7ZuxeCsA$bhKCqdFoLtSBB.EDSe6HyGjUkLabhsSgRQ2pQYPBzV8",
    "pbkdf2_sha256$1000$saltsaltsalt$en+a81IaqrP0yDav+lVHzzSWjBz91dAE1Af/2HawpKk=",
    "pbkdf2_sha1$1000$saltsaltsalt$AwqfYeoLQyExMNseD8jAJAm/tec=",
    "argon2$argon2id$v=19$m=64,t=1,p=2$c2FsdHNhbHRzYWx0$iPlNje//BnbTuqCRSJmuH75VcbAvsvGQFVJCWs3\
     FBtk",
    "bcrypt_sha256$$2b$05$RXfLEsV4QqHzt6NWaK2j8.xnfS99tLa9mjimnqiavmK.vKtXyFh6K",
    "bcrypt$$2b$05$0rHbQB9zzqMNkrwmTpO7DO6RP/2gTx96KSGBh3Zt39o6eyQViFwwW",
    "scrypt$1024$saltsaltsalt$8$2$zbZMahWPWxkwjxOdlj8d94aa05YVBNTKCapfu21yhat94GND8ctvkSGT7lsJp\
     Tq/k/7t0nWH+5ix4On0g6VJWA==",
];

fn parse(text: &str) -> Foreign {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

#[test]
fn every_kind_verifies_its_password_as_it_was_typed_and_no_other() {
    for text in HASHES {
        let hash = parse(text);
        assert_eq!(hash.verify(PASSWORD.as_bytes()), Ok(true), "{text}");
        for other in ["Ångström 12 password", "Ångström ①② passwore", "", "x"] {
            assert_eq!(hash.verify(other.as_bytes()), Ok(false), "{text} and {other}");
        }
    }
}

#[test]
fn bcrypt_cuts_at_72_bytes_as_those_who_made_the_hash_did() {
    let hash = parse("$2b$05$VROM69b9fmOW5vg7e9OpA.EgxWvOta231ha1HpO..Ag3yQQYuulm.");
    for length in [72, 73, 80, 1000] {
        assert_eq!(hash.verify("x".repeat(length).as_bytes()), Ok(true), "{length}");
    }
    assert_eq!(hash.verify("x".repeat(71).as_bytes()), Ok(false));
}

#[test]
fn what_would_cost_too_much_or_is_not_known_is_refused_with_its_reason() {
    let salt_hash = "$c29tZXNhbHQ$AFQeApHkE9rBoyI8+cqHXw";
    let bcrypt = "gHBG5DWl007VA6DDrC0Sh.wjL4IFxg3TWf5SnWxyaISW8yBylJdwy";
    let sha256 = "en+a81IaqrP0yDav+lVHzzSWjBz91dAE1Af/2HawpKk=";
    for (text, cause) in [
        (format!("$2b$15${bcrypt}"), "bcrypt cost=15 costs more than is accepted, at most cost=14"),
        (format!("$2b$32${bcrypt}"), "cost=32 is outside the accepted range, 4 to 31"),
        (format!("$2b$03${bcrypt}"), "cost=3"),
        (format!("$2x$05${bcrypt}"), "not a supported kind"),
        (format!("bcrypt$$2x$05${bcrypt}"), "only $2a$"),
        (format!("$2b$05${}", &bcrypt[1..]), "53 characters"),
        (format!("$2b$05$ä{}", &bcrypt[2..]), "Base64"),
        (format!("$argon2id$v=19$m=1050000,t=1,p=1{salt_hash}"), "at most 1024 MiB"),
        (format!("$argon2id$v=19$m=65536,t=17,p=1{salt_hash}"), "at most 1024 MiB"),
        (format!("$argon2id$v=19$m=4294967295,t=4294967295,p=1{salt_hash}"), "at most 1024 MiB"),
        (format!("$argon2id$v=19$m=64,t=1,p=9{salt_hash}"), "m=64 is outside"),
        (format!("$argon2id$v=19$m=6400,t=1,p=65{salt_hash}"), "p=65"),
        (format!("$argon2id$v=19$m=64,t=0,p=1{salt_hash}"), "t=0"),
        (format!("$argon2id$v=18$m=64,t=1,p=1{salt_hash}"), "versions 16 and 19"),
        (format!("$argon2x$v=19$m=64,t=1,p=1{salt_hash}"), "argon2id"),
        (format!("$argon2id$v=19$t=1,m=64,p=1{salt_hash}"), "m= is missing"),
        (format!("$argon2id$v=19$m=64,t=1,p=1,keyid=a{salt_hash}"), "unknown parameters"),
        ("$argon2id$v=19$m=64,t=1,p=1$c29t$AFQeApHkE9rBoyI8+cqHXw".to_owned(), "too short"),
        (format!("$scrypt$ln=20,r=8,p=1{salt_hash}"), "at most 512 MiB written (128 N r p)"),
        (format!("$scrypt$ln=63,r=4294967295,p=64{salt_hash}"), "costs more"),
        (format!("$scrypt$ln=64,r=8,p=1{salt_hash}"), "power of two"),
        (format!("$scrypt$ln=0,r=8,p=1{salt_hash}"), "power of two"),
        (format!("$scrypt$ln=16,r=1,p=1{salt_hash}"), "too large for this r"),
        (format!("$scrypt$ln=10,r=0,p=1{salt_hash}"), "r=0"),
        ("scrypt:1000:8:1$salt$00".to_owned(), "power of two"),
        ("scrypt:1024:8:1$salt$0g".to_owned(), "hexadecimal"),
        ("scrypt:1024:8:1$salt$000".to_owned(), "hexadecimal"),
        ("scrypt:1024:8:1$salt$00".to_owned(), "too short"),
        (
            format!("pbkdf2_sha256$10000001$salt${sha256}"),
            "pbkdf2-sha256 i=10000001 costs more than is accepted, at most 2500000 iterations",
        ),
        (format!("pbkdf2_sha256$0$salt${sha256}"), "iterations=0"),
        (format!("pbkdf2_sha256$-1$salt${sha256}"), "not a number"),
        (format!("pbkdf2_sha1$1000$salt${sha256}"), "length"),
        (format!("pbkdf2_sha256$1000${}${sha256}", "s".repeat(129)), "too long"),
        ("pbkdf2:md5:1000$salt$00".to_owned(), "only sha1"),
        ("!8TaZ4b".to_owned(), "nobody can log in"),
        ("md5$salt$00".to_owned(), "not a supported kind"),
        ("correct horse".to_owned(), "not a supported kind"),
        (String::new(), "not a supported kind"),
    ] {
        let refused = text.parse::<PasswordHash>().err().map_or(String::new(), |e| e.to_string());
        assert!(refused.contains(cause), "{text}: {refused:?} does not say {cause:?}");
    }
}

#[test]
fn memory_is_what_the_parameters_say() {
    let of = |text: &str| parse(text).memory();
    let salt_hash = "$c29tZXNhbHQ$AFQeApHkE9rBoyI8+cqHXw";
    assert_eq!(of(&format!("$argon2id$v=19$m=65536,t=3,p=4{salt_hash}")), 64 << 20);
    assert_eq!(of(&format!("$scrypt$ln=15,r=8,p=1{salt_hash}")), (32 << 20) + 2 * 1024);
    assert_eq!(of(HASHES[0]), 0);
}
