//! Waiting: the pause between two looks at a condition, and the wait for a descriptor.

use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::event::{PollFd, Timespec, poll};
use rustix::io::Errno;

use crate::time::Deadline;

/// Calls `look` until it returns `Break`, with a pause of `interval` in between; at least once.
///
/// # Errors
/// What the last `Continue` held, when the deadline has passed.
pub fn until<T, L>(
    deadline: Deadline,
    interval: Duration,
    mut look: impl FnMut() -> ControlFlow<T, L>,
) -> Result<T, L> {
    loop {
        match look() {
            ControlFlow::Break(value) => return Ok(value),
            ControlFlow::Continue(last) if deadline.left().is_zero() => return Err(last),
            ControlFlow::Continue(_) => std::thread::park_timeout(deadline.at_most(interval)),
        }
    }
}

/// Waits until one of the descriptors is ready; without a deadline for ever. False when the deadline has passed.
///
/// # Errors
/// When the kernel cannot wait so long.
pub fn until_ready(watched: &mut [PollFd<'_>], deadline: Option<Deadline>) -> Result<bool> {
    loop {
        let left = deadline.map(|deadline| Timespec::try_from(deadline.left()));
        match poll(watched, left.transpose().context("the time limit")?.as_ref()) {
            // SIGINT and SIGTERM are caught and end haguard between two steps, not inside one.
            Err(Errno::INTR) => {}
            ready => return Ok(ready.context("waiting")? > 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_looked_at_until_it_holds_or_the_deadline_has_passed() {
        let count = |limit: Duration| {
            let mut looks = 0;
            let found = until(Deadline::after(limit), Duration::from_millis(1), || {
                looks += 1;
                if looks == 3 { ControlFlow::Break(looks) } else { ControlFlow::Continue(looks) }
            });
            (found, looks)
        };
        assert_eq!(count(Duration::from_secs(20)), (Ok(3), 3));
        assert_eq!(count(Duration::ZERO), (Err(1), 1), "one look, without a pause");
    }
}
