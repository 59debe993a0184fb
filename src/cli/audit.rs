//! `gatepost audit …`

use super::output::print_line;
use super::{Argument, Arguments, Failure, Outcome, print};
use gatepost::App;
use gatepost::audit::{self, Head};
use gatepost::domain::Timestamp;

pub(super) const HELP: &str = "\
Usage: gatepost audit head                 Print the head of the chain; keep it on another machine
       gatepost audit verify [--head HEAD] Check that no row was changed or removed. With a HEAD
                                           kept from earlier, also that the end was not cut off
       gatepost audit prune --before TIME  Remove rows older than TIME; needs database.owner_url

verify prints each finding and exits with 1 if there is one. A HEAD that has been pruned is not a
finding, but it no longer proves anything; verify prints the head to keep instead.
TIME is in the past and written like 2027-01-31T18:00:00Z.
";

pub(super) fn command(mut arguments: Arguments) -> Outcome {
    let mut word = None;
    let mut head = None;
    let mut before = None;
    while let Some(argument) = arguments.next(HELP)? {
        match argument {
            Argument::Flag(name) if name == "head" => head = Some(arguments.value()?),
            Argument::Flag(name) if name == "before" => before = Some(arguments.value()?),
            Argument::Flag(name) => return Err(Failure::Usage(format!("unknown option --{name}"))),
            Argument::Word(text) if word.is_none() => word = Some(text),
            Argument::Word(_) => return Err(Failure::unexpected()),
        }
    }
    let usage = |text: &str| Failure::Usage(text.to_owned());
    let open = || Ok::<App, Failure>(App::open(arguments.load()?)?);
    match (word.as_deref(), head, before) {
        (Some("head"), None, None) => match audit::head(&open()?)? {
            Some(head) => print(&format!("{head}\n")),
            None => Err(Failure::Failed("the audit log is empty".to_owned())),
        },
        (Some("verify"), head, None) => {
            let head: Option<Head> = head
                .map(|text| text.parse())
                .transpose()
                .map_err(|fault| Failure::Usage(format!("--head: {fault}")))?;
            verify(&open()?, head.as_ref())
        }
        (Some("prune"), None, Some(before)) => {
            let before = Timestamp::parse(&before)
                .map_err(|fault| Failure::Usage(format!("--before {fault}")))?;
            // Every row is older than a time in the future, so that can only be a slip.
            if !before.is_past() {
                return Err(Failure::Usage(format!("--before {before} is not in the past")));
            }
            let removed = audit::prune(&open()?, before)?;
            print(&format!("removed {removed} row(s)\n"))
        }
        (Some("prune"), _, None) => Err(usage("audit prune needs --before TIME")),
        _ => Err(usage("audit takes head, verify [--head HEAD] or prune --before TIME")),
    }
}

fn verify(app: &App, head: Option<&Head>) -> Outcome {
    let verified = audit::verify(app, head)?;
    for finding in &verified.findings {
        print_line(&finding.to_string())?;
    }
    for note in &verified.notes {
        print_line(note)?;
    }
    let sealed = verified.sealed;
    let unsealed = verified.unsealed;
    print(&format!(
        "{sealed} sealed row(s) are as they were written, {unsealed} not sealed yet\n"
    ))?;
    match verified.findings.len() {
        0 => Ok(()),
        count => {
            let cause = match verified.may_be_restored {
                true => "; a restored backup looks like this too: see docs/backup.md",
                false => "",
            };
            Err(Failure::Failed(format!(
                "the audit log was tampered with: {count} finding(s){cause}"
            )))
        }
    }
}
