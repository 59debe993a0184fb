//! Whether messages to users have a way out, and leave.

use super::verdict::Verdict;
use crate::config::{Config, Way};
use crate::db::Client;
use crate::error::Result;
use crate::outbox;

/// How long the oldest message may have waited, in seconds. A mail server that was away is tried every five minutes.
const LONGEST: f64 = 900.0;

pub(super) fn examine(client: &mut Client, config: &Config) -> Result<Verdict> {
    let (waiting, oldest) = outbox::backlog_of(client)?;
    let way = match config.mail.way() {
        Way::Smtp => "by SMTP",
        Way::Webhook => "by webhook",
        Way::Pulled if outbox::is_pulled_by_somebody(client)? => "through GET /outbox",
        Way::Pulled => {
            return Ok(Verdict::skipped(
                "no message can leave, so users who forget their passwords need an operator; \
                 docs/messages.md has the ways",
            ));
        }
    };
    if oldest > LONGEST {
        return Ok(Verdict::fault(
            format!("{waiting} messages wait, the oldest for {:.0} minutes", oldest / 60.0),
            "users who forgot their passwords wait with them, and after four days they are given up",
            "look into the log: `journalctl -u gatepost | grep messages`; `gatepost mail send-test` \
             tries mail.smtp, and a program that pulls must acknowledge",
        ));
    }
    Ok(Verdict::ok(format!("messages leave {way}, {waiting} wait")))
}
