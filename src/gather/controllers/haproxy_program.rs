//! Programs of HAProxy's own configuration (`program` sections, up to 3.1): the master starts them and lists them.

use std::path::Path;
use std::sync::Arc;

use super::ancestry::describe_process;
use super::{ControllerEvidence, ControllerQueries};
use crate::clients::haproxy::runtime::RuntimeSocket;
use crate::clients::linux;
use crate::facts::Process;
use crate::facts::controllers::{Control, Controller, Evidence, HaproxyProgram};
use crate::gather::haproxy::sockets::reachable_path;

/// The controller where a HAProxy started it; else the evidence unchanged.
pub(super) fn identify<'a>(
    queries: &ControllerQueries,
    case: ControllerEvidence<'a>,
) -> Result<Control, ControllerEvidence<'a>> {
    if case.process.is_haproxy() {
        return Err(case);
    }
    let nearer = case.supervisor().map_or(usize::MAX, |(at, _)| at);
    let above = case.line.processes().iter().enumerate().skip(1).take_while(|(at, _)| *at < nearer);
    let mut masters = above.filter(|(_, one)| one.comm.starts_with("haproxy"));
    let found =
        masters.find_map(|(at, one)| Some((at, linux::process(one.pid).ok().filter(Process::is_haproxy)?)));
    let Some((at, master)) = found else { return Err(case) };
    let (child, words) = (case.line.ancestor(at - 1).pid, describe_process(case.line.ancestor(at)));
    let case = case.with_evidence(Evidence::new("its parents", format!("{words} is the parent of {child}")));
    let socket = master
        .haproxy_args()
        .master_socket
        .map(|path| master.absolute(&path))
        .filter(|path| path.starts_with('/'));
    let socket = socket.map(|path| reachable_path(&master, Path::new(&path)).display().to_string());
    let controller = Controller::HaproxyProgram(HaproxyProgram { master: master.pid, socket });
    let Some(socket) = controller.master_socket() else {
        return Ok(
            case.claimed(controller, format!("HAProxy {} has no master socket (-S PATH) to ask", master.pid))
        );
    };
    Ok(match RuntimeSocket::new(socket, queries.query_timeout(), Arc::default()).processes() {
        Err(error) => case.claimed(controller, format!("{error:#}")),
        Ok(listed) if listed.programs.iter().any(|program| program.pid == child) => {
            let seen = Evidence::new(format!("show proc on {socket}"), format!("{child} is a program of it"));
            case.with_evidence(seen).proven(controller)
        }
        Ok(_) => {
            let why = format!("show proc on {socket} lists no program {child}");
            case.claimed(controller, why)
        }
    })
}
