//! runit: the parent is `runsv`, which writes the process that it keeps into its service folder.

use super::service_folder::identify_by_service_folder;
use super::{ControllerEvidence, ControllerQueries, SupervisorKind};
use crate::clients::supervisors;
use crate::facts::controllers::{Control, Controller};

pub(super) const RUNSV: SupervisorKind =
    SupervisorKind { matches: |process| process.comm == "runsv", identify, terminal: None };

fn identify(_: &ControllerQueries, case: ControllerEvidence<'_>, at: usize) -> Control {
    let (runsv, child) = (case.line.ancestor(at).clone(), case.line.ancestor(at - 1).pid);
    let listed = supervisors::runit_processes(runsv.pid);
    let seen = listed.map(|all| all.into_iter().find(|(_, pid)| *pid == child));
    identify_by_service_folder(case, &runsv, child, seen, Controller::Runit)
}
