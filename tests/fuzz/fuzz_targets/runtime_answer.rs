//! Whatever a socket answers, reading several answers behind each other does not panic.
#![no_main]

use haguard::wire::haproxy::runtime::response;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for commands in 0..4 {
        let _ = response::split(text, commands);
    }
    let _ = response::classify(text);
    let _ = response::single(text);
});
