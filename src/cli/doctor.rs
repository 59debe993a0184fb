//! `gatepost doctor`

use super::output::{print, print_line};
use super::records::{Form, print_json};
use super::{Context, Failure, Outcome, serve};
use gatepost::config::Loaded;
use gatepost::doctor::{self, Examination, Fault, Verdict};
use serde_json::{Value, json};

/// Look the installation over: what is wrong, why it matters, and what to type
///
/// Looks at the configuration, the limits of the system, the modes of files, the certificate, the
/// running service, the database (version, roles, grants, schema, durability, clock, disk), the
/// keys, the second factors of admins, and whether the addresses of clients arrive through the proxy. Run it as the service's
/// user and with its configuration. It changes
/// nothing, except that a private PostgreSQL that does not run is started and brought up to date for
/// that time, as by every command. It exits with 1 if anything is wrong; a warning is about something
/// that could be better.
#[derive(clap::Args)]
pub(super) struct Options {
    #[command(flatten)]
    form: Form,
}

pub(super) fn command(context: &Context, options: &Options) -> Outcome {
    // As the service does, so that it is judged by the limit that it would have.
    serve::raise_descriptor_limit();
    let done = doctor::examine(&Loaded::read(context.file.as_deref()));
    done.iter().try_for_each(|one| match options.form.is_json() {
        true => print_json(&object(one)),
        false => show(one),
    })?;
    let faults = done.iter().filter(|one| matches!(one.verdict, Verdict::Fault(_))).count();
    match faults {
        0 => Ok(()),
        1 => Err(Failure::Failed("one thing is wrong".to_owned())),
        count => Err(Failure::Failed(format!("{count} things are wrong"))),
    }
}

fn show(one: &Examination) -> Outcome {
    let line = |word: &str, text: &str| print_line(&format!("{word:<8}{}: {text}", one.check));
    match &one.verdict {
        Verdict::Ok(text) => line("ok", text),
        Verdict::Skipped(text) => line("skipped", text),
        Verdict::Fault(fault) => explain(line("WRONG", &fault.found), fault),
        Verdict::Warning(fault) => explain(line("warning", &fault.found), fault),
    }
}

fn explain(shown: Outcome, fault: &Fault) -> Outcome {
    shown?;
    print("        why: ")?;
    print_line(fault.why)?;
    print("        do:  ")?;
    print_line(&fault.remedy)
}

fn object(one: &Examination) -> Value {
    match &one.verdict {
        Verdict::Ok(text) => json!({"check": one.check, "status": "ok", "found": text}),
        Verdict::Skipped(text) => json!({"check": one.check, "status": "skipped", "found": text}),
        Verdict::Fault(fault) | Verdict::Warning(fault) => json!({
            "check": one.check,
            "status": if matches!(one.verdict, Verdict::Fault(_)) { "fault" } else { "warning" },
            "found": fault.found,
            "why": fault.why,
            "do": fault.remedy,
        }),
    }
}
