//! The table that is printed at the end, and the line that shows progress.

use std::fmt::Write;

/// Reports progress, on standard error.
pub(crate) fn progress(what: &str) {
    eprint!("\r\x1b[K{what}");
}

/// Lines of medians and spreads.
#[derive(Default)]
pub(crate) struct Table(String);

impl Table {
    pub(crate) fn section(&mut self, name: &str) {
        let _ = writeln!(self.0, "\n{name:44} {:>10} {:>10} {:>10}", "median", "least", "most");
    }

    /// One figure, with all of its measurements.
    pub(crate) fn line(&mut self, name: &str, mut runs: Vec<f64>) {
        runs.sort_by(f64::total_cmp);
        let (Some(least), Some(most)) = (runs.first(), runs.last()) else { return };
        let median = runs[runs.len() / 2];
        let digits = if median >= 100.0 { 0 } else { 2 };
        let _ =
            writeln!(self.0, "{name:44} {median:10.digits$} {least:10.digits$} {most:10.digits$}");
    }

    /// Two figures compared, round by round.
    pub(crate) fn ratios(&mut self, name: &str, ours: &[f64], theirs: &[f64]) {
        self.line(name, ours.iter().zip(theirs).map(|(a, b)| a / b).collect());
    }

    pub(crate) fn print(&self) {
        eprint!("\r\x1b[K");
        println!("{}", self.0);
    }
}
