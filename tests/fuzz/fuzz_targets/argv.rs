//! HAProxy's own command line, as /proc gives it.
#![no_main]

use haguard::wire::haproxy::command_line;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let words: Vec<String> =
        data.split(|byte| *byte == 0).map(|w| String::from_utf8_lossy(w).into_owned()).collect();
    let read = command_line::parse(&words);
    assert!(read.files.len() <= words.len());
});
