//! `gatepost check-config`

use super::output::print_line;
use super::{Arguments, Outcome, load};

const HELP: &str = "\
Usage: gatepost check-config [--config FILE]

Shows every setting, secrets hidden, and where its value comes from. Exits with 1 when something
is wrong, naming every fault.
";

pub(super) fn command(mut arguments: Arguments) -> Outcome {
    arguments.end(HELP)?;
    let loaded = load(arguments.file.as_deref())?;
    print_line(&format!("profile = {}", loaded.config.profile.name()))?;
    for (name, value, origin) in loaded.settings() {
        print_line(&format!("{name} = {value}  # {origin}"))?;
    }
    Ok(())
}
