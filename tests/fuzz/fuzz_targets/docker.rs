//! Answers of a Docker daemon.
#![no_main]

use haguard::wire::containers::docker;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = (docker::parse_list(text), docker::parse_error_message(text), docker::parse_podman_inspect(text));
    if let Ok(container) = docker::parse_inspect(text) {
        assert_ne!(container.pid, Some(0));
    }
});
