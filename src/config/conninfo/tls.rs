//! What a connection string says about TLS, with libpq's meaning.

use super::options::Split;
use std::path::{Path, PathBuf};

/// How the connection is encrypted and how the server is checked: libpq's `sslmode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SslMode {
    /// Not encrypted.
    Disable,
    /// Encrypted where the server offers it, without a check of who the server is.
    #[default]
    Prefer,
    /// Encrypted, without a check of who the server is.
    Require,
    /// The server's certificate is signed by a certificate that is trusted.
    VerifyCa,
    /// It is also for the name in the connection string.
    VerifyFull,
}

impl SslMode {
    /// The values that libpq knows.
    pub(super) const NAMES: [&str; 6] =
        ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];
}

/// Which certificates are trusted to sign the server's: libpq's `sslrootcert`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Roots {
    /// Those of the machine.
    System,
    /// Those in a file in PEM.
    File(PathBuf),
}

/// The files of the certificate that the server asks for, and of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClientCertificate {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// What a connection string says about TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TlsOptions {
    pub(crate) mode: SslMode,
    pub(crate) roots: Option<Roots>,
    pub(crate) client: Option<ClientCertificate>,
}

impl TlsOptions {
    /// Reads the options that were taken out of a connection string, whose `sslmode` is one of
    /// [`SslMode::NAMES`].
    ///
    /// # Errors
    /// What does not go together, in our own words only.
    pub(super) fn read(split: &Split) -> Result<Self, &'static str> {
        let roots = split.get("sslrootcert").map(|value| match value {
            "system" => Roots::System,
            file => Roots::File(file.into()),
        });
        let mode = match (split.get("sslmode"), &roots) {
            (None, Some(Roots::System)) => SslMode::VerifyFull,
            (None, _) => SslMode::Prefer,
            (Some("disable"), _) => SslMode::Disable,
            (Some("allow"), _) => {
                return Err("sslmode=allow is not supported: write prefer, or better require");
            }
            (Some("prefer"), _) => SslMode::Prefer,
            // As libpq has it, for those who have named a file and mean it.
            (Some("require"), Some(Roots::File(_))) => SslMode::VerifyCa,
            (Some("require"), _) => SslMode::Require,
            (Some("verify-ca"), _) => SslMode::VerifyCa,
            (Some(_), _) => SslMode::VerifyFull,
        };
        if roots == Some(Roots::System) && mode != SslMode::VerifyFull {
            return Err("sslrootcert=system needs sslmode=verify-full, since anyone can have a \
                        certificate for a name of their own");
        }
        if mode >= SslMode::VerifyCa && roots.is_none() {
            return Err(
                "its sslmode needs sslrootcert: the file of the certificate that has signed \
                        the server's, or the word system for those that this machine trusts",
            );
        }
        let client = match (split.get("sslcert"), split.get("sslkey")) {
            (None, None) => None,
            (Some(certificate), Some(key)) => {
                Some(ClientCertificate { certificate: certificate.into(), key: key.into() })
            }
            (Some(_), None) => return Err("it has sslcert without sslkey"),
            (None, Some(_)) => return Err("it has sslkey without sslcert"),
        };
        let relative = |path: &Path| !path.is_absolute();
        if matches!(&roots, Some(Roots::File(path)) if relative(path))
            || client.iter().any(|c| relative(&c.certificate) || relative(&c.key))
        {
            return Err("the files that it names need absolute paths");
        }
        if mode > SslMode::Prefer && !cfg!(feature = "tls") {
            return Err("its sslmode needs TLS, and this program was built without it");
        }
        Ok(Self { mode, roots, client })
    }
}
