//! Any bytes, as a configuration file: its lines are the file again, byte for byte.
#![no_main]

use haguard::wire::haproxy::config::{Document, LineKind};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let document = Document::from(data);
    let mut again = Vec::new();
    for line in document.lines() {
        assert!(!line.content.contains(&b'\n'));
        if let LineKind::Words(words) = line.kind() {
            assert!(!words.is_empty() && line.content.ends_with(words));
        }
        again.extend_from_slice(line.content);
        again.extend_from_slice(line.ending.bytes());
    }
    assert_eq!(again, data);
});
