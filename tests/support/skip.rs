//! The one rule about parts that a machine does not have: CI must have them, elsewhere a skip is loud.
#![expect(clippy::disallowed_methods, reason = "the test environment is read here, not by haguard")]

use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

static SKIPPED: AtomicUsize = AtomicUsize::new(0);

/// True, after a visible line that names what is absent; in CI that is a failure.
pub(crate) fn missing(part: &str) -> bool {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "CI must have every part; missing: {part}");
    let count = SKIPPED.fetch_add(1, Ordering::Relaxed) + 1;
    say(&format!("SKIP {count}: no {part}"));
    true
}

/// One line on stderr that libtest does not capture, so that it is seen without `--nocapture`.
pub(crate) fn say(line: &str) {
    // one write, so that lines of parallel tests do not mix; a closed stderr is no reason to fail
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// The value of a variable that names a part, where it is set and not empty.
pub(crate) fn variable(name: &str) -> Option<std::path::PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(Into::into)
}
