//! `/proc/locks`, `/proc/PID/maps` and needrestart's configuration.
#![no_main]

use haguard::wire::linux::{needrestart, proc_locks, proc_maps};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = (proc_locks::holds_flock(text, 1, 1), needrestart::parse([text]));
    assert!(proc_maps::stale_libraries(text).len() <= text.lines().count());
});
