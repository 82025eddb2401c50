//! Drop-ins of systemd units.
#![no_main]

use haguard::wire::systemd::guard_drop_in::{Whose, folder_made, refuses_stop, whose};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = refuses_stop(text);
    assert!(whose(text) == Whose::Ours || !folder_made(text));
});
