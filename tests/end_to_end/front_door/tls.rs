//! TLS: handshakes that come, come slowly or not at all, and certificates that change.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gatepost::internals::front_door::Settings;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::support::{Client, PATIENCE, Site, changed, eventually, settings};

type Session = StreamOwned<ClientConnection, TcpStream>;

/// Writes a new self-signed certificate and its key; returns the certificate.
pub(super) fn issue(directory: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(directory.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    std::fs::write(directory.join("certificate.pem"), made.cert.pem()).unwrap();
    CertificateDer::from_pem_slice(made.cert.pem().as_bytes()).unwrap()
}

pub(super) fn with_tls(directory: &Path) -> Settings {
    changed(settings(), |s| {
        s.tls_certificate = Some(directory.join("certificate.pem"));
        s.tls_key = Some(directory.join("key.pem"));
    })
}

fn connect(
    site: &Site,
    trusted: &CertificateDer<'static>,
    version: &'static rustls::SupportedProtocolVersion,
) -> std::io::Result<Session> {
    let mut session = session(trusted, version);
    let mut socket = TcpStream::connect(site.address())?;
    socket.set_read_timeout(Some(PATIENCE))?;
    while session.is_handshaking() {
        session.complete_io(&mut socket)?;
    }
    Ok(StreamOwned::new(session, socket))
}

/// A client's side that has not said anything yet.
pub(super) fn session(
    trusted: &CertificateDer<'static>,
    version: &'static rustls::SupportedProtocolVersion,
) -> ClientConnection {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    ClientConnection::new(Arc::new(config), name).unwrap()
}

fn ask(session: &mut Session, target: &str) -> String {
    let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
    session.write_all(request.as_bytes()).unwrap();
    let (mut reply, mut piece) = (Vec::new(), [0; 65_536]);
    // Where the body begins, and its length if it is announced. Found once: a client that looks
    // at all it has again and again reads too slowly for a long reply.
    let mut body: Option<(usize, Option<usize>)> = None;
    loop {
        let count = session.read(&mut piece).unwrap();
        reply.extend_from_slice(&piece[..count]);
        if body.is_none()
            && let Some(end) = reply.windows(4).position(|window| window == b"\r\n\r\n")
        {
            let head = String::from_utf8_lossy(&reply[..end]);
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
            body = Some((end + 4, length.map(|length| length.parse().unwrap())));
        }
        let done = match body {
            Some((begin, Some(length))) => reply.len() == begin + length,
            Some((_, None)) => reply.ends_with(b"0\r\n\r\n"),
            None => false,
        };
        if done {
            return String::from_utf8(reply).unwrap();
        }
    }
}

#[test]
fn both_versions_are_spoken_and_long_replies_come_whole() {
    let directory = tempfile::tempdir().unwrap();
    let certificate = issue(directory.path());
    let site = Site::with(with_tls(directory.path()));
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut session = connect(&site, &certificate, version).unwrap();
        assert!(ask(&mut session, "/x").contains("\"target\":\"/x\""));
        assert!(ask(&mut session, "/medium").matches('y').count() >= 40_000);
        assert!(ask(&mut session, "/big").matches('x').count() >= 8 << 20);
        assert!(ask(&mut session, "/x").contains("\"target\":\"/x\""));
    }
}

#[test]
fn a_refusal_and_the_end_are_told_within_tls() {
    let directory = tempfile::tempdir().unwrap();
    let certificate = issue(directory.path());
    let site = Site::with(with_tls(directory.path()));
    let mut session = connect(&site, &certificate, &rustls::version::TLS13).unwrap();
    session.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut text = String::new();
    // Ends with an error unless the farewell comes.
    session.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 400 "), "{text}");
}

#[test]
fn plain_http_on_a_tls_port_is_told_so() {
    let directory = tempfile::tempdir().unwrap();
    issue(directory.path());
    let site = Site::with(with_tls(directory.path()));
    let reply = site.get("/x");
    assert_eq!((reply.status, reply.code().as_str()), (400, "invalid_request"));
    let mut client = site.connect();
    client.send([0x16, 3, 1, 0, 2, 0xff, 0xff]);
    // An alert, and the end.
    client.rest();
}

