//! `gatepost user import` and `gatepost user export`

use super::super::output::{raw, tell};
use super::super::{Arguments, Failure, Outcome, print};
use gatepost::App;
use gatepost::transfer::{self, ImportEvent, Imported, Survey};
use std::fmt::Write;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter};
use std::time::{Duration, Instant};

/// How often progress is reported.
const PROGRESS: Duration = Duration::from_secs(2);

/// Opens the file before the database, so that a wrong name is reported without waiting for that.
fn open(arguments: &Arguments, file: &str) -> Result<(Box<dyn BufRead>, App), Failure> {
    let source: Box<dyn BufRead> = match file {
        "-" => Box::new(BufReader::new(std::io::stdin())),
        file => {
            let opened = File::open(file).map_err(|e| Failure::Failed(format!("{file}: {e}")))?;
            Box::new(BufReader::with_capacity(1 << 16, opened))
        }
    };
    Ok((source, App::open(arguments.load()?)?))
}

/// Reports on standard error what happens.
fn teller(file: &str) -> impl FnMut(ImportEvent<'_>) {
    let mut last = Instant::now();
    move |event| match event {
        ImportEvent::Refused(fault) | ImportEvent::Changed(fault) => {
            tell(&format!("{file}:{fault}"));
        }
        ImportEvent::Progress(so_far) if last.elapsed() >= PROGRESS => {
            last = Instant::now();
            tell(&format!("{} lines read", so_far.lines));
        }
        _ => (),
    }
}

fn named(file: &str) -> impl Fn(gatepost::Error) -> Failure {
    move |error| match error {
        gatepost::Error::File(cause) => Failure::Failed(format!("{file}: {cause}")),
        other => other.into(),
    }
}

pub(super) fn import(arguments: &Arguments, file: &str) -> Outcome {
    let (source, app) = open(arguments, file)?;
    let done = transfer::import(&app, source, teller(file)).map_err(named(file))?;
    let new = done.imported;
    let present = done.present;
    let changed = done.changed;
    print(&format!(
        "{} lines: {new} imported, {present} there already, {changed} there and changed since, {} \
         refused\n",
        done.lines, done.refused
    ))?;
    refused(file, &done)
}

pub(super) fn dry_run(arguments: &Arguments, file: &str) -> Outcome {
    let (source, app) = open(arguments, file)?;
    let survey = transfer::survey(&app, source, teller(file)).map_err(named(file))?;
    print(&table(&survey))?;
    refused(file, &survey.outcome)
}

fn refused(file: &str, outcome: &Imported) -> Outcome {
    match outcome.refused {
        0 => Ok(()),
        count => Err(Failure::Failed(format!("{file}: {count} line(s) refused, each named above"))),
    }
}

fn table(survey: &Survey) -> String {
    let Imported { lines, imported, present, changed, refused, .. } = survey.outcome;
    let mut text = format!(
        "{lines} lines: {imported} would be imported, {present} there already, {changed} there and \
         changed since, {refused} refused\n"
    );
    for kind in &survey.kinds {
        let verify = kind.verify.map_or("not measured".to_owned(), millis);
        let _ = writeln!(text, "{}\t{} users\t{verify} each", kind.name, kind.users);
    }
    if !survey.kinds.is_empty() {
        let _ = writeln!(
            text,
            "first logins: {:.0} s of one core in all, of which {} each for the new hash; at most \
             {:.0} MiB of memory for one",
            survey.first_logins().as_secs_f64(),
            millis(survey.rehash),
            survey.largest_memory() as f64 / f64::from(1 << 20)
        );
    }
    text
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

pub(super) fn export(app: &App) -> Outcome {
    let out = BufWriter::with_capacity(1 << 16, raw());
    transfer::export(app, out).map_err(named("standard output"))?;
    Ok(())
}
