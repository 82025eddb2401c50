//! Whatever a socket answers, reading the CSV of `show stat` does not panic.
#![no_main]

use haguard::wire::haproxy::runtime::stats;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = stats::parse(text);
});
