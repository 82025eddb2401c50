//! Whatever a socket answers, reading stick tables does not panic.
#![no_main]

use haguard::wire::runtime::tables;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = tables::parse(text);
});
