//! Arguments of Podman's monitor.
#![no_main]

use haguard::wire::containers::conmon::Conmon;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let argv: Vec<String> = text.split('\n').map(str::to_owned).collect();
    if let Some(seen) = Conmon::read(&argv) {
        assert!(!seen.id.is_empty() && seen.places.len() % 2 == 0);
        assert!(seen.unusual().len() <= seen.places.len());
    }
});
