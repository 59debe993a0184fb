//! What is said in the log again and again, once a minute.

use std::time::{Duration, Instant};

const TOLD_AGAIN: Duration = Duration::from_secs(60);

/// When something was last said.
#[derive(Default)]
pub(super) struct Told(Option<Instant>);

impl Told {
    /// Logs something, unless something was said a moment ago.
    pub(super) fn tell(&mut self, level: log::Level, text: &str) {
        if self.0.is_none_or(|told| told.elapsed() >= TOLD_AGAIN) {
            log::log!(level, "{text}");
            self.0 = Some(Instant::now());
        }
    }
}
