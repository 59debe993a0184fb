//! Tokens issued, verified, forged and changed; which key signs when.

use super::*;
use crate::secret::Secret;
use jsonwebtoken::EncodingKey;

const ALICE: Subject = Subject { user_id: 1, admin: false, token_version: 1 };

static NO_EXTRA: std::sync::LazyLock<ExtraClaims> = std::sync::LazyLock::new(ExtraClaims::default);

fn settings(algorithm: config::Algorithm) -> config::Tokens {
    let mut settings = config::Config::new(config::Profile::Testing).tokens;
    settings.algorithm = algorithm;
    settings.access_ttl = Duration::from_secs(60);
    settings.tuning.verified_tokens = 0;
    settings
}

fn clock() -> Clock {
    Clock { said: 1_000_000, at: Instant::now() }
}

fn with(settings: &config::Tokens, keys: Vec<(Key, i64)>) -> Keys {
    let keys = keys.into_iter().map(|(key, signs_from)| Scheduled { key, signs_from });
    Keys::new(settings, keys.collect(), clock())
}

fn ed25519(byte: u8) -> Key {
    Key::private(config::Algorithm::EdDsa, &[byte; 32]).unwrap()
}

fn p256(byte: u8) -> Key {
    Key::private(config::Algorithm::Es256, &[byte; 32]).unwrap()
}

/// Two keys of RSA, since making one takes a while.
static RSA: std::sync::LazyLock<[Key; 2]> = std::sync::LazyLock::new(|| {
    [config::Algorithm::Rs256, config::Algorithm::Rs256Bits3072]
        .map(|algorithm| Key::private(algorithm, &key::generate(algorithm).unwrap()).unwrap())
});

fn rs256(at: usize) -> Keys {
    with(&settings(config::Algorithm::Rs256), vec![(RSA[at].clone(), 0)])
}

fn keys(byte: u8) -> Keys {
    with(&settings(config::Algorithm::EdDsa), vec![(ed25519(byte), 0)])
}

fn es256(byte: u8) -> Keys {
    with(&settings(config::Algorithm::Es256), vec![(p256(byte), 0)])
}

fn hs256(secret: &str) -> Keys {
    let key = Key::hs256(&Secret::from(secret));
    with(&settings(config::Algorithm::Hs256), vec![(key, i64::MIN)])
}

fn session() -> SessionRef {
    SessionRef::new(5, [7; 16])
}

fn issued(keys: &Keys, audience: &Audience, left: Duration) -> Issued {
    let grant = Grant {
        subject: ALICE,
        session: session(),
        authentication: Authentication { amr: Amr::PASSWORD, at: 1_700_000_000 },
        left,
        audience,
        extra: &NO_EXTRA,
    };
    keys.issue(grant).unwrap()
}

fn issue(keys: &Keys) -> String {
    let mut settings = settings(config::Algorithm::EdDsa);
    settings.issuer.clone_from(&keys.issuer);
    issued(keys, &Audience::whole(&settings), Duration::from_secs(3_600)).access_token
}

fn of_user(claims: AccessClaims) -> Claims {
    match claims {
        AccessClaims::User(claims) => claims,
        AccessClaims::Client(other) => panic!("{other:?}"),
    }
}

fn claims() -> Claims {
    of_user(keys(1).verify(&issue(&keys(1))).unwrap())
}

/// A token signed by this key with any header and claims.
fn forge(key: &Key, header: &serde_json::Value, claims: &serde_json::Value) -> String {
    provider::install();
    let encode = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", encode(header), encode(claims));
    let signature = match key.signs.as_ref().unwrap() {
        SigningHalf::Of(signs) => {
            jsonwebtoken::crypto::sign(message.as_bytes(), signs, key.algorithm).unwrap()
        }
        SigningHalf::Rsa(pair) => {
            URL_SAFE_NO_PAD.encode(rsa::sign(pair, message.as_bytes()).unwrap())
        }
    };
    format!("{message}.{signature}")
}

