//! `make demo` shows what it promises, and leaves nothing behind.

use std::ffi::OsString;

use rustix::process::Signal;

use crate::support::golden;
use crate::support::haproxy::{Branch, binary};
use crate::support::process::{Process, alive};
use crate::support::wait::{wait_for, within};

/// How long the demo may take; it takes two seconds on an idle machine.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(60);

/// The demo, started in a folder for its own temporary files.
struct Demo {
    process: Process,
    folder: tempfile::TempDir,
}

impl Demo {
    fn start(pause: &str) -> Option<Self> {
        binary(Branch::V28)?;
        let folder = tempfile::TempDir::with_prefix("hag").unwrap();
        let own = folder.path().join("tmp");
        std::fs::create_dir(&own).unwrap();
        let args: Vec<OsString> = vec![golden::path(".ci/demo").into()];
        let env = [
            ("HAGUARD_BIN", env!("CARGO_BIN_EXE_haguard")),
            ("DEMO_PAUSE", pause),
            ("TMPDIR", own.to_str().unwrap()),
        ];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let process = Process::start("bash".as_ref(), &args, &env, &folder.path().join("log"));
        Some(Demo { process, folder })
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Every process that was given a path in the demo's own folder.
    fn processes(&self) -> Vec<u32> {
        let own = self.folder.path().join("tmp").display().to_string();
        let numbers = std::fs::read_dir("/proc").unwrap().flatten();
        let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let told = |pid: &u32| {
            let argv = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            argv.contains(&own) && alive(*pid)
        };
        numbers.filter(told).collect()
    }

    #[track_caller]
    fn left_nothing(&self) {
        wait_for("every process of the demo is gone", || self.processes().is_empty().then_some(()));
        let files = std::fs::read_dir(self.folder.path().join("tmp")).unwrap().count();
        assert_eq!(files, 0, "files were left behind\n{}", self.log());
    }
}

#[test]
fn the_demo_refuses_loses_what_was_said_and_leaves_nothing() {
    let Some(mut demo) = Demo::start("0") else { return };
    let ended = within(LIMIT, || demo.process.has_ended().then_some(()));
    assert!(ended.is_some(), "it takes longer than {LIMIT:?}\n{}", demo.log());
    demo.left_nothing();
    let status = demo.process.end(Signal::TERM).unwrap();
    let log = demo.log();
    assert!(status.success(), "{status}\n{log}");
    assert!(
        log.contains("nothing was changed. (exit 3)") && log.contains("cut, the answer never came"),
        "{log}"
    );
    assert!(!log.contains('\u{1b}'), "colour, and this is no terminal\n{log}");
    assert!(log.lines().all(|line| line.chars().count() <= 100), "{log}");
}

#[test]
fn a_demo_that_is_interrupted_takes_its_haproxy_along() {
    let Some(mut demo) = Demo::start("1") else { return };
    wait_for("it runs", || demo.log().contains("3. It works").then_some(()));
    assert!(demo.processes().len() >= 3, "a master, a worker and the origins\n{}", demo.log());
    demo.process.signal(Signal::TERM);
    let ended = within(LIMIT, || demo.process.has_ended().then_some(()));
    assert!(ended.is_some(), "{}", demo.log());
    demo.left_nothing();
    assert_eq!(demo.process.end(Signal::TERM).unwrap().code(), Some(143), "{}", demo.log());
}
