//! A haguard that goes on when the one that was called has ended: a process in a session of its own, without a terminal,
//! which a closed shell does not take along.
//!
//! It is sent one request and answers `armed`, or why it cannot be. After that nothing goes over the pipe: the two meet
//! in files, and a pidfd tells the background process when the other one has ended, however it ended.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write, stdin, stdout};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use rustix::event::{PollFd, PollFlags};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use signal_hook::consts::SIGHUP;

use super::helper_process::HelperProcess;
use crate::clients::linux::pidfd::ProcessHandle;
use crate::time::Deadline;
use crate::wait;

/// What it is called with in place of a program's name.
const ARGV0: &str = "haguard: watcher of a confirmation";
/// The name that it shows in /proc; the kernel cuts it after 15 bytes.
const PROCESS_NAME: &str = "haguard-watcher";
/// Its only answer.
const ARMED: &str = "armed";

/// Starts one with this request, which is one line, and returns its PID once it is armed.
///
/// # Errors
/// When it cannot be started, or says why it cannot be armed.
pub fn start(request: &str) -> Result<u32> {
    let mut helper = HelperProcess::start(ARGV0, "rollback timer")?;
    let answer = helper.request(request)?;
    ensure!(answer == ARMED, "the rollback timer answered `{answer}`");
    Ok(helper.pid())
}

/// This process was started as one.
pub fn is_helper(args: &[OsString]) -> bool {
    args.first().is_some_and(|name| name == ARGV0)
}

/// Leaves the caller's session and terminal, and reads the request.
///
/// # Errors
/// When the kernel refuses, or the caller has ended.
pub fn detach() -> Result<String> {
    rustix::process::setsid().context("taking a session of its own")?;
    let name = std::ffi::CString::new(PROCESS_NAME)?;
    rustix::thread::set_name(&name).context("naming the process")?;
    // A hangup of the terminal must not end it. The flag is never looked at.
    signal_hook::flag::register(SIGHUP, Arc::default()).context("catching SIGHUP")?;
    let mut line = String::new();
    let length = BufReader::new(stdin()).read_line(&mut line).context("reading the request")?;
    ensure!(length > 0 && line.ends_with('\n'), "the request was cut short");
    Ok(line)
}

/// Tells the caller that it is armed, or why not.
pub fn answer<T>(armed: &Result<T>) {
    let line = match armed {
        Ok(_) => ARMED.to_owned(),
        Err(error) => format!("failed: {error:#}").replace('\n', " "),
    };
    // A caller that has ended needs no answer.
    let _ = stdout().write_all(format!("{line}\n").as_bytes());
}

/// What ended a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitEnd {
    /// The condition is true.
    Decided,
    /// The process has ended, and the condition was not true after that.
    ProcessEnded,
    /// The deadline came first.
    Deadline,
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

    /// Waits until `decided` returns true, which is asked again after every change in the folder, until this process has
    /// ended, or until the deadline.
    ///
    /// # Errors
    /// When the kernel cannot wait so long.
    pub fn wait_until(
        &self,
        process: Option<&ProcessHandle>,
        deadline: Option<Deadline>,
        decided: impl Fn() -> bool,
    ) -> Result<WaitEnd> {
        let mut ended = false;
        while !decided() {
            if ended {
                return Ok(WaitEnd::ProcessEnded);
            }
            let mut watched = vec![PollFd::new(&self.changes, PollFlags::IN)];
            watched.extend(process.map(|process| PollFd::new(process.pidfd(), PollFlags::IN)));
            if !wait::until_ready(&mut watched, deadline)? {
                return Ok(WaitEnd::Deadline);
            }
            // What it wrote in its last moment counts: the condition is asked once more.
            ended = watched.get(1).is_some_and(|process| !process.revents().is_empty());
            // Which file changed does not matter.
            let mut events = [0_u8; 4096];
            while rustix::io::read(&self.changes, &mut events).is_ok_and(|length| length > 0) {}
        }
        Ok(WaitEnd::Decided)
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
        let soon = Deadline::after(Duration::from_millis(20));
        assert_eq!(folder.wait_until(None, Some(soon), || there.exists()).unwrap(), WaitEnd::Deadline);
        std::fs::write(&fresh, "x").unwrap();
        let deadline = Some(Deadline::after(REPLY_TIMEOUT));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| folder.wait_until(None, deadline, || there.exists()));
            std::fs::rename(&fresh, &there).unwrap();
            assert_eq!(waiting.join().unwrap().unwrap(), WaitEnd::Decided);
        });
    }

    #[test]
    fn the_end_of_the_process_ends_the_wait_unless_it_decided_before() {
        let dir = tempfile::tempdir().unwrap();
        let there = dir.path().join("there");
        let folder = FolderWatch::start(dir.path()).unwrap();
        let mut child = crate::clients::exec::spawn::command("sleep").arg("0.1").spawn().unwrap();
        let ticks = crate::clients::linux::process(child.id()).unwrap().start_ticks.unwrap();
        let process = ProcessHandle::open(child.id(), ticks).unwrap();
        let wait =
            || folder.wait_until(Some(&process), Some(Deadline::after(REPLY_TIMEOUT)), || there.exists());
        assert_eq!(wait().unwrap(), WaitEnd::ProcessEnded);
        child.wait().unwrap();
        std::fs::write(&there, "x").unwrap();
        assert_eq!(wait().unwrap(), WaitEnd::Decided);
    }
}
