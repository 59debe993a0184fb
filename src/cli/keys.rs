//! `gatepost keys …`: works beside a running service, and without one.

use super::output::record;
use super::{Argument, Arguments, Failure, Outcome, print};
use gatepost::{App, KeyState, PrivateHalf, SigningKey};

const HELP: &str = "\
Usage: gatepost keys list                  List the signing keys in the database
       gatepost keys rotate                Make the next one, which signs after tokens.key_publication
       gatepost keys rotate --compromised  Replace all of them now: all tokens and sessions are over
       gatepost keys reencrypt             Encrypt them under tokens.encryption_key

Works beside a running service, on the private PostgreSQL too, and without one. A key is shown as
name, algorithm, `next`, `signing` or `old`, the time from which it signs, and `encrypted`, `plain`
or, when its private half is erased already, `-`; separated by tabs.
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
    let open = || Ok::<App, Failure>(App::open(arguments.load()?)?);
    match words.as_slice() {
        ["list"] => print(&gatepost::list_keys(&open()?)?.iter().map(line).collect::<String>()),
        ["rotate"] => {
            let rotate = if compromised { gatepost::replace_keys } else { gatepost::rotate_keys };
            print(&line(&rotate(&open()?)?))
        }
        ["reencrypt"] => match gatepost::reencrypt_keys(&open()?)? {
            0 => print("nothing to do\n"),
            count => print(&format!("encrypted {count} key(s)\n")),
        },
        _ => Err(Failure::Usage("keys takes list, rotate or reencrypt".to_owned())),
    }
}

fn line(key: &SigningKey) -> String {
    let state = match key.state {
        KeyState::Next => "next",
        KeyState::Signing => "signing",
        KeyState::Old => "old",
    };
    let private = match key.private {
        PrivateHalf::Encrypted => "encrypted",
        PrivateHalf::Plain => "plain",
        PrivateHalf::Erased => "-",
    };
    record(&[&key.kid, &key.algorithm, &state, &key.signs_from, &private])
}
