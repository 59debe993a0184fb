//! What is wrong with a command line, in one line that names the nearest right word.
//!
//! The library's own messages repeat what was typed. Here only what looks like a command or an
//! option is repeated: anything else may be a password, and the message may end up in a log.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, Error};
use std::ffi::OsString;

/// The command that the words lead to, and how it is called.
pub(super) fn deepest<'a>(root: &'a Command, words: &[OsString]) -> (&'a Command, String) {
    let mut found = root;
    let mut path = root.get_name().to_owned();
    let mut words = words.iter().skip(1);
    while let Some(word) = words.next() {
        if word == "--config" {
            words.next();
            continue;
        }
        if word == "help" || word.as_encoded_bytes().starts_with(b"-") {
            continue;
        }
        let Some(next) = found.find_subcommand(word) else { break };
        path = format!("{path} {}", next.get_name());
        found = next;
    }
    (found, path)
}

/// What the error says, without repeating a secret.
pub(super) fn explain(error: &Error, root: &Command, words: &[OsString]) -> String {
    let (command, path) = deepest(root, words);
    let argument = text(error, ContextKind::InvalidArg);
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let word = text(error, ContextKind::InvalidSubcommand);
            no_command(&word, &text(error, ContextKind::SuggestedSubcommand))
        }
        ErrorKind::UnknownArgument => {
            unknown(&argument, &text(error, ContextKind::SuggestedArg), root, command)
        }
        ErrorKind::MissingRequiredArgument => {
            format!("{} needs {}", short(&path), argument.replace("\n", " and "))
        }
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let names = command.get_subcommands().map(Command::get_name);
            let names: Vec<&str> = names.filter(|name| *name != "help").collect();
            format!("{} needs a command: {}", short(&path), names.join(", "))
        }
        ErrorKind::ArgumentConflict => {
            let other = text(error, ContextKind::PriorArg);
            match other == argument || other.is_empty() {
                true => format!("{argument} is given twice"),
                false => format!("{argument} and {other} exclude each other"),
            }
        }
        ErrorKind::InvalidValue if text(error, ContextKind::InvalidValue).is_empty() => {
            format!("{argument} needs a value")
        }
        ErrorKind::InvalidValue => {
            let near = text(error, ContextKind::SuggestedValue);
            let takes = text(error, ContextKind::ValidValue).replace('\n', ", ");
            format!("{argument} takes one of {takes}{}", meant(&near))
        }
        ErrorKind::ValueValidation if argument.contains("ADDRESS") => {
            format!("{argument} takes an address and port, such as 127.0.0.1:3000")
        }
        ErrorKind::ValueValidation => format!("{argument} takes a whole number"),
        ErrorKind::TooManyValues => format!("{argument} takes no value"),
        ErrorKind::InvalidUtf8 => "an argument is not UTF-8".to_owned(),
        _ => "the arguments are not understood".to_owned(),
    }
}

fn no_command(word: &str, near: &str) -> String {
    match word {
        "key" => "there is no command \"key\"; API keys are under api-key".to_owned(),
        "keys" => "there is no command \"keys\"; signing keys are under signing-key".to_owned(),
        // Any other word may be anything, such as a connection string.
        word if is_command(word) => format!("there is no command {word:?}{}", meant(near)),
        _ => UNEXPECTED.to_owned(),
    }
}

const UNEXPECTED: &str = "there is an unexpected argument, which is not shown here";

fn unknown(argument: &str, near: &str, root: &Command, command: &Command) -> String {
    let name = argument.split('=').next().unwrap_or_default();
    let Some(option) = name.strip_prefix("--").filter(|word| is_command(word)) else {
        return match name.as_bytes() {
            [b'-', letter] if letter.is_ascii_alphabetic() => format!("unknown option {name}"),
            _ => UNEXPECTED.to_owned(),
        };
    };
    let owners = owners(root, "gatepost", option);
    if !owners.is_empty() && !owns(command, option) {
        return format!("--{option} goes with {}", owners.join(", "));
    }
    format!("unknown option --{option}{}", meant(near))
}

/// The commands that have this option.
fn owners(command: &Command, path: &str, option: &str) -> Vec<String> {
    let mut found = Vec::new();
    if owns(command, option) {
        found.push(short(path).to_owned());
    }
    for next in command.get_subcommands().filter(|next| next.get_name() != "help") {
        found.extend(owners(next, &format!("{path} {}", next.get_name()), option));
    }
    found
}

fn owns(command: &Command, option: &str) -> bool {
    command.get_arguments().any(|argument| argument.get_long() == Some(option))
}

fn meant(near: &str) -> String {
    match near.lines().next() {
        Some(near) if !near.is_empty() => format!(" (did you mean {near}?)"),
        _ => String::new(),
    }
}

/// The path without the program's name.
fn short(path: &str) -> &str {
    path.strip_prefix("gatepost ").unwrap_or(path)
}

/// Whether a word could be a command or the name of an option.
fn is_command(word: &str) -> bool {
    (1..=20).contains(&word.len())
        && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

/// A piece of what the error carries, several values on a line each.
fn text(error: &Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join("\n"),
        Some(ContextValue::StyledStr(text)) => text.to_string(),
        _ => String::new(),
    }
}
