//! Whatever a socket answers, reading `show peers` does not panic.
#![no_main]

use haguard::wire::haproxy::runtime::peers;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = peers::parse(text);
});
