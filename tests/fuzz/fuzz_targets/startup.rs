//! What HAProxy prints when it starts, reloads, tests a configuration or tells its version, and what it hands to its
//! next self.
#![no_main]

use haguard::wire::haproxy::runtime::reload;
use haguard::wire::haproxy::{reexec_environment, startup_log};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let _ = startup_log::parse_build_info(&text);
    let _ = startup_log::version_numbers(&text);
    let _ = startup_log::alerts(&text);
    let _ = startup_log::redacted_lines(&text);
    let _ = reload::parse(&text);
    let _ = reexec_environment::parse(&[("HAPROXY_PROCESSES".to_owned(), text.into_owned())].into());
});
