//! Any program's command line, as /proc gives it: however it looks, what follows a name of a secret is not shown.
#![no_main]

use haguard::wire::linux::command_line::{config_file_candidates, program, redact_args, role};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut words: Vec<String> =
        data.split(|byte| *byte == 0).map(|w| String::from_utf8_lossy(w).into_owned()).collect();
    let exe = words.first().cloned();
    for exe in [None, exe.as_deref()] {
        let _ = (program(exe, &words), role(exe, &words));
    }
    let _ = config_file_candidates(&words);
    assert_eq!(redact_args(&words).len(), words.len());
    words.extend(["--password".to_owned(), "hunter2".to_owned()]);
    assert_eq!(redact_args(&words).last().map(String::as_str), Some("***"));
    words.extend(["PGPASSWORD=hunter2".to_owned(), "postgresql://u:hunter2@db/x".to_owned()]);
    assert!(!redact_args(&words)[words.len() - 4..].concat().contains("hunter2"));
});
