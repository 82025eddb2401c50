//! Whatever a socket answers, reading the CSV of `show stat` does not panic.
#![no_main]

use haguard::wire::runtime::stat;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = stat::parse(text);
});
