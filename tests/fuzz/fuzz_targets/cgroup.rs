//! `/proc/PID/cgroup` and the paths in it.
#![no_main]

use haguard::wire::linux::cgroup::{self, Claim};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = cgroup::claim(text);
    if let Some(path) = cgroup::path(text) {
        assert!(text.contains(path));
    }
    let below = format!("/system.slice/x.service/payload/{text}");
    assert!(matches!(cgroup::claim(&below), Claim::Guest { .. }));
});
