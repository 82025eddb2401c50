//! Whatever a socket answers, reading server states and server-state files does not panic.
#![no_main]

use haguard::wire::haproxy::runtime::servers_state;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = servers_state::parse(text);
});
