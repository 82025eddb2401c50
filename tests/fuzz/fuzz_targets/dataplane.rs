//! Whatever stands in for a Data Plane API's file or answer, reading it never panics.
#![no_main]

use haguard::facts::dataplane::parse_arguments;
use haguard::wire::dataplane as wire;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let md5 = wire::expected_md5(data);
    assert_eq!(md5.len(), 32);
    // a text under a fresh header is read back as it was written
    let whole = [format!("# _md5hash={}\n", wire::expected_md5(b"")).as_bytes(), data].concat();
    assert!(wire::parse_header(&whole).md5.is_some());
    let _ = (wire::parse_header(data), wire::parse_config(&text), wire::parse_error(&text));
    let _ =
        (wire::parse_api_version(&text), wire::parse_config_version(&text), wire::parse_runtime_pid(&text));
    let _ = (wire::parse_reloads(&text), wire::parse_transactions(&text));
    let _ = parse_arguments(&text.split('\0').map(str::to_owned).collect::<Vec<_>>());
});
