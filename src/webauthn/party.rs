//! Who asks for passkeys, and for what.

use crate::config::{Config, Profile, WebOrigin};

/// Who asks for passkeys, and from which pages.
#[derive(Clone, Debug)]
pub(crate) struct RelyingParty<'a> {
    id: &'a str,
    /// The pages that may ask; `None` stands for those of this machine.
    origins: Option<&'a [WebOrigin]>,
}

impl<'a> RelyingParty<'a> {
    /// Who asks with these settings; in production nobody, unless they say it.
    pub(crate) fn of(config: &'a Config) -> Option<Self> {
        match &config.passkeys.rp_id {
            Some(id) => Some(Self { id: id.as_str(), origins: Some(&config.passkeys.origins) }),
            None if config.profile == Profile::Production => None,
            None => Some(Self { id: "localhost", origins: None }),
        }
    }

    /// The domain that passkeys are bound to.
    pub(crate) fn id(&self) -> &'a str {
        self.id
    }

    /// Whether a page of this origin may ask.
    pub(crate) fn takes(&self, origin: &str) -> bool {
        match self.origins {
            Some(origins) => origins.iter().any(|taken| taken.as_str() == origin),
            None => origin.parse().is_ok_and(|origin: WebOrigin| {
                matches!(origin.scheme_and_host().1, "localhost" | "127.0.0.1" | "[::1]")
            }),
        }
    }
}

/// What is done: making a passkey, or using one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ceremony {
    Create,
    Get,
}
