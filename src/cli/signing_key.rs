//! `gatepost signing-key …`: works beside a running service, and without one.

use super::output::record;
use super::{Argument, Arguments, Failure, Outcome, print};
use gatepost::App;
use gatepost::signing_keys::{self, PrivateHalf, SigningKey, SigningKeyState};

pub(super) const HELP: &str = "\
Usage: gatepost signing-key list                  List the signing keys in the database
       gatepost signing-key rotate                Create the next key; it signs after
                                                  tokens.key_publication
       gatepost signing-key rotate --compromised  Replace all keys now; this ends all tokens and
                                                  sessions
       gatepost signing-key reencrypt             Encrypt the keys under encryption.key and
                                                  print their names

Works with and without a running service, on the private PostgreSQL too. A key is listed as name,
algorithm, state (`next`, `signing` or `old`), the time from which it signs, and `encrypted`, `plain`,
or `-` once its private half is erased; separated by tabs. A key that the service did not write, or
that was changed since, is `unusable`; the reason and its number follow. `rotate --compromised`
removes it. If the clock was ahead when the only key was made, that key signs nevertheless until the
next rotation.

With encryption.key every key must be encrypted. reencrypt encrypts plain keys where nothing
in the database was ever encrypted. Elsewhere plain keys were planted or restored, and it refuses.
";

pub(super) fn command(mut arguments: Arguments) -> Outcome {
    let mut words = Vec::new();
    let mut compromised = false;
    while let Some(argument) = arguments.next(HELP)? {
        match argument {
            Argument::Word(word) => words.push(word),
            Argument::Flag(name) if name == "compromised" => compromised = true,
            Argument::Flag(name) => return Err(Failure::Usage(format!("unknown option --{name}"))),
        }
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if compromised && words != ["rotate"] {
        return Err(Failure::Usage("--compromised goes with signing-key rotate".to_owned()));
    }
    // These show and repair what keeps everything else from starting.
    let repair = compromised || words != ["rotate"];
    let open = || -> Result<App, Failure> {
        let config = arguments.load()?;
        Ok(if repair { App::open_for_repair(config)? } else { App::open(config)? })
    };
    match words.as_slice() {
        ["list"] => print(&signing_keys::list(&open()?)?.iter().map(line).collect::<String>()),
        ["rotate"] => {
            let rotate = if compromised { signing_keys::replace } else { signing_keys::rotate };
            print(&line(&rotate(&open()?)?))
        }
        ["reencrypt"] => {
            let done = signing_keys::reencrypt(&open()?)?;
            for line in &done {
                print(&format!("{line}\n"))?;
            }
            match done.len() {
                0 => print("nothing to do\n"),
                count => print(&format!("encrypted {count} key(s)\n")),
            }
        }
        _ => Err(Failure::Usage("signing-key takes list, rotate or reencrypt".to_owned())),
    }
}

fn line(key: &SigningKey) -> String {
    let state = match key.state {
        SigningKeyState::Next => "next",
        SigningKeyState::Signing => "signing",
        SigningKeyState::Old => "old",
        SigningKeyState::Unusable => "unusable",
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
