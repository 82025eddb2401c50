//! Drop-ins of systemd units.
#![no_main]

use haguard::wire::systemd::guard_drop_in::{DropInOrigin, folder_was_created, origin, refuses_stop};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = refuses_stop(text);
    assert!(origin(text) == DropInOrigin::Unmodified || !folder_was_created(text));
});
