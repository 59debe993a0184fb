//! Everything that the program writes, and the one place where text from outside is made harmless.
//!
//! Standard output holds what was asked for; standard error holds messages and the log. Nothing
//! else in the program writes to either; a test checks the source for that.

use super::{Failure, Outcome, log_line};
use gatepost::config::{LogFormat, LogLevels};
use gatepost::printable;
use log::Log;
use std::io::{IsTerminal, StdoutLock, Write};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use time::OffsetDateTime;

/// Writes lines of ours to standard output at once. Text from outside goes through [`print_line`]
/// `records`, so that it cannot fake a line or a column.
pub(super) fn print(text: &str) -> Outcome {
    let mut out = std::io::stdout().lock();
    out.write_all(printable::lines(text).as_bytes())?;
    Ok(out.flush()?)
}

/// Writes one line to standard output.
pub(super) fn print_line(text: &str) -> Outcome {
    print(&format!("{}\n", printable::line(text)))
}

/// Whether standard output is a terminal, where a person reads.
pub(super) fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// Whether a line on standard error can be written over without disturbing anything.
pub(super) fn can_show_progress() -> bool {
    std::io::stderr().is_terminal()
}

/// Writes over the line of the terminal that standard error is at.
pub(super) fn rewrite(text: &str) {
    let text = printable::line(text);
    // Back to its beginning, and away with what stood there (ECMA-48, CR and EL).
    drop(std::io::stderr().write_all(format!("\r{text}\x1b[K").as_bytes()));
}

/// Standard output for a stream of data, whose format has its own way to escape.
pub(super) fn raw() -> StdoutLock<'static> {
    std::io::stdout().lock()
}

/// Writes one line to standard error. If that fails, the exit code has to tell.
pub(super) fn tell(text: &str) {
    write_line(&printable::line(text));
}

/// The same of a fault, which the journal gets as an error.
pub(super) fn tell_fault(text: &str) {
    let priority = if is_journal() { log_line::priority(log::Level::Error) } else { "" };
    write_line(&format!("{priority}{}", printable::line(text)));
}

/// Whether standard error is systemd's journal.
fn is_journal() -> bool {
    let stream = std::env::var("JOURNAL_STREAM").unwrap_or_default();
    let file = rustix::fs::fstat(std::io::stderr());
    file.is_ok_and(|file| log_line::is_named(&stream, file.st_dev, file.st_ino))
}

/// Asks for something on standard error.
pub(super) fn prompt(text: &'static str) {
    let mut err = std::io::stderr();
    drop(err.write_all(text.as_bytes()).and_then(|()| err.flush()));
}

/// Starts the log on standard error.
pub(super) fn start_log(levels: &LogLevels, format: LogFormat) -> Outcome {
    let logger = simple_logger::SimpleLogger::new().with_level(levels.level());
    let logger = levels
        .modules()
        .fold(logger, |logger, (name, level)| logger.with_module_level(name, level));
    let logger = logger.with_utc_timestamps();
    log::set_max_level(logger.max_level());
    log::set_boxed_logger(Box::new(Steady { logger, format, journal: is_journal() }))
        .map_err(|e| Failure::Failed(format!("cannot start the log: {e}")))
}

/// Keeps each log record to one line. The wrapped logger panics when standard error cannot be
/// written, because a disk is full or the reader is gone. A line is lost then, and nothing else.
///
/// The wrapped logger writes the default form. JSON and the lines of the journal are written here:
/// that logger knows no other form, and can put nothing but a time before the level.
struct Steady {
    logger: simple_logger::SimpleLogger,
    format: LogFormat,
    journal: bool,
}

impl Log for Steady {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        self.logger.enabled(metadata)
    }

    fn log(&self, record: &log::Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let priority = log_line::priority(record.level());
        match (self.format, self.journal) {
            (LogFormat::Json, false) => {
                write_line(&log_line::json(record, Some(OffsetDateTime::now_utc())));
            }
            (LogFormat::Json, true) => {
                write_line(&format!("{priority}{}", log_line::json(record, None)));
            }
            (_, false) => self.plain(record),
            (_, true) => write_line(&format!("{priority}{}", log_line::untimed(record))),
        }
    }

    fn flush(&self) {}
}

impl Steady {
    fn plain(&self, record: &log::Record<'_>) {
        let text = record.args().to_string();
        let text = printable::line(&text);
        let write = || {
            let mut line = log::Record::builder();
            line.metadata(record.metadata().clone()).module_path(record.module_path());
            self.logger.log(&line.args(format_args!("{text}")).build());
        };
        drop(catch_unwind(AssertUnwindSafe(write)));
    }
}

/// Writes a line at once, so that no other stands within it.
fn write_line(line: &str) {
    drop(std::io::stderr().write_all(format!("{line}\n").as_bytes()));
}

/// Reports that a thread panicked. The message may hold text from outside.
pub(super) fn tell_panic(panic: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let payload = panic.payload();
    let fixed = payload.downcast_ref::<&str>().copied();
    let cause = fixed.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let cause = cause.unwrap_or("for a reason that is not text");
    tell_fault(&format!("thread {} panicked at {place}: {cause}", thread.name().unwrap_or("?")));
    let trace = std::backtrace::Backtrace::capture();
    if trace.status() == std::backtrace::BacktraceStatus::Captured {
        trace.to_string().lines().for_each(tell_fault);
    }
}
