//! The clock and the deadlines: the only place that knows what time it is.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use jiff::{SignedDuration, Timestamp};

/// The present moment.
#[expect(clippy::disallowed_methods, reason = "this is the one door to the clock")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// The end of a wait.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    end: Instant,
}

impl Deadline {
    /// A deadline `limit` from now.
    pub fn after(limit: Duration) -> Self {
        Deadline { end: Instant::now() + limit }
    }

    /// The time that is left; zero once it has passed.
    pub fn left(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    /// The time that is left; none once it has passed.
    pub fn remaining(&self) -> Option<Duration> {
        Some(self.left()).filter(|left| !left.is_zero())
    }

    /// The time that is left, but never more than `limit`.
    pub fn at_most(&self, limit: Duration) -> Duration {
        self.left().min(limit)
    }
}

/// Reads a duration as people write it: `30s`, `1m 30s`, `500ms`.
///
/// # Errors
/// When the text is no duration, or is not positive.
pub fn parse_duration(text: &str) -> Result<Duration> {
    // What the reader of durations missed is of no use to a person; what to write is.
    let signed = text.parse::<SignedDuration>().ok().context("write a duration as 30s, 500ms or 1m30s")?;
    let duration = Duration::try_from(signed).ok().filter(|d| !d.is_zero());
    duration.with_context(|| format!("`{text}` is not longer than zero"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_people_write_them() {
        assert_eq!(parse_duration("500ms").unwrap(), Duration::from_millis(500));
        assert_eq!(parse_duration("1m30s").unwrap(), Duration::from_secs(90));
        for bad in ["", "5", "-3s", "0s", "soon"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
