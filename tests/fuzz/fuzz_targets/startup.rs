//! What HAProxy prints when it starts, reloads, tests a configuration or tells its version, and what it hands to its
//! next self.
#![no_main]

use haguard::wire::runtime::reload;
use haguard::wire::{reexec, startup};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let _ = startup::build(&text);
    let _ = startup::version_numbers(&text);
    let _ = startup::alerts(&text);
    let _ = startup::log(&text);
    let _ = reload::parse(&text);
    let _ = reexec::parse(&[("HAPROXY_PROCESSES".to_owned(), text.into_owned())].into());
});
