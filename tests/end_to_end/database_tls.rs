//! TLS to PostgreSQL: a real server with certificates that are right, and wrong in each way.

use crate::support::{APP_PASSWORD, bootstrap, config};
use gatepost::secret::Secret;
use gatepost::{App, Config, Error, Profile};
use gatepost_test_support::Cluster;
use postgres::NoTls;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// An authority, and the file that it is in.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    file: PathBuf,
}

/// A certificate and its key, in PEM.
type Pair = (String, String);

/// A server, the port that it listens on, and a directory for the files of its clients.
struct Site {
    cluster: Cluster,
    port: u16,
    files: tempfile::TempDir,
}

impl Site {
    fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let cluster = Cluster::start_on(port);
        bootstrap(&cluster);
        Self { cluster, port, files: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.files.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        path
    }

    fn authority(&self, name: &str) -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let file = self.file(&format!("{name}.pem"), &certificate.pem());
        Authority { issuer: Issuer::new(params, key), file }
    }

    fn config(&self, words: &str) -> Config {
        let password = APP_PASSWORD.replace('\'', "\\'");
        let mut config = config("unused");
        config.database.url = Some(Secret::new(format!(
            "host=localhost hostaddr=127.0.0.1 port={} user=gatepost_app password='{password}' \
             dbname=gatepost {words}",
            self.port
        )));
        config
    }

    /// Opens the app, and says whether its connections are encrypted.
    fn open(&self, words: &str) -> Result<bool, String> {
        let app = App::open(self.config(words)).map_err(|error| match error {
            Error::Startup(_) | Error::Configuration(_) => error.to_string(),
            other => panic!("{words}: {other:?}"),
        })?;
        let mut admin = self.cluster.admin("gatepost").connect(NoTls).unwrap();
        let sql = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                   WHERE usename = 'gatepost_app'";
        let encrypted: Option<bool> = admin.query_one(sql, &[]).unwrap().get(0);
        drop(app);
        Ok(encrypted.expect("there is a connection"))
    }

    fn refused(&self, words: &str, cause: &str) {
        let told = self.open(words).expect_err(words);
        assert!(told.starts_with("database.url: ") && told.contains(cause), "{words}: {told}");
        assert!(!told.contains('\n') && !told.contains(APP_PASSWORD), "{told}");
    }
}

fn leaf(
    authority: &Authority,
    names: &[&str],
    change: impl FnOnce(&mut CertificateParams),
) -> Pair {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &authority.issuer).unwrap();
    (certificate.pem(), key.serialize_pem())
}

#[test]
fn a_server_is_accepted_or_refused_as_sslmode_says() {
    let site = Site::start();
    let (ours, other) = (site.authority("ours"), site.authority("other"));
    let (our_ca, other_ca) = (ours.file.display(), other.file.display());

    // A server without TLS.
    assert_eq!(site.open(""), Ok(false));
    assert_eq!(site.open("sslmode=disable"), Ok(false));
    site.refused("sslmode=require", "server does not support TLS");
    site.refused(&format!("sslmode=verify-full sslrootcert={our_ca}"), "does not support TLS");

    let (certificate, key) = leaf(&ours, &["localhost"], |_| ());
    site.cluster.offer_tls(&certificate, &key, "");
    assert_eq!(site.open(""), Ok(true));
    assert_eq!(site.open("sslmode=prefer"), Ok(true));
    assert_eq!(site.open("sslmode=disable"), Ok(false));
    assert_eq!(site.open("sslmode=require"), Ok(true));
    assert_eq!(site.open(&format!("sslmode=verify-ca sslrootcert={our_ca}")), Ok(true));
    assert_eq!(site.open(&format!("sslmode=verify-full sslrootcert={our_ca}")), Ok(true));
    for mode in ["require", "verify-ca", "verify-full"] {
        let words = format!("sslmode={mode} sslrootcert={other_ca}");
        site.refused(&words, "signed by none of the certificates in sslrootcert");
    }
    site.refused("sslrootcert=system", "signed by none of the certificates in sslrootcert");

    let (certificate, key) = leaf(&ours, &["db.example"], |_| ());
    site.cluster.offer_tls(&certificate, &key, "");
    assert_eq!(site.open(&format!("sslmode=verify-ca sslrootcert={our_ca}")), Ok(true));
    let full = format!("sslmode=verify-full sslrootcert={our_ca}");
    site.refused(&full, "not for the name localhost, only for");

    let (certificate, key) = leaf(&ours, &["localhost"], |params| {
        params.not_after = date_time_ymd(2025, 1, 1);
    });
    site.cluster.offer_tls(&certificate, &key, "");
    assert_eq!(site.open("sslmode=require"), Ok(true));
    site.refused(&full, "the server's certificate has expired");
    site.refused(&format!("sslmode=verify-ca sslrootcert={our_ca}"), "has expired");

    // As PostgreSQL's manual begins: one certificate, signed by itself, that both sides have.
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let own = params.self_signed(&key).unwrap();
    site.cluster.offer_tls(&own.pem(), &key.serialize_pem(), "");
    let file = site.file("own.pem", &own.pem());
    let words = format!("sslmode=verify-full sslrootcert={}", file.display());
    assert_eq!(site.open(&words), Ok(true));
    site.refused(&full, "the server's certificate");
}

