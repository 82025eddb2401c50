//! Whatever a socket answers, reading the master's list of processes does not panic.
#![no_main]

use haguard::wire::haproxy::runtime::processes::ShowProc;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = ShowProc::parse(text);
});
