//! `gatepost passwords build-list`

use super::output::{print_line, tell};
use super::progress::ProgressLine;
use super::{Context, Outcome};
use clap::Subcommand;
use gatepost::passwords;
use std::path::{Path, PathBuf};

/// Build the list of breached passwords to refuse
#[derive(Subcommand)]
pub(super) enum Command {
    BuildList(Sources),
}

/// Build the file for passwords.breach_list
///
/// Each line of a FILE is a password, or its SHA-1 in hexadecimal as the well-known corpora have
/// it, with or without a count (HASH:COUNT). The list takes eight bytes a password. It is sorted on
/// disk beside LIST, in about 50 MiB of memory for input of any size, and replaced once it is
/// complete. A running service uses it after a restart.
#[derive(clap::Args)]
pub(super) struct Sources {
    /// Where the list is written
    #[arg(long, value_name = "LIST")]
    output: String,
    /// Leave out passwords seen fewer than N times; lines without a count are kept, and their
    /// number is printed
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64))]
    min_count: Option<u64>,
    /// Files of breached passwords
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

pub(super) fn command(context: &Context, command: &Command) -> Outcome {
    let Command::BuildList(sources) = command;
    build_list(context, sources)
}

fn build_list(context: &Context, sources: &Sources) -> Outcome {
    context.without_file("passwords build-list")?;
    let output = &sources.output;
    let mut line = ProgressLine::new("lines");
    let built = passwords::build_breach_list(
        &sources.files,
        Path::new(output),
        sources.min_count.unwrap_or(1),
        |progress| line.at(progress.lines, progress.part),
    )?;
    drop(line);
    if sources.min_count.is_some() && built.uncounted > 0 {
        tell(&format!("{} lines have no count, so --min-count kept them", built.uncounted));
    }
    print_line(&format!("{output}: {} passwords of {} lines", built.entries, built.lines))
}
