//! Warnings that an attack would repeat a thousand times a second, logged once in ten seconds.

use std::time::{Duration, Instant};

const INTERVAL: Duration = Duration::from_secs(10);

/// One kind of warning.
#[derive(Debug, Default)]
pub(super) struct LogThrottle {
    last: Option<Instant>,
    suppressed: u64,
}

impl LogThrottle {
    /// Logs the text, or counts it for the next time.
    pub(super) fn warn(&mut self, now: Instant, text: &str) {
        if self.last.is_some_and(|last| now.saturating_duration_since(last) < INTERVAL) {
            self.suppressed += 1;
            return;
        }
        log::warn!("front door: {text} ({} more since the last time)", self.suppressed);
        self.last = Some(now);
        self.suppressed = 0;
    }
}
