//! What supervisors and tmux write and answer.
#![no_main]

use haguard::wire::supervisors;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    assert_ne!(supervisors::parse_s6_status(bytes), Some(0));
    let text = String::from_utf8_lossy(bytes);
    assert_ne!(supervisors::parse_runit_pid(&text), Some(0));
    assert!(supervisors::parse_tmux_panes(&text).len() <= text.lines().count());
    let _ = (supervisors::parse_supervisord(&text), supervisors::parse_pty_index(&text));
});
