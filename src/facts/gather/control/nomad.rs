//! Nomad's tasks: the control group, and what Nomad gave them in their environment.

use super::Case;
use super::line::named;
use crate::clients::host;
use crate::facts::control::{Control, Controller, Evidence};

/// The control group names a task.
pub(super) fn control(case: Case<'_>, allocation: String, task: String) -> Control {
    let pid = case.process.pid;
    let told = match told(pid) {
        Ok(told) => told,
        Err(error) => return case.claimed(Controller::Nomad { allocation, task }, format!("{error:#}")),
    };
    let Some((theirs, their_task)) = told else {
        return case.claimed(
            Controller::Nomad { allocation, task },
            format!("/proc/{pid}/environ names no allocation"),
        );
    };
    let case = case.with(environment(pid, &theirs, &their_task));
    // Names of tasks are changed for a control group where they hold other signs.
    match theirs == allocation {
        true => case.proven(Controller::Nomad { allocation, task: their_task }),
        false => case.conflict(format!(
            "the control group names allocation {allocation}, the environment of {pid} names {theirs}"
        )),
    }
}

/// Nomad's executor stands at this place: where Nomad makes no control groups, the environment is what agrees.
pub(super) fn executed(case: Case<'_>, at: usize) -> Control {
    let (pid, executor) = (case.process.pid, named(case.line.at(at)));
    let above = Evidence::new(format!("the parents of {pid}"), format!("{executor}, Nomad's executor"));
    let case = case.with(above);
    let unnamed = |why: &str| {
        format!("a task of Nomad's ({executor} is its executor), but which one is not known: {why}")
    };
    match told(pid) {
        Ok(Some((allocation, task))) => {
            let case = case.with(environment(pid, &allocation, &task));
            case.proven(Controller::Nomad { allocation, task })
        }
        Ok(None) => case.unknown(unnamed(&format!("/proc/{pid}/environ names no allocation"))),
        Err(error) => case.unknown(unnamed(&format!("{error:#}"))),
    }
}

fn environment(pid: u32, allocation: &str, task: &str) -> Evidence {
    Evidence::new(
        format!("/proc/{pid}/environ"),
        format!("NOMAD_ALLOC_ID {allocation}, NOMAD_TASK_NAME {task}"),
    )
}

fn told(pid: u32) -> anyhow::Result<Option<(String, String)>> {
    let mut environment = host::environment(pid)?;
    let allocation = environment.remove("NOMAD_ALLOC_ID");
    Ok(allocation.zip(environment.remove("NOMAD_TASK_NAME")))
}
