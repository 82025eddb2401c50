//! Whatever a socket answers, reading stick tables does not panic.
#![no_main]

use haguard::wire::haproxy::runtime::stick_tables;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = stick_tables::parse(text);
});
