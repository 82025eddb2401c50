//! Whatever a socket answers, reading certificates in memory does not panic.
#![no_main]

use haguard::wire::haproxy::runtime::certificates;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = certificates::parse_list(text);
    let _ = certificates::parse_ca_list(text);
    let _ = certificates::parse_details(text);
});