#[test]
fn a_token_says_what_was_issued() {
    for keys in [keys(1), es256(1), rs256(0), rs256(1), hs256("0123456789abcdef0123456789abcdef")] {
        let claims = of_user(keys.verify(&issue(&keys)).unwrap());
        assert_eq!((claims.user_id, claims.sub.as_str()), (1, "1"));
        assert_eq!((claims.exp - claims.iat, claims.iss.as_str()), (60, "gatepost"));
        assert_eq!(serde_json::to_value(&claims).unwrap()["sid"], "5.BwcHBwcHBwcHBwcHBwcHBw");
    }
}

#[test]
fn a_token_is_made_of_two_objects() {
    let keys = keys(1);
    let kid = ed25519(1).kid;
    let claims = serde_json::to_value(claims()).unwrap();
    let header = serde_json::json!({"typ": "at+jwt", "alg": "EdDSA", "kid": kid});
    assert!(keys.verify(&forge(&ed25519(1), &header, &claims)).is_ok());
    let order = [
        "user_id",
        "exp",
        "iss",
        "sub",
        "aud",
        "client_id",
        "iat",
        "auth_time",
        "jti",
        "sid",
        "admin",
        "token_version",
    ];
    let by_position = serde_json::json!(order.map(|name| claims[name].clone()));
    let read =
        serde_json::from_value::<Payload>(by_position.clone()).map(drop).map_err(|e| e.to_string());
    assert!(read.is_err_and(|fault| fault.contains("expected an object")));
    for other in [by_position, serde_json::json!([claims]), serde_json::json!("a")] {
        assert_eq!(keys.verify(&forge(&ed25519(1), &header, &other)), Err(Error::TokenInvalid));
    }
    // The fields of jsonwebtoken's struct, by position.
    let header = serde_json::json!(["at+jwt", "EdDSA", null, null, null, kid]);
    assert_eq!(keys.verify(&forge(&ed25519(1), &header, &claims)), Err(Error::TokenInvalid));
    assert!(!keys.lack_key_of(&forge(&ed25519(2), &header, &claims)));
}

#[test]
fn a_token_does_not_outlive_its_session() {
    let audience = Audience::whole(&settings(config::Algorithm::EdDsa));
    let issued = issued(&keys(1), &audience, Duration::from_millis(7_900));
    let claims = of_user(keys(1).verify(&issued.access_token).unwrap());
    assert_eq!((claims.exp - claims.iat, issued.lifetime.as_secs()), (7, 7));
}

#[test]
fn a_token_of_another_key_secret_or_issuer_is_refused() {
    assert!(keys(1).verify(&issue(&keys(2))).is_err());
    assert!(es256(1).verify(&issue(&es256(2))).is_err());
    assert!(rs256(0).verify(&issue(&rs256(1))).is_err());
    let ours = hs256("0123456789abcdef0123456789abcdef");
    let theirs = hs256("0123456789abcdef0123456789abcdeF");
    assert!(ours.verify(&issue(&theirs)).is_err());
    let mut other = keys(1);
    other.issuer = "somebody".to_owned();
    assert!(keys(1).verify(&issue(&other)).is_err());
}

