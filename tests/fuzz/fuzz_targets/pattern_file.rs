//! Files of maps and ACLs.
#![no_main]

use haguard::wire::haproxy::pattern_file;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    assert_eq!(pattern_file::parse_map(&text).count(), pattern_file::parse_acl(&text).count());
});
