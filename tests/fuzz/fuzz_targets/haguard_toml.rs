//! Whatever stands in a haguard.toml, reading it never panics, and an error is one line that can be shown.
#![no_main]

use haguard::config::file;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    if let Err(error) = file::parse(&text) {
        assert!(!error.to_string().is_empty());
    }
});
