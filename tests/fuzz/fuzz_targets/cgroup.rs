//! `/proc/PID/cgroup` and the paths in it.
#![no_main]

use haguard::wire::linux::cgroup::{self, CgroupOwner};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = cgroup::owner(text);
    if let Some(path) = cgroup::most_specific_path(text) {
        assert!(text.contains(path));
    }
    let below = format!("/system.slice/x.service/payload/{text}");
    assert!(matches!(cgroup::owner(&below), CgroupOwner::SystemContainer { .. }));
});
