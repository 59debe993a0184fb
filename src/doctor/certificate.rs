//! Checks of the certificate: how long it is good, whether clients can follow its chain, and
//! whether it names the host that clients use.

use super::verdict::{Examination, Verdict, examination};
use crate::config::Config;
use rustls::client::verify_server_name;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use x509_cert::Certificate;
use x509_cert::der::{Decode, Encode};

/// Where systems keep the roots that their programs trust: Debian, Fedora, Alpine.
const ROOTS: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// A certificate is renewed with a third of its lifetime left (RFC 9773 and the practice of ACME
/// clients), so with a tenth left the renewal does not work.
const LATE: u32 = 10;

pub(super) fn examine(config: &Config) -> Vec<Examination> {
    let Some(path) = &config.server.tls_certificate else {
        let text = "server.tls_certificate is not set; a proxy in front has the certificate";
        return vec![examination("certificate", Verdict::skipped(text))];
    };
    let chain = match read(path) {
        Ok(chain) if !chain.is_empty() => chain,
        Ok(_) => return vec![examination("certificate", unreadable("it holds no certificate"))],
        Err(fault) => return vec![examination("certificate", unreadable(&fault))],
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    vec![
        examination("certificate-time", time(&chain[0].0, now)),
        examination("certificate-chain", links(&chain, &roots())),
        examination("certificate-name", name(&chain[0].1, &config.tokens.issuer)),
    ]
}

fn unreadable(fault: &str) -> Verdict {
    Verdict::fault(
        format!("server.tls_certificate: {fault}"),
        "clients cannot connect",
        "give it the chain in PEM, leaf first",
    )
}

type Pair = (Certificate, CertificateDer<'static>);

fn read(path: &Path) -> Result<Vec<Pair>, String> {
    let pem = std::fs::read(path).map_err(|e| e.to_string())?;
    let parse = |der: CertificateDer<'static>| match Certificate::from_der(&der) {
        Ok(parsed) => Ok((parsed, der)),
        Err(error) => Err(format!("a certificate in it is malformed: {error}")),
    };
    let ders = CertificateDer::pem_slice_iter(&pem);
    ders.map(|der| der.map_err(|e| e.to_string()).and_then(parse)).collect()
}

/// The subjects of the roots that this system trusts; `None` where it keeps no such file.
fn roots() -> Option<Vec<Vec<u8>>> {
    let pem = ROOTS.iter().find_map(|path| std::fs::read(path).ok())?;
    let ders = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok);
    let subject = |der: CertificateDer<'_>| {
        Certificate::from_der(&der).ok()?.tbs_certificate().subject().to_der().ok()
    };
    Some(ders.filter_map(subject).collect())
}

fn time(leaf: &Certificate, now: Duration) -> Verdict {
    let validity = leaf.tbs_certificate().validity();
    let (from, to) =
        (validity.not_before.to_unix_duration(), validity.not_after.to_unix_duration());
    let renew = "renew it (`certbot renew`) and see why that did not happen by itself";
    if now < from {
        return Verdict::fault(
            "it is not valid yet",
            "clients refuse it",
            "set this machine's clock, or wait: `timedatectl`",
        );
    }
    let Some(left) = to.checked_sub(now) else {
        return Verdict::fault("it has expired", "clients refuse it", renew);
    };
    let shown = match left.as_secs() / 3600 {
        hours @ ..48 => format!("{hours} hours left"),
        hours => format!("{} days left", hours / 24),
    };
    if left < to.saturating_sub(from) / LATE {
        return Verdict::fault(shown, "clients refuse it when it has expired", renew);
    }
    Verdict::ok(shown)
}

fn links(chain: &[Pair], roots: &Option<Vec<Vec<u8>>>) -> Verdict {
    let names = |(certificate, _): &Pair| {
        let tbs = certificate.tbs_certificate();
        (tbs.subject().to_der().unwrap_or_default(), tbs.issuer().to_der().unwrap_or_default())
    };
    let named: Vec<_> = chain.iter().map(names).collect();
    let why = "clients that do not guess what is missing refuse the connection";
    let remedy = "write the leaf, then each issuer up to the root, as `fullchain.pem` of ACME clients \
                  has them";
    if named.windows(2).any(|pair| pair[0].1 != pair[1].0) {
        let text = "a certificate in the file is not the issuer of the one before it";
        return Verdict::fault(text, why, remedy);
    }
    let (subject, issuer) = &named[named.len() - 1];
    let known = |roots: &Vec<Vec<u8>>| roots.contains(issuer) || roots.contains(subject);
    let count = chain.len();
    match roots {
        None => Verdict::ok(format!("{count} certificates, each issued by the next")),
        Some(roots) if known(roots) => {
            Verdict::ok(format!("{count} certificates, up to a root that this machine trusts"))
        }
        Some(_) if count == 1 && subject == issuer => Verdict::fault(
            "it is signed by itself",
            "clients refuse it unless each is told to trust it",
            "get one that clients trust (`certbot`), or put it among the trusted of every client \
             and of this machine (`update-ca-certificates`)",
        ),
        Some(_) => {
            let own = "; if it is a CA of your own, add its root to this machine's with \
                       `update-ca-certificates`";
            let text = "the chain ends below an issuer that this machine does not trust";
            Verdict::fault(text, why, format!("{remedy}{own}"))
        }
    }
}

