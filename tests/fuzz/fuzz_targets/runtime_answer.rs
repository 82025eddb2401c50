//! Whatever a socket answers, reading several answers behind each other does not panic.
#![no_main]

use haguard::wire::runtime::answer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for commands in 0..4 {
        let _ = answer::split(text, commands);
    }
    let _ = answer::classify(text);
    let _ = answer::single(text);
});