#[test]
fn a_token_of_another_type_or_for_another_service_is_refused() {
    let claims = serde_json::to_value(claims()).unwrap();
    let kid = ed25519(1).kid;
    for typ in ["JWT", "AT+JWT", "application/at+jwt", "revocations+jwt", "logout+jwt", ""] {
        let header = serde_json::json!({"typ": typ, "alg": "EdDSA", "kid": kid});
        assert_eq!(keys(1).verify(&forge(&ed25519(1), &header, &claims)), Err(Error::TokenInvalid));
    }
    let header = serde_json::json!({"alg": "EdDSA", "kid": kid});
    assert_eq!(keys(1).verify(&forge(&ed25519(1), &header, &claims)), Err(Error::TokenInvalid));
    let mut settings = settings(config::Algorithm::EdDsa);
    settings.audience = vec!["a".to_owned(), "b".to_owned()];
    let keys = with(&settings, vec![(ed25519(1), 0)]);
    let told = |resource: &[&str]| {
        let resource: Vec<String> = resource.iter().map(ToString::to_string).collect();
        let audience = Audience::narrowed(&settings, &resource).unwrap();
        let token = issued(&keys, &audience, Duration::from_secs(60)).access_token;
        assert_eq!(*keys.verify(&token).unwrap().aud(), audience);
        keys.verify_for_us(&token)
    };
    assert_eq!(told(&[]).unwrap().aud().names(), ["gatepost", "a", "b"]);
    assert_eq!(told(&["b", "gatepost"]).unwrap().aud().names(), ["gatepost", "b"]);
    // What a service was given is of no use here.
    assert_eq!(told(&["a"]), Err(Error::TokenInvalid));
    assert_eq!(told(&["b", "a"]), Err(Error::TokenInvalid));
}

#[test]
fn a_token_is_over_in_the_second_of_its_end() {
    let at = |exp: u64| {
        let claims = Claims { exp, ..claims() };
        keys(1).verify(&sign(&ed25519(1), ACCESS_TOKEN, &claims).unwrap())
    };
    assert!(at(now()).is_err());
    assert!(at(now() - 30).is_err());
    assert!(at(now() + 30).is_ok());
}

#[test]
fn a_token_that_was_verified_before_still_ends() {
    let mut settings = settings(config::Algorithm::EdDsa);
    settings.tuning.verified_tokens = 1;
    let keys = with(&settings, vec![(ed25519(1), 0)]);
    let token = issue(&keys);
    assert!(keys.verify(&token).is_ok());
    let over = Claims { exp: now(), ..claims() };
    assert!(keys.verified.get("over", || Ok(AccessClaims::User(over))).is_ok());
    assert!(keys.verify("over").is_err());
}

#[test]
fn a_missing_or_misshapen_claim_is_refused() {
    let good = serde_json::to_value(claims()).unwrap();
    let header = serde_json::json!({"typ": "at+jwt", "alg": "EdDSA", "kid": ed25519(1).kid});
    assert!(keys(1).verify(&forge(&ed25519(1), &header, &good)).is_ok());
    for (claim, value) in [
        ("iss", serde_json::Value::Null),
        ("iss", serde_json::json!(["gatepost"])),
        ("exp", serde_json::Value::Null),
        ("exp", serde_json::json!("9999999999")),
        ("user_id", serde_json::json!("1")),
        ("token_version", serde_json::Value::Null),
        ("sid", serde_json::json!(5)),
        ("sid", serde_json::json!("five")),
        ("aud", serde_json::json!({})),
        ("aud", serde_json::json!([1])),
        ("client_id", serde_json::Value::Null),
        ("auth_time", serde_json::json!("now")),
        ("amr", serde_json::json!(["face"])),
    ] {
        let mut bad = good.clone();
        bad[claim] = value.clone();
        assert!(keys(1).verify(&forge(&ed25519(1), &header, &bad)).is_err(), "{claim}: {value}");
        bad.as_object_mut().unwrap().remove(claim);
        assert!(keys(1).verify(&forge(&ed25519(1), &header, &bad)).is_err(), "no {claim}");
    }
}

