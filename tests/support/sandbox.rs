//! A PID namespace of a test's own, so that looking for HAProxies finds those of this test and no others.

use std::ffi::OsString;
use std::sync::LazyLock;

use rustix::process::Signal;
use tempfile::TempDir;

use super::process::{Process, on_path};
use super::run;
use super::wait::within;

/// An empty host, as far as processes go: its own /proc, the files and the loopback of everybody.
#[derive(Debug)]
pub(crate) struct Sandbox {
    init: u32,
    user: bool,
    unshare: Process,
    _dir: TempDir,
}

impl Sandbox {
    /// Makes one: as root, else in a user namespace.
    pub(crate) fn new() -> Self {
        [false, true].into_iter().find_map(Self::made).expect("the test requires a sandbox")
    }

    fn made(user: bool) -> Option<Self> {
        let dir = run::scratch();
        let mut args: Vec<OsString> =
            ["--pid", "--fork", "--mount-proc", "--kill-child"].map(OsString::from).into();
        if user {
            args.push("--map-root-user".into());
        }
        args.extend(["sleep".into(), "infinity".into()]);
        let unshare = Process::start(&on_path("unshare")?, &args, &[], &dir.path().join("log"));
        let task = format!("/proc/{0}/task/{0}/children", unshare.pid());
        // The name changes after /proc is mounted, so from then on the inside is ready.
        let ready = |pid: &u32| {
            std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "sleep\n")
        };
        let init = within(super::wait::PATIENCE, || match unshare.has_ended() {
            true => Some(None),
            false => {
                let child = std::fs::read_to_string(&task).ok()?.trim().parse::<u32>().ok();
                child.filter(ready).map(Some)
            }
        });
        Some(Sandbox { init: init??, user, unshare, _dir: dir })
    }

    /// What stands before a program and its arguments to run it inside.
    pub(crate) fn prefix(&self) -> Vec<OsString> {
        let nsenter = on_path("nsenter").expect("it comes with unshare");
        let mut words: Vec<OsString> = vec![nsenter.into()];
        words.extend(["--target".into(), self.init.to_string().into()]);
        words.extend(["--mount".into(), "--pid".into()]);
        if self.user {
            words.extend(["--user".into(), "--preserve-credentials".into()]);
        }
        words.push("--".into());
        words
    }
}

/// Whether we may make one; tried once.
pub(super) fn is_possible() -> bool {
    static POSSIBLE: LazyLock<bool> =
        LazyLock::new(|| [false, true].into_iter().any(|user| Sandbox::made(user).is_some()));
    *POSSIBLE
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // It waits for its child and takes no SIGTERM meanwhile; its end is the end of everything inside.
        self.unshare.end(Signal::KILL);
    }
}
