//! The step under way, with its deadline, on a terminal; nothing anywhere else.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::commands::Context;

/// The progress line.
pub(in crate::commands) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A line that shows nothing yet.
    pub(in crate::commands) fn new(context: &Context<'_>) -> Self {
        let shown = context.global.verbose == 0 && std::io::stderr().is_terminal();
        let bar = if shown { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
            bar.set_style(style);
        }
        Progress { bar }
    }

    /// Shows a step and how long it may take.
    pub(in crate::commands) fn step(&self, name: &str, limit: Duration) {
        self.bar.reset_elapsed();
        // Whole seconds: nanoseconds would make the line unreadable.
        let limit = Duration::from_secs(limit.as_millis().div_ceil(1000) as u64);
        self.bar.set_message(format!("{name} (at most {limit:?})"));
        if !self.bar.is_hidden() {
            self.bar.enable_steady_tick(Duration::from_millis(120));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
