//! The parent's end of a helper that is given lines on its input and answers in lines.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use anyhow::{Context, Result, bail, ensure};
use rustix::event::{PollFd, PollFlags};

use super::helper_request::HelperRequest;
use super::spawn;
use crate::time::Deadline;
use crate::timeouts;
use crate::wait;

/// A running helper.
#[derive(Debug)]
pub(in crate::clients) struct HelperProcess {
    child: Child,
    pipe: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// Its name in messages.
    name: &'static str,
}

impl HelperProcess {
    /// Starts haguard's own program under this `argv[0]`.
    pub(in crate::clients) fn start(called: &str, name: &'static str) -> Result<Self> {
        let mut command = spawn::self_command(called);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().with_context(|| format!("starting the {name}"))?;
        let pipe = child.stdin.take().with_context(|| format!("the {name} has no input"))?;
        let answers = child.stdout.take().with_context(|| format!("the {name} has no output"))?;
        Ok(HelperProcess { child, pipe, answers: BufReader::new(answers), name })
    }

    /// Its process.
    pub(in crate::clients) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends one line and returns the answer; that it has ended is an error.
    pub(in crate::clients) fn request(&mut self, line: &str) -> Result<String> {
        let name = self.name;
        self.try_request(line)?.with_context(|| format!("the {name} has ended"))
    }

    /// Sends one line and returns the answer; none where it closed its output instead.
    pub(in crate::clients) fn try_request(&mut self, line: &str) -> Result<Option<String>> {
        let name = self.name;
        writeln!(self.pipe, "{line}").with_context(|| format!("the {name} has ended"))?;
        self.read_reply()
    }

    /// Sends it requests, which it reads in this order.
    pub(in crate::clients) fn send(&mut self, requests: &[HelperRequest]) -> Result<()> {
        for request in requests {
            self.pipe
                .write_all(&request.encode()?)
                .with_context(|| format!("the {} has ended", self.name))?;
        }
        Ok(())
    }

    /// Its next line; none where it closed its output instead.
    pub(in crate::clients) fn read_reply(&mut self) -> Result<Option<String>> {
        let name = self.name;
        let mut watched = [PollFd::new(self.answers.get_ref(), PollFlags::IN)];
        let ready = wait::until_ready(&mut watched, Some(Deadline::after(timeouts::HELPER_REPLY)));
        ensure!(ready?, "the {name} did not answer in {:?}", timeouts::HELPER_REPLY);
        let mut answer = String::new();
        let length = self
            .answers
            .read_line(&mut answer)
            .with_context(|| format!("reading the answer of the {name}"))?;
        let answer = answer.trim_end();
        match (length, answer.strip_prefix("failed: ")) {
            (0, _) => Ok(None),
            (_, Some(why)) => bail!("the {name} says: {why}"),
            _ => Ok(Some(answer.to_owned())),
        }
    }

    /// Reaps it, so that it does not stay as a zombie.
    pub(in crate::clients) fn reap(&mut self) {
        let _ = self.child.try_wait();
    }
}
