//! `make demo` tells the whole story, and leaves nothing behind.

use std::ffi::OsString;

use rustix::process::Signal;

use crate::support::copied;
use crate::support::golden;
use crate::support::haproxy::{Branch, binary};
use crate::support::process::{Process, alive};
use crate::support::requires::requires;
use crate::support::wait::{wait_for, within};

/// How long the demo may take; it takes five seconds on an idle machine.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(60);

/// Its folder for temporary files: a long path, which the tables of haguard break lines for.
const TEMPORARY: &str = "a-folder-with-a-long-name";

/// The demo, started in a folder for its own temporary files.
struct Demo {
    process: Process,
    folder: tempfile::TempDir,
}

impl Demo {
    fn start(pause: &str) -> Self {
        Self::start_with(pause, "")
    }

    /// With a haguard that does something else in one case, said in shell.
    fn with(instead: &str) -> Self {
        Self::start_with("0", instead)
    }

    fn start_with(pause: &str, instead: &str) -> Self {
        binary(Branch::V28);
        let folder = tempfile::TempDir::with_prefix("hag").unwrap();
        let haguard = folder.path().join("haguard");
        let text = format!("#!/bin/sh\n{instead}\nexec {} \"$@\"\n", copied::haguard());
        crate::support::executable::script(&haguard, &text);
        let own = folder.path().join(TEMPORARY);
        std::fs::create_dir(&own).unwrap();
        let args: Vec<OsString> = vec![golden::path(".ci/demo").into()];
        let env = [
            ("HAGUARD_BIN", haguard.to_str().unwrap()),
            ("DEMO_PAUSE", pause),
            ("TMPDIR", own.to_str().unwrap()),
        ];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let process = Process::start("bash".as_ref(), &args, &env, &folder.path().join("log"));
        Demo { process, folder }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Every process of the demo's: it has a path of its folder in its arguments or its environment.
    fn processes(&self) -> Vec<u32> {
        let own = self.folder.path().join(TEMPORARY).display().to_string();
        let numbers = std::fs::read_dir("/proc").unwrap().flatten();
        let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let told = |pid: &u32| {
            let has = |name: &str| {
                let bytes = std::fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
                String::from_utf8_lossy(&bytes).contains(&own)
            };
            (has("cmdline") || has("environ")) && alive(*pid)
        };
        numbers.filter(told).collect()
    }

    #[track_caller]
    fn left_nothing(&self) {
        wait_for("every process of the demo is gone", || self.processes().is_empty().then_some(()));
        let files = std::fs::read_dir(self.folder.path().join(TEMPORARY)).unwrap().count();
        assert_eq!(files, 0, "files were left behind\n{}", self.log());
    }
}

#[test]
fn the_demo_tells_the_whole_story_with_its_numbers_and_leaves_nothing() {
    requires!(Haproxy(Branch::V28));
    let mut demo = Demo::start("0");
    let ended = within(LIMIT, || demo.process.has_ended().then_some(()));
    assert!(ended.is_some(), "it takes longer than {LIMIT:?}\n{}", demo.log());
    demo.left_nothing();
    let status = demo.process.end(Signal::TERM).unwrap();
    let log = demo.log();
    assert!(status.success(), "{status}\n{log}");
    for words in [
        "refused: restart of HAProxy",
        "refused: reload of HAProxy",
        "config.new-binds-free",
        "refused: restart of `127.0.0.1:",
        "proven: reloaded HAProxy",
        "cut, the answer never came",
    ] {
        assert!(log.contains(words), "no `{words}`\n{log}");
    }
    // The last table: what haguard cost, beside what was done by hand.
    let (_, table) = log.split_once("9. Side by side").expect("the numbers");
    let requests: Vec<Vec<u32>> =
        table.lines().filter(|line| line.contains("requests that failed")).map(numbers).collect();
    let [taken, right] = requests.as_slice() else { panic!("two rows of requests\n{table}") };
    assert_eq!((taken[0], right[0]), (0, 0), "requests failed through haguard\n{table}");
    assert!(taken[1] > 0 && right[1] > 0, "nobody asked meanwhile, so nobody could fail\n{table}");
    assert!(taken[2] > 0, "the plain reload refused nobody\n{table}");
    let told = |row: &str| table.lines().find(|line| line.contains(row)).unwrap_or_default().to_owned();
    assert!(told("shop/s1").contains("there") && told("shop/s1").contains("gone"), "{table}");
    assert!(told("long report").contains("still to come"), "{table}");
    assert!(!log.contains('\u{1b}'), "colour, and this is no terminal\n{log}");
    // Paths of the test's own folder are long, and no program breaks a word, not what is quoted for another user's shell.
    let whole = |line: &str| line.contains(demo.folder.path().to_str().unwrap()) || line.contains("'cd ");
    let wide = |line: &&str| line.chars().count() > 80 && !whole(line);
    assert_eq!(log.lines().find(wide), None, "{log}");
}

/// The numbers in a row.
fn numbers(row: &str) -> Vec<u32> {
    row.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

#[test]
fn a_demo_that_is_interrupted_takes_along_what_it_started() {
    requires!(Haproxy(Branch::V28));
    for step in ["3. It works", "6. The file is mended"] {
        let mut demo = Demo::start("1");
        wait_for("it runs", || demo.log().contains(step).then_some(()));
        // The demo, a master, a worker, the origins, the request loop; later somebody else's listener.
        assert!(demo.processes().len() >= 5, "{:?}\n{}", demo.processes(), demo.log());
        demo.process.signal(Signal::TERM);
        let ended = within(LIMIT, || demo.process.has_ended().then_some(()));
        assert!(ended.is_some(), "{}", demo.log());
        demo.left_nothing();
        assert_eq!(demo.process.end(Signal::TERM).unwrap().code(), Some(143), "{}", demo.log());
    }
}

#[test]
fn a_story_that_does_not_come_true_fails_the_demo() {
    requires!(Haproxy(Branch::V28));
    // A haguard that reloads where it should refuse, one that names nobody, and one that puts nothing back.
    let said = [
        ("[ \"$*\" = 'reload --no-input' ] && exit 0", "haguard reload ended with 0, not 3"),
        (
            "[ \"$*\" = 'reload --no-input' ] && { echo refused; exit 3; }",
            "the refusal does not name the bind",
        ),
        (
            "case \"$*\" in *--keep-runtime*--approve*) echo reload | socat -t9 - \"$HAGUARD_STATE_DIR/../master.sock\"; exit 0;; esac",
            "haguard did not put back what it said",
        ),
        ("[ \"$1\" = restart ] && exit 0", "haguard restart ended with 0, not 3"),
    ];
    for (instead, why) in said {
        let mut demo = Demo::with(instead);
        let ended = within(LIMIT, || demo.process.has_ended().then_some(()));
        assert!(ended.is_some(), "{}", demo.log());
        demo.left_nothing();
        let log = demo.log();
        assert_eq!(demo.process.end(Signal::TERM).unwrap().code(), Some(1), "{why}\n{log}");
        assert!(log.contains(why), "no `{why}`\n{log}");
    }
}
