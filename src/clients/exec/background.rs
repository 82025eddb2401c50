//! A haguard that stays behind when the one that was called has ended: a process in a session of its own, without a
//! terminal, which a closed shell does not take along.
//!
//! Caller and watcher talk in lines over two pipes. A pipe that closes tells the watcher that its caller has ended,
//! however it ended.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Stdin, Write, stdin, stdout};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use signal_hook::consts::SIGHUP;

use super::helper_process::HelperProcess;
use crate::time::Deadline;

/// What it is called with in place of a program's name.
const ARGV0: &str = "haguard: watcher of a confirmation";
/// The name that it shows in /proc.
const PROCESS_NAME: &str = "haguard-watcher";

/// The caller's end.
#[derive(Debug)]
pub struct BackgroundProcess {
    helper: HelperProcess,
}

impl BackgroundProcess {
    /// Starts one, hands it its orders, and waits until it has taken its post.
    ///
    /// # Errors
    /// When it cannot be started, or says why it cannot watch.
    pub fn start(orders: &str) -> Result<Self> {
        let mut aside = HelperProcess::start(ARGV0, "watcher")?;
        aside.request(orders)?;
        Ok(BackgroundProcess { helper: aside })
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.helper.pid()
    }

    /// Tells it one line and returns its answer.
    ///
    /// # Errors
    /// When it has ended, does not answer, or answers that it failed.
    pub fn request(&mut self, line: &str) -> Result<String> {
        self.helper.request(line)
    }
}

/// This process was started as a watcher.
pub fn is_helper(args: &[OsString]) -> bool {
    args.first().is_some_and(|name| name == ARGV0)
}

/// The watcher's end.
#[derive(Debug)]
pub struct ParentPipe {
    lines: BufReader<Stdin>,
}

impl ParentPipe {
    /// Leaves the caller's session and terminal.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn detach() -> Result<Self> {
        rustix::process::setsid().context("taking a session of its own")?;
        let name = std::ffi::CString::new(PROCESS_NAME)?;
        rustix::thread::set_name(&name).context("naming the watcher")?;
        // The flag is never looked at: a terminal that is gone is no business of the watcher's.
        signal_hook::flag::register(SIGHUP, Arc::default()).context("catching SIGHUP")?;
        Ok(ParentPipe { lines: BufReader::new(stdin()) })
    }

    /// The caller's next line; none once it has ended.
    pub fn next_line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.lines.read_line(&mut line).unwrap_or_default();
        // A line that was cut short was never said.
        (read > 0 && line.ends_with('\n')).then(|| line.trim_end().to_owned())
    }

    /// Answers one line.
    pub fn reply(&self, line: &str) {
        // A caller that has ended needs no answer.
        let _ = stdout().write_all(format!("{}\n", line.replace('\n', " ")).as_bytes());
    }
}

/// A folder whose changes are noticed.
#[derive(Debug)]
pub struct FolderWatch {
    changes: OwnedFd,
}

impl FolderWatch {
    /// Notices every file that is renamed or removed there from now on.
    ///
    /// # Errors
    /// When the folder cannot be watched, or this user watches too much already.
    pub fn start(path: &Path) -> Result<Self> {
        let what = || format!("watching {}", path.display());
        let changes = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).with_context(what)?;
        let kinds = WatchFlags::MOVED_TO | WatchFlags::MOVED_FROM | WatchFlags::DELETE;
        inotify::add_watch(&changes, path, kinds).with_context(what)?;
        Ok(FolderWatch { changes })
    }

    /// Waits until `decided` says so, which is asked again after every change; false when the deadline came first.
    ///
    /// # Errors
    /// When the kernel cannot wait so long.
    pub fn wait_until(&self, deadline: Deadline, decided: impl Fn() -> bool) -> Result<bool> {
        while !decided() {
            let left = deadline.left();
            if left.is_zero() {
                return Ok(false);
            }
            let limit = Timespec::try_from(left).context("the deadline")?;
            match poll(&mut [PollFd::new(&self.changes, PollFlags::IN)], Some(&limit)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error).context("waiting"),
            }
            // What happened does not matter: the condition is asked anew.
            let mut events = [0_u8; 4096];
            while rustix::io::read(&self.changes, &mut events).is_ok_and(|length| length > 0) {}
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const REPLY_TIMEOUT: Duration = Duration::from_secs(30);

    #[test]
    fn a_change_in_the_folder_ends_the_wait_and_so_does_the_deadline() {
        let dir = tempfile::tempdir().unwrap();
        let (fresh, there) = (dir.path().join("fresh"), dir.path().join("there"));
        let folder = FolderWatch::start(dir.path()).unwrap();
        assert!(!folder.wait_until(Deadline::after(Duration::from_millis(20)), || there.exists()).unwrap());
        std::fs::write(&fresh, "x").unwrap();
        std::thread::scope(|scope| {
            let waiting =
                scope.spawn(|| folder.wait_until(Deadline::after(REPLY_TIMEOUT), || there.exists()));
            std::fs::rename(&fresh, &there).unwrap();
            assert!(waiting.join().unwrap().unwrap());
        });
    }
}
