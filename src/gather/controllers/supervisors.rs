//! supervisord, runit and s6: the parent that keeps a program, and its own word on which process that is.

use super::ancestry::describe_process;
use super::{ControllerEvidence, ControllerQueries};
use crate::clients::{linux, supervisors};
use crate::facts::controller::{Control, Controller, Evidence};

/// supervisord stands at this place.
pub(super) fn identify_supervisord(
    managers: &ControllerQueries,
    case: ControllerEvidence<'_>,
    at: usize,
) -> Control {
    let above = case.line.ancestor(at).clone();
    let child = case.line.ancestor(at - 1).pid;
    let folder = linux::process(above.pid).ok().and_then(|process| process.cwd.seen().cloned());
    let config = config_path(&above.argv).map(|path| match (path.starts_with('/'), folder) {
        (false, Some(folder)) => format!("{}/{path}", folder.trim_end_matches('/')),
        _ => path,
    });
    let case = case
        .with_evidence(Evidence::new("its parents", format!("{} keeps {child}", describe_process(&above))));
    let said = managers.supervisords.get_or_query(&above.pid, || {
        supervisors::supervisord_programs(above.pid, managers.query_timeout())
            .map_err(|error| format!("{error:#}"))
    });
    let controller = |program: String| Controller::Supervisord { program, supervisor: above.pid, config };
    let (address, programs) = match said {
        Ok(said) => said,
        Err(why) => return case.claimed(controller("of an unknown name".to_owned()), why),
    };
    match programs.iter().find(|program| program.pid == Some(child)) {
        Some(program) => {
            let seen =
                Evidence::new(format!("supervisord at {address}"), format!("{} is {child}", program.name));
            case.with_evidence(seen).proven(controller(program.name.clone()))
        }
        None => case.conflict(format!(
            "supervisord {} is the parent of {child}, but says that none of its programs is",
            above.pid
        )),
    }
}

/// The file after `-c`.
fn config_path(argv: &[String]) -> Option<String> {
    let mut words = argv.iter();
    while let Some(word) = words.next() {
        if let Some(path) = word.strip_prefix("--configuration=") {
            return Some(path.to_owned());
        }
        match word.as_str() {
            "-c" | "--configuration" => return words.next().cloned(),
            _ => {}
        }
    }
    None
}

/// runsv stands at this place.
pub(super) fn identify_runit(case: ControllerEvidence<'_>, at: usize) -> Control {
    let (above, child) = (case.line.ancestor(at).clone(), case.line.ancestor(at - 1).pid);
    let kept =
        supervisors::runit_processes(above.pid).map(|kept| kept.into_iter().find(|(_, pid)| *pid == child));
    let seen = kept.map(|kept| kept.map(|(file, _)| (file, child)));
    identify_by_service_folder(case, &above, child, seen, |folder| Controller::Runit {
        folder,
        supervisor: above.pid,
    })
}

/// s6-supervise stands at this place.
pub(super) fn identify_s6(case: ControllerEvidence<'_>, at: usize) -> Control {
    let (above, child) = (case.line.ancestor(at).clone(), case.line.ancestor(at - 1).pid);
    let said = supervisors::s6_process(above.pid).map(|pid| pid.filter(|pid| *pid == child));
    let seen = said.map(|pid| pid.map(|pid| ("supervise/status".to_owned(), pid)));
    identify_by_service_folder(case, &above, child, seen, |folder| Controller::S6 {
        folder,
        supervisor: above.pid,
    })
}

/// Both write the process that they keep into their service's folder.
fn identify_by_service_folder(
    case: ControllerEvidence<'_>,
    above: &linux::Ancestor,
    child: u32,
    seen: anyhow::Result<Option<(String, u32)>>,
    controller: impl FnOnce(String) -> Controller,
) -> Control {
    let case = case
        .with_evidence(Evidence::new("its parents", format!("{} keeps {child}", describe_process(above))));
    let folder = linux::process(above.pid).map(|process| process.cwd);
    let folder = match folder {
        Ok(crate::facts::Known::Seen(folder)) => folder,
        // Its argument is the folder as it was written.
        _ => above.argv.get(1).cloned().unwrap_or_default(),
    };
    match seen {
        Ok(Some((file, pid))) => case
            .with_evidence(Evidence::new(format!("{folder}/{file}"), pid.to_string()))
            .proven(controller(folder)),
        Ok(None) => case.conflict(format!(
            "{} is the parent of {child}, but {folder}/supervise names another process",
            describe_process(above)
        )),
        Err(error) => case.claimed(controller(folder), format!("{error:#}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_that_supervisord_was_given() {
        let of = |words: &str| config_path(&words.split(' ').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(of("supervisord -n -c /etc/s.conf").as_deref(), Some("/etc/s.conf"));
        assert_eq!(of("supervisord --configuration=s.conf").as_deref(), Some("s.conf"));
        assert_eq!(of("supervisord -n"), None);
    }
}
