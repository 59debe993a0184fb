//! `gatepost passwords build-list`

use super::output::{print_line, tell};
use super::{Argument, Arguments, Failure, Outcome};
use gatepost::passwords;
use std::path::{Path, PathBuf};

pub(super) const HELP: &str = "\
Usage: gatepost passwords build-list --output LIST [--min-count N] FILE…

Builds LIST, the file for passwords.breach_list: breached passwords that users may not choose.
Each line of a FILE is a password, or its SHA-1 in hexadecimal as the well-known corpora have it,
with or without a count (HASH:COUNT). --min-count leaves out those seen fewer than N times; lines
without a count are kept, and their number is printed.
LIST takes eight bytes a password. It is sorted on disk beside LIST, in about 50 MiB of memory for
input of any size, and replaced once it is complete. A running service uses it after a restart.
";

pub(super) fn command(mut arguments: Arguments) -> Outcome {
    match arguments.next(HELP)? {
        Some(Argument::Word(word)) if word == "build-list" => build_list(arguments),
        _ => Err(Failure::Usage("passwords takes build-list".to_owned())),
    }
}

fn build_list(mut arguments: Arguments) -> Outcome {
    let mut output = None;
    let mut min_count = None;
    let mut files = Vec::new();
    while let Some(argument) = arguments.next(HELP)? {
        match argument {
            Argument::Word(file) => files.push(PathBuf::from(file)),
            Argument::Flag(name) if name == "output" => output = Some(arguments.value()?),
            Argument::Flag(name) if name == "min-count" => {
                let text = arguments.value()?;
                let fault = || Failure::Usage(format!("--min-count takes a number, not {text:?}"));
                min_count = Some(text.parse().map_err(|_| fault())?);
            }
            Argument::Flag(name) => return Err(Failure::Usage(format!("unknown option --{name}"))),
        }
    }
    let (Some(output), false) = (output, files.is_empty()) else {
        let text = "passwords build-list needs --output LIST and a FILE";
        return Err(Failure::Usage(text.to_owned()));
    };
    arguments.without_file("passwords build-list")?;
    let progress = |lines| tell(&format!("{lines} lines read"));
    let list = Path::new(&output);
    let least = min_count.unwrap_or(1);
    let built = passwords::build_breach_list(&files, list, least, progress)?;
    if min_count.is_some() && built.uncounted > 0 {
        tell(&format!("{} lines have no count, so --min-count kept them", built.uncounted));
    }
    print_line(&format!("{output}: {} passwords of {} lines", built.entries, built.lines))
}
