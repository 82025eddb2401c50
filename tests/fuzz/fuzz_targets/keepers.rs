//! What supervisors and tmux write and answer.
#![no_main]

use haguard::wire::keepers;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    assert_ne!(keepers::s6(bytes), Some(0));
    let text = String::from_utf8_lossy(bytes);
    assert_ne!(keepers::runit(&text), Some(0));
    assert!(keepers::panes(&text).len() <= text.lines().count());
    let _ = (keepers::supervisord(&text), keepers::terminal_held(&text));
});