#[test]
fn the_algorithm_and_the_key_are_pinned() {
    let good = serde_json::to_value(claims()).unwrap();
    let kid = ed25519(1).kid;
    let both = with(
        &settings(config::Algorithm::EdDsa),
        vec![(ed25519(1), 0), (p256(1), 0), (RSA[0].clone(), 0)],
    );
    // The public key as an HMAC secret: the classic confusion.
    let mut confused = ed25519(1);
    let secret = EncodingKey::from_secret(ed25519(1).public_bytes().unwrap());
    confused.signs = Some(SigningHalf::Of(secret));
    confused.algorithm = Algorithm::HS256;
    let header = serde_json::json!({"typ": "at+jwt", "alg": "HS256", "kid": kid});
    assert!(keys(1).verify(&forge(&confused, &header, &good)).is_err());
    // A key of ours, and an algorithm of ours that is not this key's.
    for (key, kid, alg) in [
        (p256(1), ed25519(1).kid, "ES256"),
        (ed25519(1), p256(1).kid, "EdDSA"),
        (p256(1), ed25519(1).kid, "EdDSA"),
        (ed25519(1), p256(1).kid, "ES256"),
        (RSA[0].clone(), ed25519(1).kid, "RS256"),
        (ed25519(1), RSA[0].kid.clone(), "EdDSA"),
        (RSA[1].clone(), RSA[0].kid.clone(), "RS256"),
        (RSA[0].clone(), RSA[0].kid.clone(), "PS256"),
        (RSA[0].clone(), RSA[0].kid.clone(), "RS512"),
    ] {
        let header = serde_json::json!({"typ": "at+jwt", "alg": alg, "kid": kid});
        assert!(both.verify(&forge(&key, &header, &good)).is_err(), "{key:?} {header}");
    }
    let foreign = serde_json::json!({"typ": "at+jwt", "alg": "EdDSA", "kid": "another"});
    assert!(keys(1).verify(&forge(&ed25519(1), &foreign, &good)).is_err());
    let unnamed = serde_json::json!({"typ": "at+jwt", "alg": "EdDSA"});
    assert!(keys(1).verify(&forge(&ed25519(1), &unnamed, &good)).is_err());
    for alg in ["none", "None", "NONE", ""] {
        let header = serde_json::json!({"typ": "at+jwt", "alg": alg, "kid": kid});
        let token = forge(&ed25519(1), &header, &good);
        let (message, _) = token.rsplit_once('.').unwrap();
        assert!(keys(1).verify(&token).is_err());
        assert!(keys(1).verify(&format!("{message}.")).is_err());
    }
}

#[test]
fn no_part_of_a_token_can_be_changed() {
    for keys in [keys(1), es256(1), rs256(0)] {
        let token = issue(&keys);
        for position in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(keys.verify(&changed).is_err(), "byte {position} of {token}");
        }
        for garbage in ["", ".", "..", "a.b.c", "é.é.é", &token[1..], &format!("{token}.")] {
            assert!(keys.verify(garbage).is_err());
        }
    }
}

/// The name of the one of these keys that signs a token.
fn signed_by(keys: &Keys) -> String {
    jsonwebtoken::decode_header(issue(keys)).unwrap().kid.unwrap()
}

#[test]
fn of_the_configured_algorithm_the_latest_key_signs_whose_turn_has_come() {
    let keys = |algorithm, turns: [i64; 3]| {
        let [a, b, c] = turns;
        with(&settings(algorithm), vec![(ed25519(1), a), (ed25519(2), b), (p256(3), c)])
    };
    let (past, future) = (1_000_000, 9_000_000);
    let eddsa = config::Algorithm::EdDsa;
    assert_eq!(signed_by(&keys(eddsa, [0, past, past])), ed25519(2).kid);
    assert_eq!(signed_by(&keys(eddsa, [0, future, past])), ed25519(1).kid);
    let es256 = config::Algorithm::Es256;
    assert_eq!(signed_by(&keys(es256, [0, 1, past])), p256(3).kid);
    // Its first key is published, but does not sign yet.
    assert_eq!(signed_by(&keys(es256, [0, 1, future])), ed25519(2).kid);
    assert_eq!(signed_by(&keys(es256, [future, future, 8_000_000])), p256(3).kid);
}

#[test]
fn a_key_without_its_private_half_verifies_and_does_not_sign() {
    let old = Key::public(config::Algorithm::EdDsa, ed25519(1).public_bytes().unwrap()).unwrap();
    let token = issue(&keys(1));
    let keys = with(&settings(config::Algorithm::EdDsa), vec![(old, 1), (ed25519(2), 0)]);
    assert!(keys.verify(&token).is_ok());
    assert_eq!(signed_by(&keys), ed25519(2).kid);
    assert!(!keys.lack_key_of(&token));
    assert!(keys.lack_key_of(&issue(&self::keys(3))));
}

