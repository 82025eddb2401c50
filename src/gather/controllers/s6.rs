//! s6: the parent is `s6-supervise`, which writes the process that it keeps into its service folder.

use super::service_folder::identify_by_service_folder;
use super::{ControllerEvidence, ControllerQueries, SupervisorKind};
use crate::clients::supervisors;
use crate::facts::controllers::{Control, Controller};

pub(super) const SUPERVISE: SupervisorKind =
    SupervisorKind { matches: |process| process.comm == "s6-supervise", identify, terminal: None };

fn identify(_: &ControllerQueries, case: ControllerEvidence<'_>, at: usize) -> Control {
    let (supervise, child) = (case.line.ancestor(at).clone(), case.line.ancestor(at - 1).pid);
    let status = supervisors::s6_process(supervise.pid).map(|pid| pid.filter(|pid| *pid == child));
    let seen = status.map(|pid| pid.map(|pid| ("supervise/status".to_owned(), pid)));
    identify_by_service_folder(case, &supervise, child, seen, Controller::S6)
}
