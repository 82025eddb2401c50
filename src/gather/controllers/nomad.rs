//! Nomad's tasks: the control group, and what Nomad gave them in their environment.

use super::Case;
use super::ancestry::named;
use crate::clients::linux;
use crate::facts::controller::{Control, Controller, Evidence};
use crate::wire::containers::docker::Inspected;

/// What Nomad wrote into the environment of a task.
struct Told {
    allocation: String,
    task: String,
    job: Option<String>,
    namespace: Option<String>,
}

impl Told {
    /// Reads it from a process; none where it says nothing of Nomad.
    fn of(pid: u32) -> anyhow::Result<Option<Self>> {
        let mut environment = linux::environment(pid)?;
        let mut take = |name: &str| environment.remove(name).filter(|value| !value.is_empty());
        let Some((allocation, task)) = take("NOMAD_ALLOC_ID").zip(take("NOMAD_TASK_NAME")) else {
            return Ok(None);
        };
        let namespace = take("NOMAD_NAMESPACE").filter(|name| name != "default");
        Ok(Some(Told { allocation, task, job: take("NOMAD_JOB_ID"), namespace }))
    }

    fn evidence(&self, pid: u32) -> Evidence {
        let Told { allocation, task, .. } = self;
        let said = format!("NOMAD_ALLOC_ID {allocation}, NOMAD_TASK_NAME {task}");
        Evidence::new(format!("/proc/{pid}/environ"), said)
    }

    fn controller(self) -> Controller {
        let Told { allocation, task, job, namespace } = self;
        Controller::Nomad { allocation, task, job, namespace }
    }
}

fn only(allocation: String, task: String) -> Controller {
    Controller::Nomad { allocation, task, job: None, namespace: None }
}

/// The control group names a task.
pub(super) fn control(case: Case<'_>, allocation: String, task: String) -> Control {
    let pid = case.process.pid;
    let told = match Told::of(pid) {
        Ok(Some(told)) => told,
        Ok(None) => {
            return case.claimed(only(allocation, task), format!("/proc/{pid}/environ names no allocation"));
        }
        Err(error) => return case.claimed(only(allocation, task), format!("{error:#}")),
    };
    let case = case.with(told.evidence(pid));
    // Names of tasks are changed for a control group where they hold other signs.
    match told.allocation == allocation {
        true => case.proven(told.controller()),
        false => case.conflict(format!(
            "the control group names allocation {allocation}, the environment of {pid} names {}",
            told.allocation
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
    match Told::of(pid) {
        Ok(Some(told)) => case.with(told.evidence(pid)).proven(told.controller()),
        Ok(None) => case.unknown(unnamed(&format!("/proc/{pid}/environ names no allocation"))),
        Err(error) => case.unknown(unnamed(&format!("{error:#}"))),
    }
}

/// Nomad had a daemon make this container: of its own labels it always sets that of the allocation alone.
pub(super) fn contained(pid: u32, seen: &Inspected) -> Option<Controller> {
    let label = |name: &str| seen.labels.get(&format!("com.hashicorp.nomad.{name}")).cloned();
    let allocation = label("alloc_id")?;
    if let Some(told) = Told::of(pid).ok().flatten().filter(|told| told.allocation == allocation) {
        return Some(told.controller());
    }
    // It names a container after its task and its allocation.
    let name = seen.name.strip_suffix(&format!("-{allocation}")).unwrap_or(&seen.name);
    let task = label("task_name").unwrap_or_else(|| name.to_owned());
    let (job, namespace) = (label("job_id"), label("namespace").filter(|name| name != "default"));
    Some(Controller::Nomad { allocation, task, job, namespace })
}
