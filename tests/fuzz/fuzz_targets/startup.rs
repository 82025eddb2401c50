//! What HAProxy prints when it starts, tests a configuration or tells its version.
#![no_main]

use haguard::wire::startup;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let _ = startup::build(&text);
    let _ = startup::version_numbers(&text);
    let _ = startup::alerts(&text);
});
