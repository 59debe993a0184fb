//! `gatepost check-config`

use super::{Arguments, Outcome, load, print};
use std::fmt::Write;

const HELP: &str = "\
Usage: gatepost check-config [--config FILE]

Shows every setting, secrets hidden, and where its value comes from. Exits with 1 when something
is wrong, naming every fault.
";

pub(super) fn command(mut arguments: Arguments) -> Outcome {
    arguments.end(HELP)?;
    let loaded = load(arguments.file.as_deref())?;
    let mut text = format!("profile = {}\n", loaded.config.profile.name());
    for (name, value, origin) in loaded.settings() {
        let _ = writeln!(text, "{name} = {value}  # {origin}");
    }
    print(&text)
}
