//! Arguments of Podman's monitor.
#![no_main]

use haguard::wire::containers::conmon::Conmon;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let argv: Vec<String> = text.split('\n').map(str::to_owned).collect();
    if let Some(seen) = Conmon::from_argv(&argv) {
        assert!(!seen.id.is_empty() && seen.storage_options.len() % 2 == 0);
        assert!(seen.non_default_options().len() <= seen.storage_options.len());
    }
});
