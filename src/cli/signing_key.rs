//! `gatepost signing-key …`: works beside a running service, and without one.

use super::records::{Form, Records};
use super::{Context, Failure, Outcome, print};
use clap::Subcommand;
use gatepost::signing_keys::{self, PrivateHalf, SigningKey, SigningKeyState};
use gatepost::{App, Caller};
use std::fmt::Display;

/// List and rotate the keys that sign tokens
///
/// These commands work with and without a running service, on the private PostgreSQL too. A key is
/// listed as name, algorithm, state (`next`, `signing` or `old`), the time from which it signs, and
/// `encrypted`, `plain`, or `-` once its private half is erased. A key that the service did not
/// write, or that was changed since, is `unusable`; the reason and its number follow. `rotate
/// --compromised` removes it. If the clock was ahead when the only key was made, that key signs
/// nevertheless until the next rotation.
#[derive(Subcommand)]
pub(super) enum Command {
    /// List the signing keys in the database
    List {
        #[command(flatten)]
        form: Form,
    },
    /// Create the next key; it signs after tokens.key_publication
    Rotate {
        /// Replace all keys now; this ends all tokens and sessions
        #[arg(long)]
        compromised: bool,
        #[command(flatten)]
        form: Form,
    },
    /// Encrypt the keys under encryption.key and print their names
    ///
    /// With encryption.key every key must be encrypted. reencrypt encrypts plain keys where nothing
    /// in the database was ever encrypted. Elsewhere plain keys were planted or restored, and it
    /// refuses.
    Reencrypt,
}

pub(super) fn command(context: &Context, command: &Command) -> Outcome {
    // All but an ordinary rotation show or repair what keeps everything else from starting.
    let repair = !matches!(command, Command::Rotate { compromised: false, .. });
    let config = context.load()?;
    let app = if repair { App::open_for_repair(config)? } else { App::open(config)? };
    match command {
        Command::List { form } => list(&signing_keys::list(&app, &Caller::Trusted)?, form),
        Command::Rotate { compromised, form } => {
            let key = match compromised {
                true => signing_keys::replace(&app)?,
                false => signing_keys::rotate(&app, &Caller::Trusted)?,
            };
            list(&[key], form)
        }
        Command::Reencrypt => {
            let done = signing_keys::reencrypt(&app)?;
            for line in &done {
                print(&format!("{line}\n"))?;
            }
            match done.len() {
                0 => print("nothing to do\n"),
                count => print(&format!("encrypted {count} key(s)\n")),
            }
        }
    }
}

fn list(keys: &[SigningKey], form: &Form) -> Result<(), Failure> {
    let mut records =
        Records::new(form, &["NAME", "ALGORITHM", "STATE", "SIGNS FROM", "PRIVATE HALF"]);
    for key in keys {
        let state = state(key);
        let private = match key.private {
            PrivateHalf::Encrypted => "encrypted",
            PrivateHalf::Plain => "plain",
            PrivateHalf::Erased => "-",
        };
        let from = key.signs_from.map_or("-".to_owned(), |time| time.to_string());
        let number = key.generation.map_or("-".to_owned(), |number| number.to_string());
        let number = format!("generation {number}");
        let columns: [&dyn Display; 5] = [&key.kid, &key.algorithm, &state, &from, &private];
        let reason: &[&dyn Display] = match &key.fault {
            Some(fault) => &[fault, &number],
            None => &[],
        };
        records.push(&[columns.as_slice(), reason].concat(), || key)?;
    }
    records.print()
}

fn state(key: &SigningKey) -> &'static str {
    match key.state {
        SigningKeyState::Next => "next",
        SigningKeyState::Signing => "signing",
        SigningKeyState::Old => "old",
        SigningKeyState::Unusable => "unusable",
    }
}
