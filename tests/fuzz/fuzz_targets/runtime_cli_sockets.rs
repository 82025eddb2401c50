//! Whatever a socket answers, reading the doors of a worker does not panic.
#![no_main]

use haguard::wire::haproxy::runtime::cli_sockets;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = cli_sockets::parse(text);
    let _ = cli_sockets::parse_level(text);
});
