//! Nomad's tasks: the control group, and what Nomad gave them in their environment.

use super::Case;
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

/// Where Nomad makes no control groups: its executor among the parents, and the environment. The case comes back where
/// it is not Nomad's.
pub(super) fn by_environment(case: Case<'_>) -> Result<Control, Case<'_>> {
    let executor = |one: &&crate::clients::host::Relative| {
        one.called() == "nomad" && one.argv.get(1).is_some_and(|word| word == "executor")
    };
    let pid = case.process.pid;
    let Some(executor) = case.line.members().iter().find(executor).map(super::line::named) else {
        return Err(case);
    };
    let Ok(Some((allocation, task))) = told(pid) else { return Err(case) };
    let above = Evidence::new(format!("the parents of {pid}"), format!("{executor}, Nomad's executor"));
    let case = case.with(above).with(environment(pid, &allocation, &task));
    Ok(case.proven(Controller::Nomad { allocation, task }))
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