#[test]
fn a_turn_comes_while_the_keys_stay_loaded() {
    let mut keys = with(&settings(config::Algorithm::EdDsa), vec![(ed25519(1), 0)]);
    keys.keys.push(Scheduled { key: ed25519(2), signs_from: keys.clock.said + 3_000 });
    assert_eq!(signed_by(&keys), ed25519(1).kid);
    keys.clock.at = keys.clock.at.checked_sub(Duration::from_secs(3)).unwrap();
    assert_eq!(signed_by(&keys), ed25519(2).kid);
}

#[test]
fn public_keys_are_published_and_secrets_are_not() {
    let secret = "0123456789abcdef0123456789abcdef";
    assert_eq!(hs256(secret).published().count(), 0);
    let both = with(&settings(config::Algorithm::EdDsa), vec![(ed25519(1), 0), (p256(1), 0)]);
    let jwks = serde_json::to_value(both.published().collect::<Vec<_>>()).unwrap();
    let names =
        |n: usize| -> Vec<String> { jwks[n].as_object().unwrap().keys().cloned().collect() };
    assert_eq!(names(0), ["alg", "crv", "kid", "kty", "use", "x"]);
    assert_eq!(names(1), ["alg", "crv", "kid", "kty", "use", "x", "y"]);
    // RFC 8032, 7.1, and the base point of P-256 (its private key is 1; SEC 2, 2.4.2).
    let rfc8032 = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    let bytes: Vec<u8> =
        (0..32).map(|n| u8::from_str_radix(&rfc8032[2 * n..2 * n + 2], 16).unwrap()).collect();
    let key = Key::private(config::Algorithm::EdDsa, &bytes).unwrap();
    let jwk = serde_json::to_value(key.jwk()).unwrap();
    assert_eq!(jwk["x"], "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
    let mut one = [0; 32];
    one[31] = 1;
    let key = Key::private(config::Algorithm::Es256, &one).unwrap();
    let jwk = serde_json::to_value(key.jwk()).unwrap();
    assert_eq!(jwk["x"], "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY");
    assert_eq!(jwk["y"], "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU");
}

#[test]
fn a_token_of_an_api_key_says_whose_it_is_and_never_passes_for_a_user_s() {
    let settings = settings(config::Algorithm::EdDsa);
    let audience = Audience::whole(&settings);
    let issued = keys(1).issue_to_client("shop", "f", "register".to_owned(), &audience).unwrap();
    let AccessClaims::Client(claims) = keys(1).verify(&issued.access_token).unwrap() else {
        panic!("a user's");
    };
    assert_eq!((claims.sub.as_str(), claims.client_id.as_str()), ("shop", "shop"));
    assert_eq!((claims.scope.as_str(), claims.exp - claims.iat), ("register", 60));
    assert_eq!(claims.fingerprint(), "f");
    let header = serde_json::json!({"typ": "at+jwt", "alg": "EdDSA", "kid": ed25519(1).kid});
    let good = serde_json::to_value(&claims).unwrap();
    assert!(keys(1).verify(&forge(&ed25519(1), &header, &good)).is_ok());
    for (claim, value) in [
        ("user_id", serde_json::json!(1)),
        ("sid", serde_json::json!("5.BwcHBwcHBwcHBwcHBwcHBw")),
        ("auth_time", serde_json::json!(1)),
        ("amr", serde_json::json!(["pwd"])),
        ("admin", serde_json::json!(true)),
        ("token_version", serde_json::json!(1)),
        ("scope", serde_json::Value::Null),
    ] {
        let mut bad = good.clone();
        bad[claim] = value;
        assert!(keys(1).verify(&forge(&ed25519(1), &header, &bad)).is_err(), "{claim}");
    }
}