/// Twenty clients that begin a handshake and leave it at that.
fn slow_handshakes(site: &Site) -> Vec<Client> {
    let begin = |_| {
        let mut client = site.connect();
        client.try_send([0x16, 3, 1]);
        client
    };
    (0..20).map(begin).collect()
}

#[test]
fn slow_handshakes_end_in_time() {
    let directory = tempfile::tempdir().unwrap();
    let certificate = issue(directory.path());
    let site = Site::with(changed(with_tls(directory.path()), |s| {
        s.tuning.handshake_timeout = Duration::from_secs(3);
    }));
    let slow = slow_handshakes(&site);
    let mut session = connect(&site, &certificate, &rustls::version::TLS13).unwrap();
    assert!(ask(&mut session, "/x").contains("200"));
    for mut client in slow {
        assert!(client.is_closed());
    }
}

#[test]
fn when_there_are_many_handshakes_the_oldest_give_way() {
    let directory = tempfile::tempdir().unwrap();
    let certificate = issue(directory.path());
    let site = Site::with(changed(with_tls(directory.path()), |s| {
        s.tuning.handshake_timeout = Duration::from_secs(300);
        s.tuning.max_handshakes = 4;
    }));
    let mut slow = slow_handshakes(&site);
    let mut session = connect(&site, &certificate, &rustls::version::TLS13).unwrap();
    assert!(ask(&mut session, "/x").contains("200"));
    for client in &mut slow[..16] {
        assert!(client.is_closed());
    }
    let last = &slow[19].socket;
    last.set_nonblocking(true).unwrap();
    assert!(last.peek(&mut [0]).is_err(), "the youngest was sent away");
}

#[test]
fn a_renewed_certificate_is_picked_up_without_dropping_anyone() {
    let directory = tempfile::tempdir().unwrap();
    let old = issue(directory.path());
    let site = Site::with(changed(with_tls(directory.path()), |s| {
        s.tuning.tls_check_interval = Duration::from_secs(3600);
    }));
    let version = &rustls::version::TLS13;
    let mut before = connect(&site, &old, version).unwrap();
    assert!(ask(&mut before, "/x").contains("200"));
    let new = issue(directory.path());
    site.door.reload_tls().unwrap();
    assert!(connect(&site, &old, version).is_err());
    assert!(ask(&mut connect(&site, &new, version).unwrap(), "/x").contains("200"));
    assert!(ask(&mut before, "/x").contains("200"));
    // A broken one is reported, and the former stays.
    std::fs::write(directory.path().join("certificate.pem"), "broken").unwrap();
    assert!(site.door.reload_tls().is_err());
    assert!(connect(&site, &new, version).is_ok());
}

#[test]
fn files_that_change_are_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let old = issue(directory.path());
    let site = Site::with(changed(with_tls(directory.path()), |s| {
        s.tuning.tls_check_interval = Duration::from_millis(20);
    }));
    let version = &rustls::version::TLS12;
    assert!(connect(&site, &old, version).is_ok());
    let new = issue(directory.path());
    eventually("the new certificate", || connect(&site, &new, version).is_ok());
}

#[test]
fn a_certificate_that_does_not_load_or_fit_its_key_is_an_error_at_start() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    issue(one.path());
    issue(other.path());
    std::fs::copy(other.path().join("key.pem"), one.path().join("key.pem")).unwrap();
    let start = || {
        let listeners =
            vec![gatepost::internals::front_door::Listener::bind("127.0.0.1:0").unwrap()];
        let nowhere = one.path().join("nobody");
        let upstreams = gatepost::internals::front_door::Upstreams {
            ordinary: nowhere.clone(),
            hashing: nowhere,
        };
        let settings = with_tls(one.path());
        gatepost::internals::front_door::Door::start(
            settings,
            listeners,
            upstreams,
            super::support::HOOKS,
        )
    };
    assert!(start().is_err());
    std::fs::remove_file(one.path().join("key.pem")).unwrap();
    assert!(start().unwrap_err().to_string().contains("key.pem"));
}
