//! Whatever a socket answers, reading `show info` does not panic.
#![no_main]

use haguard::wire::haproxy::runtime::info::Info;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = Info::parse(text);
});
