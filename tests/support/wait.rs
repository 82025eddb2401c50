//! Waiting for a condition; the only pause in the tests.
#![expect(clippy::disallowed_methods, reason = "the pause between two looks at a condition")]

use std::time::{Duration, Instant};

/// Long enough for two cores with a load of forty, where a HAProxy has taken more than twenty seconds to serve; a condition
/// that takes longer is a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The first `Some` that `look` gives, or a panic that says what never came about.
#[track_caller]
pub(crate) fn wait_for<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, look).unwrap_or_else(|| panic!("waited {PATIENCE:?} in vain: {what}"))
}

/// The first `Some` that `look` gives within `limit`.
pub(crate) fn within<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
