//! `[mail]`, `[events]` and `[recovery]`: messages to users, what happened to them, and how both leave.

use crate::secret::Secret;
use std::path::PathBuf;
use std::time::Duration;

section! {
    /// Messages to users: to prove an address, to get back into an account, to learn what was changed in it.
    ///
    /// They leave by `mail.smtp` or by `mail.webhook`. With neither they wait for a program with an API key of
    /// the scope `outbox`, which takes them with `GET /outbox`; while there is no such key, none are made.
    mail: Mail {
        /// The server that takes mail, such as `smtp://user:password@mail.example.com`: with STARTTLS on port
        /// 587, or `smtps://` with TLS from the start on port 465. Only to a server on this machine does mail go
        /// without TLS.
        smtp: Option<Secret> = "";

        /// The program that sends messages, as the URL to which each is posted in the form of Standard Webhooks.
        webhook: Option<Secret> = "";

        /// Signs what is posted to `mail.webhook`: `whsec_` and 24 to 64 bytes in base64;
        /// `echo whsec_$(openssl rand -base64 32)` makes one.
        webhook_secret: Option<Secret> = "";

        /// Whom mail is from, such as `Example <noreply@example.com>`. Goes with `mail.smtp`.
        from: String = "";

        /// The page of the product to which links lead, such as `https://www.example.com/account`. The token
        /// stands behind it, as `#recovery=…`. Without it, links lead to Gatepost's own pages, if they are turned
        /// on.
        ///
        /// A part behind # is in no log of a server and is not sent on.
        link_base: String = "";

        /// A directory of texts that replace those of Gatepost, such as `de/recovery.txt`.
        templates: Option<PathBuf> = "";

        /// The language of texts where a user's public attribute `locale` names none that is there.
        language: String = "en";
    }
}

section! {
    /// What happened to users, for a program that wants to know.
    events: Events {
        /// The program that is told, as the URL to which each event is posted in the form of Standard Webhooks.
        /// Without one, events wait for `GET /outbox`, as messages do.
        webhook: Option<Secret> = "";

        /// Signs what is posted to `events.webhook`, as `mail.webhook_secret` does.
        webhook_secret: Option<Secret> = "";
    }
}

section! {
    /// The way back into an account.
    recovery: Recovery {
        /// How long a user who had an address that was proved can take back that it was changed.
        ///
        /// A week lets one who reads mail on weekends see it in time.
        undo: Duration = "7d", "1h" to "90d";
    }
}

/// How messages to users leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Smtp,
    Webhook,
    /// They are taken with `GET /outbox`.
    Pulled,
}

impl Mail {
    pub(crate) fn way(&self) -> Way {
        match (&self.smtp, &self.webhook) {
            (Some(_), _) => Way::Smtp,
            (None, Some(_)) => Way::Webhook,
            (None, None) => Way::Pulled,
        }
    }
}

impl Events {
    pub(crate) fn way(&self) -> Way {
        if self.webhook.is_some() { Way::Webhook } else { Way::Pulled }
    }
}
