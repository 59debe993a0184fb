//! `gatepost doctor`

use super::output::{print, print_line};
use super::records::{Form, print_json};
use super::{Context, Failure, Outcome, serve};
use gatepost::config::Loaded;
use gatepost::doctor::{self, Examination, Fault, Verdict};
use serde_json::{Value, json};
use std::net::SocketAddr;

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
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Options {
    #[command(flatten)]
    form: Form,
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(clap::Subcommand)]
enum What {
    /// Look at the gate through the proxy in front: whether what a client forges gets past it
    ///
    /// Asks as a browser and as an attacker would. With --program, while the program is stopped, the doctor takes its place and sees what
    /// reaches it; while it runs, it sees who can. With --as it signs in, and out again: it asks for the
    /// password, or reads it from standard input. Such a user needs no rights, and must have no second
    /// factor.
    Proxy {
        /// The address of a page behind the gate, such as <https://app.example.com/>
        url: String,
        /// Where the program behind listens, such as 127.0.0.1:3000
        #[arg(long, value_name = "ADDRESS")]
        program: Option<SocketAddr>,
        /// Where the proxy is, whatever the name service says
        #[arg(long, value_name = "ADDRESS")]
        connect: Option<SocketAddr>,
        /// The login to sign in with
        #[arg(long = "as", value_name = "LOGIN")]
        login: Option<String>,
        #[command(flatten)]
        form: Form,
    },
}

pub(super) fn command(context: &Context, options: &Options) -> Outcome {
    match &options.what {
        None => {
            // As the service does, so that it is judged by the limit that it would have.
            serve::raise_descriptor_limit();
            tell_all(&doctor::examine(&Loaded::read(context.file.as_deref())), &options.form)
        }
        Some(What::Proxy { url, program, connect, login, form }) => {
            tell_all(&through(context, url, (*program, *connect), login.as_deref())?, form)
        }
    }
}

#[cfg(feature = "pages")]
fn through(
    context: &Context,
    url: &str,
    (program, connect): (Option<SocketAddr>, Option<SocketAddr>),
    login: Option<&str>,
) -> Result<Vec<Examination>, Failure> {
    use super::ask;
    use gatepost::domain::Login;

    let config = context.load()?;
    let sign_in = match login {
        None => None,
        Some(login) => {
            let login = Login::parse(login)?;
            let typed = match ask::is_possible() {
                true => ask::ask("Password: ")?,
                false => ask::read_line()?,
            };
            Some((login, typed))
        }
    };
    let mut how = doctor::Through::default();
    (how.connect, how.program, how.sign_in) = (connect, program, sign_in);
    Ok(doctor::through_proxy(&config, url, &how)?)
}

#[cfg(not(feature = "pages"))]
fn through(
    _: &Context,
    _: &str,
    _: (Option<SocketAddr>, Option<SocketAddr>),
    _: Option<&str>,
) -> Result<Vec<Examination>, Failure> {
    Err(Failure::Failed("this binary was built without the feature pages".to_owned()))
}

fn tell_all(done: &[Examination], form: &Form) -> Outcome {
    done.iter().try_for_each(|one| match form.is_json() {
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
