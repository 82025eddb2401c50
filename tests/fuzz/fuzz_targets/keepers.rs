//! What supervisors and tmux write and answer.
#![no_main]

use haguard::wire::supervisors;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    assert_ne!(supervisors::s6(bytes), Some(0));
    let text = String::from_utf8_lossy(bytes);
    assert_ne!(supervisors::runit(&text), Some(0));
    assert!(supervisors::panes(&text).len() <= text.lines().count());
    let _ = (supervisors::supervisord(&text), supervisors::terminal_held(&text));
});
