//! `gatepost mail …`: what messages say, and whether they leave.

use super::output::print;
use super::{Context, Failure, Outcome};
use clap::Subcommand;
use gatepost::domain::Email;
use gatepost::outbox::{self, MessageKind};

/// See what messages say, and try whether they leave
#[derive(Subcommand)]
pub(super) enum Command {
    /// Print a message as it would be sent, with made-up values
    Preview {
        /// verification, recovery, invitation, new_sign_in, password_changed, email_changed,
        /// factors_changed, recovery_used, account_locked or test
        kind: String,
        /// The language, such as de
        #[arg(long, value_name = "LANGUAGE")]
        language: Option<String>,
        /// Print the HTML instead of the plain text
        #[arg(long)]
        html: bool,
    },
    /// Send a message to an address by mail.smtp, now
    SendTest {
        /// The address
        address: String,
    },
}

pub(super) fn command(context: &Context, command: &Command) -> Outcome {
    match command {
        Command::Preview { kind, language, html } => {
            let found = MessageKind::find(kind).ok_or_else(|| {
                let all = MessageKind::ALL.map(MessageKind::name).join(", ");
                Failure::Usage(format!("{kind:?} is not one of {all}"))
            })?;
            let config = context.load()?;
            let shown = outbox::preview(&config, found, language.as_deref())?;
            match html {
                true => print(&shown.html),
                false => print(&format!("Subject: {}\n\n{}", shown.subject, shown.text)),
            }
        }
        Command::SendTest { address } => {
            let address = Email::parse(address)?;
            let config = context.load()?;
            send_test(&config, &address)
        }
    }
}

#[cfg(feature = "mail")]
fn send_test(config: &gatepost::Config, address: &Email) -> Outcome {
    outbox::send_test(config, address)?;
    print(&format!("sent to {address}\n"))
}

#[cfg(not(feature = "mail"))]
fn send_test(_: &gatepost::Config, _: &Email) -> Outcome {
    Err(Failure::Failed("this binary was built without the feature mail".to_owned()))
}
