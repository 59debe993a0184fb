//! How far a long command is, in one line that is written over, and only on a terminal.

use super::output::{can_show_progress, rewrite, tell};
use std::time::{Duration, Instant};

/// How often the line is written anew.
const PERIOD: Duration = Duration::from_millis(500);

/// A long command's line.
pub(super) struct ProgressLine {
    what: &'static str,
    begun: Instant,
    written: Option<Instant>,
    shown: bool,
}

impl ProgressLine {
    /// A line that counts these, such as `users`.
    pub(super) fn new(what: &'static str) -> Self {
        Self { what, begun: Instant::now(), written: None, shown: can_show_progress() }
    }

    /// Whether anybody sees it.
    pub(super) fn is_shown(&self) -> bool {
        self.shown
    }

    /// Shows that `count` are done. `part` is how much of the work that is, from 0 to 1, where it
    /// is known.
    pub(super) fn at(&mut self, count: u64, part: Option<f64>) {
        if self.shown && self.written.is_none_or(|written| written.elapsed() >= PERIOD) {
            self.written = Some(Instant::now());
            rewrite(&line(self.what, count, part, self.begun.elapsed()));
        }
    }

    /// Writes a message that stays. The line is written below it the next time.
    pub(super) fn tell(&mut self, text: &str) {
        self.clear();
        tell(text);
    }

    fn clear(&mut self) {
        if self.written.take().is_some() {
            rewrite("");
        }
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.clear();
    }
}

fn line(what: &str, count: u64, part: Option<f64>, passed: Duration) -> String {
    let seconds = passed.as_secs_f64();
    let rate = count as f64 / seconds.max(0.001);
    let mut line = format!("{count} {what}, {rate:.0} a second");
    // Before that the rest is a guess.
    if let Some(part) = part.filter(|part| *part > 0.01 && seconds >= 1.0) {
        let rest = seconds / part.min(1.0) - seconds;
        line += &format!(
            ", {:.0} %, {} left",
            part.min(1.0) * 100.0,
            minutes(Duration::from_secs_f64(rest.round()))
        );
    }
    line
}

/// A length of time in whole seconds, for people.
pub(super) fn minutes(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_has_the_rate_and_what_is_left() {
        let at = |count, part, seconds| line("lines", count, part, Duration::from_secs(seconds));
        assert_eq!(at(500, None, 10), "500 lines, 50 a second");
        assert_eq!(at(500, Some(0.25), 10), "500 lines, 50 a second, 25 %, 30 s left");
        assert_eq!(at(9, Some(0.5), 600), "9 lines, 0 a second, 50 %, 10 min 0 s left");
        assert_eq!(at(9, Some(0.02), 600), "9 lines, 0 a second, 2 %, 8 h 10 min left");
        assert_eq!(at(9, Some(0.001), 600), "9 lines, 0 a second");
        assert_eq!(at(9, Some(7.0), 10), "9 lines, 1 a second, 100 %, 0 s left");
    }
}
