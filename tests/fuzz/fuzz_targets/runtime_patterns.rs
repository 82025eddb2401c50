//! Whatever a socket answers, reading map and ACL lists and their entries does not panic.
#![no_main]

use haguard::wire::haproxy::runtime::patterns;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = patterns::parse_lists(text);
    let _ = patterns::parse_map_entries(text);
    let _ = patterns::parse_acl_entries(text);
    let _ = patterns::parse_prepared_version(text);
});