#[test]
fn channel_binding_is_used_where_it_is_asked_for_and_refused_where_it_is_not_had() {
    let site = Site::start();
    let ours = site.authority("ours");
    let words = "sslmode=require channel_binding=require";
    site.refused("sslmode=disable channel_binding=require", "sslmode=disable forbids it");
    site.refused("channel_binding=require", "server does not support TLS");
    for algorithm in [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384] {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        site.cluster.offer_tls(&certificate.pem(), &key.serialize_pem(), "");
        assert_eq!(site.open(words), Ok(true));
        assert_eq!(site.open("channel_binding=require"), Ok(true));
    }
    // A server that asks for nothing proves nothing.
    let (certificate, key) = leaf(&ours, &["localhost"], |_| ());
    site.cluster.offer_tls(&certificate, &key, "");
    site.cluster.admit("hostssl", "trust");
    assert_eq!(site.open("sslmode=require"), Ok(true));
    site.refused(words, "server did not use channel binding");
    site.cluster.admit("hostssl", "password");
    site.refused(words, "server did not use channel binding");
}

#[test]
fn a_server_may_ask_for_a_certificate_of_ours() {
    let site = Site::start();
    let ours = site.authority("ours");
    let (certificate, key) = leaf(&ours, &["localhost"], |_| ());
    let ca = std::fs::read_to_string(&ours.file).unwrap();
    site.cluster.offer_tls(&certificate, &key, &ca);
    site.cluster.admit("hostssl", "cert");
    let (certificate, key) = leaf(&ours, &[], |params| {
        params.distinguished_name.push(DnType::CommonName, "gatepost_app");
    });
    let certificate = site.file("client.pem", &certificate);
    let key = site.file("client.key", &key);
    let (certificate, key) = (certificate.display(), key.display());
    let words = format!("sslmode=require sslcert={certificate} sslkey={key}");
    assert_eq!(site.open(&words), Ok(true));
    site.refused("sslmode=require", "requires a valid client certificate");

    let swapped = format!("sslmode=require sslcert={key} sslkey={certificate}");
    site.refused(&swapped, "holds no certificate; it looks as if");
    let (_, wrong) = leaf(&ours, &[], |_| ());
    let wrong = site.file("wrong.key", &wrong);
    let words = format!("sslmode=require sslcert={certificate} sslkey={}", wrong.display());
    site.refused(&words, "sslkey: is not the key of the first certificate in sslcert");
    std::fs::set_permissions(&wrong, PermissionsExt::from_mode(0o644)).unwrap();
    site.refused(&words, "can be read by others (mode 644); close it with chmod 600");
}

#[test]
fn production_refuses_plain_text_to_another_machine_unless_told_so() {
    // Another address than loopback's that leads to this machine all the same.
    let probe = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    let out = probe.connect("192.0.2.1:9").and_then(|()| probe.local_addr());
    let Ok(address) = out.map(|address| address.ip()) else {
        eprintln!("left out: this machine has no address beside loopback");
        return;
    };
    let listener = TcpListener::bind((address, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    // A server that speaks no TLS, and notes how it is spoken to.
    let first = std::thread::spawn(move || {
        let mut lengths = Vec::new();
        for _ in 0..2 {
            use std::io::{Read, Write};
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = [0; 8];
            stream.read_exact(&mut head).unwrap();
            lengths.push(u32::from_be_bytes([head[4], head[5], head[6], head[7]]));
            stream.write_all(b"N").unwrap();
        }
        lengths
    });
    let mut config = Config::new(Profile::Production);
    config.tokens.issuer = "https://auth.example".to_owned();
    config.encryption.key = Some("x".repeat(44).as_str().into());
    let url = |words: &str| {
        Some(Secret::new(format!("host={address} port={port} user=u password=p dbname=d {words}")))
    };
    config.database.url = url("");
    let told = App::open(config.clone()).unwrap_err().to_string();
    assert!(told.contains("server does not support TLS"), "{told}");
    assert!(told.contains("sslmode"), "{told}");
    // With the word it goes on in plain text; that this server understands nothing is another matter.
    config.database.url = url("sslmode=disable");
    let told = App::open(config).map_or_else(|error| error.to_string(), |_| String::new());
    assert!(!told.contains("TLS"), "{told}");
    let lengths = first.join().unwrap();
    // The code of SSLRequest, and the version of a plain StartupMessage.
    assert_eq!(lengths, [80_877_103, 196_608]);
}

#[test]
fn a_file_that_cannot_be_read_is_named_at_the_start() {
    let mut config = config("unused");
    for (words, said) in [
        ("sslmode=verify-full sslrootcert=/etc/no-such-file.pem", "sslrootcert names"),
        ("sslmode=verify-full sslrootcert=/etc/passwd", "is not in PEM"),
        ("sslmode=require sslcert=/etc/none.crt sslkey=/etc/none.key", "sslcert names"),
        ("sslmode=full", "its sslmode is none of disable, prefer"),
    ] {
        config.database.url = Some(Secret::new(format!("host=h password=hunter2 {words}")));
        let told = App::open(config.clone()).unwrap_err();
        assert!(matches!(told, Error::Configuration(_)), "{told:?}");
        let told = told.to_string();
        assert!(told.starts_with("database.url: ") && told.contains(said), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
}
