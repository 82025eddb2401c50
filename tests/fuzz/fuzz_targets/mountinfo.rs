//! `/proc/PID/mountinfo`.
#![no_main]

use haguard::wire::linux::mountinfo;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mounts = mountinfo::parse(text);
    assert!(mounts.len() <= text.lines().count());
});
