//! What a unit says of its start: the answers about it, its environment files, the words of its command.
#![no_main]

use haguard::wire::systemd::{environment_file, exec_command, exec_settings};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let read = environment_file::parse(bytes, 257).unwrap_or_default();
    assert!(read.iter().all(|(name, _)| environment_file::is_name(name)));
    let text = String::from_utf8_lossy(bytes);
    let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
    let _ = exec_command::expand(&words, &read.into_iter().collect());
    let _ = (
        exec_settings::parse(&text).is_ok(),
        exec_settings::parse_manager(&text).is_ok(),
        exec_settings::bus_label(&text),
    );
});
