//! `gatepost audit …`

use super::output::print_line;
use super::records::{Form, print_json};
use super::{Context, Failure, Outcome, print};
use clap::Subcommand;
use gatepost::App;
use gatepost::audit::{self, Head};
use gatepost::domain::Timestamp;
use serde_json::json;

/// Check and prune the audit log
#[derive(Subcommand)]
pub(super) enum Command {
    /// Print the head of the chain; keep it on another machine
    Head,
    /// Check that no row was changed or removed
    ///
    /// Prints each finding and exits with 1 if there is one. A HEAD that has been pruned is not a
    /// finding, but it no longer proves anything; the head to keep instead is printed.
    Verify {
        /// A head kept from earlier: check also that the end was not cut off
        #[arg(long)]
        head: Option<String>,
        #[command(flatten)]
        form: Form,
    },
    /// Remove rows older than a time; needs database.owner_url
    Prune {
        /// A time in the past, such as 2027-01-31T18:00:00Z
        #[arg(long, value_name = "TIME")]
        before: String,
    },
}

pub(super) fn command(context: &Context, command: &Command) -> Outcome {
    let open = || Ok::<App, Failure>(App::open(context.load()?)?);
    match command {
        Command::Head => match audit::head(&open()?)? {
            Some(head) => print(&format!("{head}\n")),
            None => Err(Failure::Failed("the audit log is empty".to_owned())),
        },
        Command::Verify { head, form } => {
            let head: Option<Head> = head
                .as_deref()
                .map(str::parse)
                .transpose()
                .map_err(|fault| Failure::Usage(format!("--head: {fault}")))?;
            verify(&open()?, head.as_ref(), form)
        }
        Command::Prune { before } => {
            let before = Timestamp::parse(before)
                .map_err(|fault| Failure::Usage(format!("--before {fault}")))?;
            // Every row is older than a time in the future, so that can only be a slip.
            if !before.is_past() {
                return Err(Failure::Usage(format!("--before {before} is not in the past")));
            }
            let removed = audit::prune(&open()?, before)?;
            print(&format!("removed {removed} row(s)\n"))
        }
    }
}

fn verify(app: &App, head: Option<&Head>, form: &Form) -> Outcome {
    let verified = audit::verify(app, head)?;
    let (sealed, unsealed) = (verified.sealed, verified.unsealed);
    if form.is_json() {
        print_json(&json!({
            "sealed": sealed,
            "unsealed": unsealed,
            "findings": verified.findings,
            "notes": verified.notes,
        }))?;
    } else {
        for line in verified.findings.iter().chain(&verified.notes) {
            print_line(line)?;
        }
        print(&format!(
            "{sealed} sealed row(s) are as they were written, {unsealed} not sealed yet\n"
        ))?;
    }
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
