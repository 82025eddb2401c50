//! The steps of one run in the journal: each written before it is done, and its result after.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::journal::{self, InvokingUser, JournalLine, JournalStep};
use crate::time;
use anyhow::Result;

/// The journal of one run.
#[derive(Debug)]
pub struct StepJournal {
    state_dir: PathBuf,
    line: JournalStep,
}

impl StepJournal {
    /// A journal for this run; nothing is written yet.
    pub fn new(state_dir: PathBuf, command: &str, target: String, who: InvokingUser) -> Self {
        let (at, pid) = (time::now(), std::process::id());
        let run = format!("{}-{pid}", at.as_millisecond());
        let line = JournalStep {
            at,
            run,
            pid,
            command: command.to_owned(),
            target,
            who,
            step: String::new(),
            result: None,
        };
        StepJournal { state_dir, line }
    }

    /// The run's id.
    pub fn run_id(&self) -> &str {
        &self.line.run
    }

    /// The user who began it.
    pub fn invoking_user(&self) -> &InvokingUser {
        &self.line.who
    }

    /// Writes that a step is about to be done.
    ///
    /// # Errors
    /// When the journal cannot be written. Then the step must not be done.
    pub fn begin(&self, step: &str) -> Result<()> {
        self.write(step, None)
    }

    /// Writes the result of a step. The step is done, so a journal that fails now stops nothing.
    pub fn end(&self, step: &str, result: &str) {
        if let Err(error) = self.write(step, Some(result.to_owned())) {
            tracing::warn!("the result of step {step} was not recorded: {error:#}");
        }
    }

    fn write(&self, step: &str, result: Option<String>) -> Result<()> {
        let line = JournalStep { at: time::now(), step: step.to_owned(), result, ..self.line.clone() };
        journal::append_line(&self.state_dir, &line)
    }
}

/// The last step of each run that has no entry at its end: it is under way, or it was killed.
///
/// # Errors
/// When the journal is there and cannot be read.
pub fn unfinished_runs(state_dir: &std::path::Path) -> Result<Vec<JournalStep>> {
    let mut open: BTreeMap<String, JournalStep> = BTreeMap::new();
    for line in journal::lines(state_dir)? {
        match line? {
            JournalLine::Step(step) => drop(open.insert(step.run.clone(), *step)),
            JournalLine::Entry(entry) => drop(entry.run.and_then(|run| open.remove(&run))),
            JournalLine::Broken => {}
        }
    }
    Ok(open.into_values().collect())
}

impl JournalStep {
    /// Where the run stood when this line was written.
    pub fn describe_progress(&self) -> String {
        match &self.result {
            None => format!("in step {}, whose result is not recorded", self.step),
            Some(result) => format!("after step {}: {result}", self.step),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;
    use crate::state::journal::JournalEntry;

    #[test]
    fn a_run_that_has_no_end_is_told_with_its_last_step() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().to_path_buf();
        let steps =
            StepJournal::new(state.clone(), "reload", "HAProxy (master 1)".into(), InvokingUser::default());
        assert_eq!(unfinished_runs(&state).unwrap(), []);
        steps.begin("reload").unwrap();
        assert_eq!(
            unfinished_runs(&state).unwrap()[0].describe_progress(),
            "in step reload, whose result is not recorded"
        );
        steps.end("reload", "worker 2 took over");
        assert_eq!(
            unfinished_runs(&state).unwrap()[0].describe_progress(),
            "after step reload: worker 2 took over"
        );
        let entry = JournalEntry {
            at: time::now(),
            host: "lb1".into(),
            command: "reload".into(),
            argv: vec![],
            target: "HAProxy (master 1)".into(),
            exit: Exit::Done,
            changed: true,
            summary: "done".into(),
            who: InvokingUser::default(),
            run: Some(steps.run_id().to_owned()),
        };
        journal::append(&state, &entry).unwrap();
        assert_eq!(unfinished_runs(&state).unwrap(), []);
        assert_eq!(journal::read(&state, 9).unwrap(), (vec![entry], 0));
    }
}
