//! `gatepost health`

use super::output::print_line;
use super::{Argument, Arguments, Failure, Outcome, load};
use gatepost::health::{self, Question};

pub(super) const HELP: &str = "\
Usage: gatepost health [--ready] [--config FILE]

Asks the service that listens at server.listen whether it answers, over TLS or a Unix socket where
that is configured: GET /livez, or with --ready GET /readyz, which asks for the database too. Exits
with 0 if the answer is 200 and with 1 otherwise. It waits for 5 s at most.
";

pub(super) fn command(mut arguments: Arguments) -> Outcome {
    let mut question = Question::Live;
    while let Some(argument) = arguments.next(HELP)? {
        match argument {
            Argument::Flag(name) if name == "ready" => question = Question::Ready,
            Argument::Flag(name) => return Err(Failure::Usage(format!("unknown option --{name}"))),
            Argument::Word(_) => return Err(Failure::unexpected()),
        }
    }
    health::ask(&load(arguments.file.as_deref())?.config, question)?;
    print_line(if question == Question::Ready { "ready" } else { "live" })
}
