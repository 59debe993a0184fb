//! `gatepost check-config`

use super::output::{print_line, tell};
use super::{Argument, Arguments, Failure, Outcome, load};
use gatepost::{Service, database};

pub(super) const HELP: &str = "\
Usage: gatepost check-config [--connect] [--config FILE]

Prints every setting with its value and where that comes from; secrets are hidden. If a setting, or a
file that one names, is wrong, it prints every fault and exits with 1: what `gatepost serve` would
refuse, this refuses too. With --connect it also connects to database.url and database.owner_url and
checks roles and schema there, without changing anything.
";

pub(super) fn command(mut arguments: Arguments) -> Outcome {
    let mut connect = false;
    while let Some(argument) = arguments.next(HELP)? {
        match argument {
            Argument::Flag(name) if name == "connect" => connect = true,
            Argument::Flag(name) => return Err(Failure::Usage(format!("unknown option --{name}"))),
            Argument::Word(_) => return Err(Failure::unexpected()),
        }
    }
    let loaded = load(arguments.file.as_deref())?;
    Service::check(&loaded.config)?;
    if let Some(text) = loaded.passed_over() {
        tell(&text);
    }
    let connected = if connect { database::check(&loaded.config)? } else { Vec::new() };
    print_line(&format!("profile = {}", loaded.config.profile.name()))?;
    for (name, value, origin) in loaded.settings() {
        print_line(&format!("{name} = {value}  # {origin}"))?;
    }
    connected.iter().try_for_each(|line| print_line(&format!("# {line}")))
}
