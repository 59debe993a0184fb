//! `gatepost user import` and `gatepost user export`

use super::super::output::{is_terminal, raw};
use super::super::progress::ProgressLine;
use super::super::{Context, Failure, Outcome, print};
use gatepost::App;
use gatepost::transfer::{self, ImportEvent, Imported, Importing, Survey};
use std::fmt::Write;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A file of users that is being read.
struct Source {
    read: Box<dyn Read>,
    taken: Arc<AtomicU64>,
    /// Its bytes, where they are known.
    length: Option<u64>,
}

impl Source {
    /// Opens the file, or standard input for `-`.
    fn open(file: &str) -> Result<Self, Failure> {
        let taken = Arc::new(AtomicU64::new(0));
        if file == "-" {
            return Ok(Self { read: Box::new(std::io::stdin()), taken, length: None });
        }
        let fault = |e: std::io::Error| Failure::Failed(format!("{file}: {e}"));
        let opened = File::open(file).map_err(fault)?;
        let about = opened.metadata().map_err(fault)?;
        let length = Some(about.len()).filter(|_| about.is_file());
        Ok(Self { read: Box::new(opened), taken, length })
    }

    /// Reports on standard error what happens while it is read.
    fn teller<'a>(&self, file: &'a str) -> impl FnMut(ImportEvent<'_>) + use<'a> {
        let (taken, length) = (Arc::clone(&self.taken), self.length);
        let mut line = ProgressLine::new("lines");
        move |event| match event {
            ImportEvent::Refused(fault) | ImportEvent::Changed(fault) => {
                line.tell(&format!("{file}:{fault}"));
            }
            ImportEvent::Progress(so_far) => {
                let part = length.map(|all| taken.load(Ordering::Relaxed) as f64 / all as f64);
                line.at(so_far.lines, part);
            }
            _ => (),
        }
    }

    fn buffered(self) -> impl BufRead {
        BufReader::with_capacity(1 << 16, self)
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.read.read(buffer)?;
        self.taken.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

fn named(file: &str) -> impl Fn(gatepost::Error) -> Failure {
    move |error| match error {
        gatepost::Error::File(cause) => Failure::Failed(format!("{file}: {cause}")),
        other => other.into(),
    }
}

pub(super) fn import(context: &Context, file: &str, importing: Importing) -> Outcome {
    // Before the database, so that a wrong name is reported without waiting for that.
    let source = Source::open(file)?;
    let app = App::open(context.load()?)?;
    let teller = source.teller(file);
    let done = transfer::import(&app, source.buffered(), importing, teller).map_err(named(file))?;
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

pub(super) fn dry_run(context: &Context, file: &str, importing: Importing) -> Outcome {
    let source = Source::open(file)?;
    let app = App::open(context.load()?)?;
    let teller = source.teller(file);
    let survey =
        transfer::survey(&app, source.buffered(), importing, teller).map_err(named(file))?;
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
    let mut line = ProgressLine::new("users");
    // Not between the lines of the export itself.
    let all = if line.is_shown() && !is_terminal() { Some(transfer::count(app)?) } else { None };
    let progress = |count| {
        if let Some(all) = all {
            line.at(count, Some(count as f64 / all.max(1) as f64));
        }
    };
    transfer::export(app, out, progress).map_err(named("standard output"))?;
    Ok(())
}
