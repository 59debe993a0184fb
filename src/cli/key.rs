//! `gatepost key …`: works beside a running service, and without one.

use super::output::{print_line, record, tell};
use super::{Argument, Arguments, Failure, Outcome, print};
use gatepost::api_keys::{self, ApiKey, ApiKeyName, ApiKeyRef, Scopes};
use gatepost::domain::Timestamp;
use gatepost::{App, Caller};

pub(super) const HELP: &str = "\
Usage: gatepost key create NAME --scope SCOPE[,SCOPE…]    Make a key and show it, this once
       gatepost key list                                  List all keys
       gatepost key revoke NAME|ID                        Refuse a key from now on

A program shows its key as `Authorization: Bearer KEY`. What it may do:

users:read    see users and their sessions
users:write   change and delete users who are no admins, end their sessions
register      register users, with access.registration = \"admin\" too
introspect    ask what a token is worth

Works beside a running service, on the private PostgreSQL too, and without one. A key is listed
as id, name, scopes, time of creation, of last use (at most a minute behind) and of revocation,
separated by tabs; `-` stands for never.
";

pub(super) fn command(mut arguments: Arguments) -> Outcome {
    let (mut words, mut scopes) = (Vec::new(), None);
    while let Some(argument) = arguments.next(HELP)? {
        match argument {
            Argument::Word(word) => words.push(word),
            Argument::Flag(name) if name == "scope" && scopes.is_none() => {
                scopes = Some(arguments.value()?);
            }
            Argument::Flag(name) if name == "scope" => {
                let text = "--scope is given twice; separate scopes by commas";
                return Err(Failure::Usage(text.to_owned()));
            }
            Argument::Flag(name) => return Err(Failure::Usage(format!("unknown option --{name}"))),
        }
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let open = || Ok::<App, Failure>(App::open(arguments.load()?)?);
    match (words.as_slice(), scopes) {
        (["create", name], Some(scopes)) => {
            let (name, scopes) = (ApiKeyName::parse(name)?, Scopes::parse(&scopes)?);
            let (key, secret) = api_keys::create(&open()?, &Caller::Trusted, &name, &scopes)?;
            tell(&format!("key {} ({}); keep it well, it is not shown again:", key.id, key.scopes));
            print_line(secret.expose())
        }
        (["create", _], None) => Err(Failure::Usage("key create needs --scope".to_owned())),
        (_, Some(_)) => Err(Failure::Usage("--scope goes with key create NAME".to_owned())),
        (["list"], None) => {
            let keys = api_keys::list(&open()?, &Caller::Trusted)?;
            print(&keys.iter().map(line).collect::<String>())
        }
        (["revoke", which], None) => {
            let which = ApiKeyRef::parse(which)?;
            print(&line(&api_keys::revoke(&open()?, &Caller::Trusted, &which)?))
        }
        (["create" | "revoke", ..], None) => {
            Err(Failure::Usage(format!("key {} needs a NAME", words[0])))
        }
        _ => Err(Failure::Usage("key takes create, list or revoke".to_owned())),
    }
}

pub(super) fn line(key: &ApiKey) -> String {
    let when =
        |time: Option<Timestamp>| time.map_or_else(|| "-".to_owned(), |time| time.to_string());
    let (used, revoked) = (when(key.last_used_at), when(key.revoked_at));
    record(&[&key.id, &key.name, &key.scopes, &key.created_at, &used, &revoked])
}
