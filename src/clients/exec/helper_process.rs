//! A haguard beside this one, for a part of the work that needs a process of its own: the two talk in lines over pipes.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::spawn;
use crate::time::Deadline;

/// It answers at once, or something is wrong with it.
const REPLY_TIMEOUT: Duration = Duration::from_secs(30);

/// The caller's end.
#[derive(Debug)]
pub(in crate::clients) struct HelperProcess {
    child: Child,
    pipe: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// How messages call it.
    name: &'static str,
}

impl HelperProcess {
    /// Starts one under the name that tells it what it is.
    pub(in crate::clients) fn start(called: &str, name: &'static str) -> Result<Self> {
        let mut command = spawn::self_command();
        command.arg0(called).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().with_context(|| format!("starting the {name}"))?;
        let pipe = child.stdin.take().with_context(|| format!("the {name} has no input"))?;
        let answers = child.stdout.take().with_context(|| format!("the {name} has no output"))?;
        Ok(HelperProcess { child, pipe, answers: BufReader::new(answers), name })
    }

    /// Its process.
    pub(in crate::clients) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Tells it one line and returns its answer; a watcher that has ended gives none, which is an error.
    pub(in crate::clients) fn request(&mut self, line: &str) -> Result<String> {
        let name = self.name;
        self.try_request(line)?.with_context(|| format!("the {name} has ended"))
    }

    /// Tells it one line and returns its answer; none where it closed its end instead.
    pub(in crate::clients) fn try_request(&mut self, line: &str) -> Result<Option<String>> {
        let name = self.name;
        writeln!(self.pipe, "{line}").with_context(|| format!("the {name} has ended"))?;
        let limit = Timespec::try_from(REPLY_TIMEOUT).context("the time limit")?;
        let deadline = Deadline::after(REPLY_TIMEOUT);
        while !deadline.left().is_zero() {
            let mut watched = [PollFd::new(self.answers.get_ref(), PollFlags::IN)];
            match poll(&mut watched, Some(&limit)) {
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error).with_context(|| format!("waiting for the {name}")),
                Ok(0) => break,
                Ok(_) => {}
            }
            let mut answer = String::new();
            let heard = self.answers.read_line(&mut answer);
            let length = heard.with_context(|| format!("hearing the {name}"))?;
            let answer = answer.trim_end();
            return match (length, answer.strip_prefix("failed: ")) {
                (0, _) => Ok(None),
                (_, Some(why)) => bail!("the {name} says: {why}"),
                _ => Ok(Some(answer.to_owned())),
            };
        }
        bail!("the {name} did not answer in {REPLY_TIMEOUT:?}")
    }

    /// Takes note of its end, so that nothing of it is left.
    pub(in crate::clients) fn reap(&mut self) {
        let _ = self.child.try_wait();
    }
}
