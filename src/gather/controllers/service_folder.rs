//! What runit and s6 share: a supervisor per service, whose folder names the process that it keeps.

use super::ControllerEvidence;
use super::ancestry::describe_process;
use crate::clients::linux;
use crate::facts::Known;
use crate::facts::controllers::{Control, Controller, Evidence, ServiceFolder};

/// Compares the folder with the parent: `seen` is the file and the process in it, none where it names another one.
pub(super) fn identify_by_service_folder(
    case: ControllerEvidence<'_>,
    above: &linux::Ancestor,
    child: u32,
    seen: anyhow::Result<Option<(String, u32)>>,
    controller: fn(ServiceFolder) -> Controller,
) -> Control {
    let case = case.with_evidence(Evidence::new(
        "its parents",
        format!("{} is the parent of {child}", describe_process(above)),
    ));
    let folder = linux::process(above.pid).map(|process| process.cwd);
    let folder = match folder {
        Ok(Known::Seen(folder)) => folder,
        // Its argument is the folder as it was written.
        _ => above.argv.get(1).cloned().unwrap_or_default(),
    };
    let controller =
        |folder: &str| controller(ServiceFolder { folder: folder.to_owned(), supervisor: above.pid });
    match seen {
        Ok(Some((file, pid))) => case
            .with_evidence(Evidence::new(format!("{folder}/{file}"), pid.to_string()))
            .proven(controller(&folder)),
        Ok(None) => case.conflict(format!(
            "{} is the parent of {child}, but {folder}/supervise names another process",
            describe_process(above)
        )),
        Err(error) => case.claimed(controller(&folder), format!("{error:#}")),
    }
}
