//! Answers of a Docker daemon.
#![no_main]

use haguard::wire::containers::docker;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = (docker::list(text), docker::complaint(text), docker::inspected_by_podman(text));
    if let Ok(container) = docker::inspected(text) {
        assert_ne!(container.pid, Some(0));
    }
});
