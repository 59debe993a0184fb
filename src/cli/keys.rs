//! `gatepost keys …`: works beside a running service, and without one.

use super::output::record;
use super::{Argument, Arguments, Failure, Outcome, print};
use gatepost::{App, KeyState, PrivateHalf, SigningKey};

pub(super) const HELP: &str = "\
Usage: gatepost keys list                  List the signing keys in the database
       gatepost keys rotate                Make the next one, which signs after tokens.key_publication
       gatepost keys rotate --compromised  Replace all of them now: all tokens and sessions are over
       gatepost keys reencrypt             Encrypt them under encryption.key, and print which

Works beside a running service, on the private PostgreSQL too, and without one. A key is shown as
name, algorithm, `next`, `signing` or `old`, the time from which it signs, and `encrypted`, `plain`
or, when its private half is erased already, `-`; separated by tabs. One that the service did not
write, or not so, is `unusable`; why, and its number, stand behind it. Rotating as compromised removes
it. Where the clock was ahead when the only key was made, that one signs all the same; rotating then
makes one whose turn comes in time, and the other is over with it.

With encryption.key everything must be encrypted. reencrypt takes plain keys over where nothing
in the database was ever encrypted; elsewhere they were planted or restored, and it refuses.
";

pub(super) fn command(mut arguments: Arguments) -> Outcome {
    let (mut words, mut compromised) = (Vec::new(), false);
    while let Some(argument) = arguments.next(HELP)? {
        match argument {
            Argument::Word(word) => words.push(word),
            Argument::Flag(name) if name == "compromised" => compromised = true,
            Argument::Flag(name) => return Err(Failure::Usage(format!("unknown option --{name}"))),
        }
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if compromised && words != ["rotate"] {
        return Err(Failure::Usage("--compromised goes with keys rotate".to_owned()));
    }
    // These show and mend what keeps all else from beginning.
    let repair = compromised || words != ["rotate"];
    let open = || -> Result<App, Failure> {
        let config = arguments.load()?;
        Ok(if repair { App::open_for_repair(config)? } else { App::open(config)? })
    };
    match words.as_slice() {
        ["list"] => print(&gatepost::list_keys(&open()?)?.iter().map(line).collect::<String>()),
        ["rotate"] => {
            let rotate = if compromised { gatepost::replace_keys } else { gatepost::rotate_keys };
            print(&line(&rotate(&open()?)?))
        }
        ["reencrypt"] => {
            let done = gatepost::reencrypt_keys(&open()?)?;
            for line in &done {
                print(&format!("{line}\n"))?;
            }
            match done.len() {
                0 => print("nothing to do\n"),
                count => print(&format!("encrypted {count} key(s)\n")),
            }
        }
        _ => Err(Failure::Usage("keys takes list, rotate or reencrypt".to_owned())),
    }
}

fn line(key: &SigningKey) -> String {
    let state = match key.state {
        KeyState::Next => "next",
        KeyState::Signing => "signing",
        KeyState::Old => "old",
        KeyState::Unusable => "unusable",
    };
    let private = match key.private {
        PrivateHalf::Encrypted => "encrypted",
        PrivateHalf::Plain => "plain",
        PrivateHalf::Erased => "-",
    };
    let from = key.signs_from.map_or("-".to_owned(), |time| time.to_string());
    let number = key.generation.map_or("-".to_owned(), |number| number.to_string());
    let number = format!("generation {number}");
    let columns: [&dyn std::fmt::Display; 5] = [&key.kid, &key.algorithm, &state, &from, &private];
    match &key.fault {
        Some(fault) => record(&[columns.as_slice(), &[fault, &number]].concat()),
        None => record(&columns),
    }
}
