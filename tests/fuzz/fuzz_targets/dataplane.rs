//! Whatever stands in for a Data Plane API's file or answer, reading it never panics.
#![no_main]

use haguard::facts::dataplane::arguments;
use haguard::wire::dataplane as wire;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let md5 = wire::md5_of_rest(data);
    assert_eq!(md5.len(), 32);
    // a text under a fresh header is read back as it was written
    let whole = [format!("# _md5hash={}\n", wire::md5_of_rest(b"")).as_bytes(), data].concat();
    assert!(wire::header(&whole).md5.is_some());
    let _ = (wire::header(data), wire::settings(&text), wire::error_document(&text));
    let _ = (wire::info(&text), wire::version(&text), wire::runtime_pid(&text));
    let _ = (wire::reloads(&text), wire::transactions(&text));
    let _ = arguments(&text.split('\0').map(str::to_owned).collect::<Vec<_>>());
});
