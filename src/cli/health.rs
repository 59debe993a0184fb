//! `gatepost health`

use super::output::print_line;
use super::{Context, Outcome, load};
use gatepost::health::{self, Question};

/// Ask the running service whether it is well
///
/// Asks the service that listens at server.listen whether it answers, over TLS or a Unix socket
/// where that is configured: GET /livez. Exits with 0 if the answer is 200 and with 1 otherwise. It
/// waits for 5 s at most.
#[derive(clap::Args)]
pub(super) struct Options {
    /// Ask GET /readyz, which asks for the database too
    #[arg(long)]
    ready: bool,
}

pub(super) fn command(context: &Context, options: &Options) -> Outcome {
    let question = if options.ready { Question::Ready } else { Question::Live };
    health::ask(&load(context.file.as_deref())?.config, question)?;
    print_line(if options.ready { "ready" } else { "live" })
}