fn name(leaf: &CertificateDer<'_>, issuer: &str) -> Verdict {
    let host = issuer.strip_prefix("https://").map(host);
    let Some(host) = host else {
        return Verdict::skipped("tokens.issuer is no https URL, so the name is not known");
    };
    let (Ok(server), Ok(leaf)) =
        (ServerName::try_from(host.to_owned()), ParsedCertificate::try_from(leaf))
    else {
        return Verdict::skipped(format!(
            "tokens.issuer: {host} is no name that a certificate has"
        ));
    };
    match verify_server_name(&leaf, &server) {
        Ok(()) => Verdict::ok(format!("it is for {host}")),
        Err(_) => Verdict::fault(
            format!("it is not for {host}, which tokens.issuer names"),
            "clients that go there refuse the connection",
            format!(
                "get one that names {host}, or set tokens.issuer to the address that clients use"
            ),
        ),
    }
}

/// The host in what follows `https://`.
fn host(rest: &str) -> &str {
    let authority = rest.split('/').next().unwrap_or_default();
    match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, Issuer, KeyPair};

    const DAY: u64 = 86_400;

    fn pair(der: &[u8]) -> Pair {
        (Certificate::from_der(der).unwrap(), CertificateDer::from(der.to_vec()))
    }

    fn day(number: u64) -> Duration {
        Duration::from_secs(number * DAY)
    }

    /// A leaf that is valid from the day 100 to the day 200, its issuer, and a stranger.
    fn made() -> [Pair; 3] {
        let at = |day: u64| {
            time::OffsetDateTime::from_unix_timestamp((day * DAY).cast_signed()).unwrap()
        };
        let ca = |name: &str| {
            let mut params = CertificateParams::new(Vec::new()).unwrap();
            params.distinguished_name.push(rcgen::DnType::CommonName, name);
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            (params, KeyPair::generate().unwrap())
        };
        let ((issuer, issuer_key), (other, other_key)) = (ca("issuer"), ca("other"));
        let mut leaf = CertificateParams::new(["auth.example.com".to_owned()]).unwrap();
        leaf.distinguished_name.push(rcgen::DnType::CommonName, "leaf");
        (leaf.not_before, leaf.not_after) = (at(100), at(200));
        let made = issuer.self_signed(&issuer_key).unwrap();
        let signer = Issuer::new(issuer, issuer_key);
        let leaf = leaf.signed_by(&KeyPair::generate().unwrap(), &signer).unwrap();
        [pair(leaf.der()), pair(made.der()), pair(other.self_signed(&other_key).unwrap().der())]
    }

    #[test]
    fn each_fault_of_a_certificate_is_found() {
        let [leaf, issuer, other] = made();
        let is_fault = |verdict: Verdict| matches!(verdict, Verdict::Fault(_));
        for (now, fault) in [(99, true), (100, false), (189, false), (191, true), (201, true)] {
            assert_eq!(is_fault(time(&leaf.0, day(now))), fault, "{now}");
        }
        let subject = issuer.0.tbs_certificate().subject().to_der().unwrap();
        let (trusted, nobody) = (Some(vec![subject]), Some(Vec::new()));
        let whole = [leaf.clone(), issuer.clone()];
        assert!(!is_fault(links(&whole, &trusted)) && !is_fault(links(&whole, &None)));
        assert!(!is_fault(links(&whole[..1], &trusted)));
        assert!(is_fault(links(&whole, &nobody)) && is_fault(links(&whole[..1], &nobody)));
        assert!(is_fault(links(std::slice::from_ref(&issuer), &nobody)));
        assert!(is_fault(links(&[leaf.clone(), other], &None)));
        assert!(!is_fault(name(&leaf.1, "https://auth.example.com:8443/x")));
        assert!(is_fault(name(&leaf.1, "https://example.com")));
        assert!(is_fault(name(&leaf.1, "https://[::1]:8443")));
        assert!(matches!(name(&leaf.1, "gatepost"), Verdict::Skipped(_)));
    }
}
