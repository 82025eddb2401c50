//! Tasks of Nomad: the control group, and the variables that Nomad sets for a task.

use super::ancestry::describe_process;
use super::{ControllerEvidence, ControllerQueries, SupervisorKind};
use crate::clients::linux::{self, Ancestor};
use crate::facts::controllers::{Control, Controller, Evidence, NomadTask};
use crate::wire::containers::docker::ContainerInspect;

/// The executor of a task, which stands between the agent, perhaps a unit's main process, and the task.
pub(super) const EXECUTOR: SupervisorKind =
    SupervisorKind { matches: is_executor, identify: identify_by_executor, terminal: None };

fn is_executor(process: &Ancestor) -> bool {
    process.program_name() == "nomad" && process.argv.get(1).is_some_and(|word| word == "executor")
}

/// What Nomad wrote into the environment of a task.
struct NomadEnvironment {
    allocation: String,
    task: String,
    job: Option<String>,
    namespace: Option<String>,
}

impl NomadEnvironment {
    /// Reads it from a process; none where it has no variables of Nomad.
    fn read(pid: u32) -> anyhow::Result<Option<Self>> {
        let mut environment = linux::environment(pid)?;
        let mut take = |name: &str| environment.remove(name).filter(|value| !value.is_empty());
        let Some((allocation, task)) = take("NOMAD_ALLOC_ID").zip(take("NOMAD_TASK_NAME")) else {
            return Ok(None);
        };
        let namespace = take("NOMAD_NAMESPACE").filter(|name| name != "default");
        Ok(Some(NomadEnvironment { allocation, task, job: take("NOMAD_JOB_ID"), namespace }))
    }

    fn evidence(&self, pid: u32) -> Evidence {
        let NomadEnvironment { allocation, task, .. } = self;
        let value = format!("NOMAD_ALLOC_ID {allocation}, NOMAD_TASK_NAME {task}");
        Evidence::new(format!("/proc/{pid}/environ"), value)
    }

    fn controller(self) -> Controller {
        let NomadEnvironment { allocation, task, job, namespace } = self;
        Controller::Nomad(NomadTask { allocation, task, job, namespace })
    }
}

fn controller_without_job(allocation: String, task: String) -> Controller {
    Controller::Nomad(NomadTask { allocation, task, job: None, namespace: None })
}

/// The control group names a task.
pub(super) fn identify(case: ControllerEvidence<'_>, allocation: String, task: String) -> Control {
    let pid = case.process.pid;
    let environment = match NomadEnvironment::read(pid) {
        Ok(Some(environment)) => environment,
        Ok(None) => {
            return case.claimed(
                controller_without_job(allocation, task),
                format!("/proc/{pid}/environ names no allocation"),
            );
        }
        Err(error) => return case.claimed(controller_without_job(allocation, task), format!("{error:#}")),
    };
    let case = case.with_evidence(environment.evidence(pid));
    // Nomad replaces special characters of a task's name in the control group, so that only the allocation is compared.
    match environment.allocation == allocation {
        true => case.proven(environment.controller()),
        false => case.conflict(format!(
            "the control group names allocation {allocation}, the environment of {pid} names {}",
            environment.allocation
        )),
    }
}

/// Where Nomad makes no control groups, the environment is the second source beside the executor.
fn identify_by_executor(_: &ControllerQueries, case: ControllerEvidence<'_>, at: usize) -> Control {
    let (pid, executor) = (case.process.pid, describe_process(case.line.ancestor(at)));
    let above = Evidence::new(format!("the parents of {pid}"), format!("{executor}, Nomad's executor"));
    let case = case.with_evidence(above);
    let unnamed = |why: &str| {
        format!("a task of Nomad's ({executor} is its executor), but which one is not known: {why}")
    };
    match NomadEnvironment::read(pid) {
        Ok(Some(found)) => case.with_evidence(found.evidence(pid)).proven(found.controller()),
        Ok(None) => case.unknown(unnamed(&format!("/proc/{pid}/environ names no allocation"))),
        Err(error) => case.unknown(unnamed(&format!("{error:#}"))),
    }
}

/// A container that Nomad's Docker driver created; of its labels only that of the allocation is always set.
pub(super) fn from_container_labels(pid: u32, seen: &ContainerInspect) -> Option<Controller> {
    let label = |name: &str| seen.labels.get(&format!("com.hashicorp.nomad.{name}")).cloned();
    let allocation = label("alloc_id")?;
    if let Some(environment) =
        NomadEnvironment::read(pid).ok().flatten().filter(|found| found.allocation == allocation)
    {
        return Some(environment.controller());
    }
    // It names a container after its task and its allocation.
    let name = seen.name.strip_suffix(&format!("-{allocation}")).unwrap_or(&seen.name);
    let task = label("task_name").unwrap_or_else(|| name.to_owned());
    let (job, namespace) = (label("job_id"), label("namespace").filter(|name| name != "default"));
    Some(Controller::Nomad(NomadTask { allocation, task, job, namespace }))
}
