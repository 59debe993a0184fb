//! `gatepost api-key …`: works beside a running service, and without one.

use super::output::{print_line, record, tell};
use super::{Argument, Arguments, Failure, Outcome, print};
use gatepost::api_keys::{self, ApiKey, ApiKeyName, ApiKeyRef, Scopes};
use gatepost::domain::Timestamp;
use gatepost::{App, Caller};

pub(super) const HELP: &str = "\
Usage: gatepost api-key create NAME --scope SCOPE[,SCOPE…]    Create a key and print it, this once
       gatepost api-key list                                  List the keys
       gatepost api-key revoke NAME|ID                        Revoke a key at once

An API key is for a program, which sends it as `Authorization: Bearer KEY`. Its scopes:

users:read    read users and their sessions
users:write   change and delete users who are not admins, and end their sessions
register      register users, also with access.registration = \"admin\"
introspect    introspect tokens

Works with and without a running service, on the private PostgreSQL too. A key is listed as id,
name, scopes, and the times of its creation, last use and revocation, separated by tabs. The last
use may lag by a minute; `-` means never.
";

pub(super) fn command(mut arguments: Arguments) -> Outcome {
    let mut words = Vec::new();
    let mut scopes = None;
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
            let name = ApiKeyName::parse(name)?;
            let scopes = Scopes::parse(&scopes)?;
            let (key, secret) = api_keys::create(&open()?, &Caller::Trusted, &name, &scopes)?;
            tell(&format!(
                "API key {} ({}); store it safely, it is not shown again:",
                key.id, key.scopes
            ));
            print_line(secret.expose())
        }
        (["create", _], None) => Err(Failure::Usage("api-key create needs --scope".to_owned())),
        (_, Some(_)) => Err(Failure::Usage("--scope goes with api-key create NAME".to_owned())),
        (["list"], None) => {
            let keys = api_keys::list(&open()?, &Caller::Trusted)?;
            print(&keys.iter().map(line).collect::<String>())
        }
        (["revoke", which], None) => {
            let which = ApiKeyRef::parse(which)?;
            print(&line(&api_keys::revoke(&open()?, &Caller::Trusted, &which)?))
        }
        (["create" | "revoke", ..], None) => {
            Err(Failure::Usage(format!("api-key {} needs a NAME", words[0])))
        }
        _ => Err(Failure::Usage("api-key takes create, list or revoke".to_owned())),
    }
}

pub(super) fn line(key: &ApiKey) -> String {
    let when =
        |time: Option<Timestamp>| time.map_or_else(|| "-".to_owned(), |time| time.to_string());
    let used = when(key.last_used_at);
    let revoked = when(key.revoked_at);
    record(&[&key.id, &key.name, &key.scopes, &key.created_at, &used, &revoked])
}
