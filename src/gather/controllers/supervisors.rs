//! supervisord, runit and s6: the parent that keeps a program, and its own word on which process that is.

use super::ancestry::named;
use super::{Case, Managers};
use crate::clients::{linux, supervisors};
use crate::facts::controller::{Control, Controller, Evidence};

/// supervisord stands at this place.
pub(super) fn supervisord(managers: &Managers, case: Case<'_>, at: usize) -> Control {
    let above = case.line.at(at).clone();
    let child = case.line.at(at - 1).pid;
    let folder = linux::process(above.pid).ok().and_then(|process| process.cwd.seen().cloned());
    let config = config(&above.argv).map(|path| match (path.starts_with('/'), folder) {
        (false, Some(folder)) => format!("{}/{path}", folder.trim_end_matches('/')),
        _ => path,
    });
    let case = case.with(Evidence::new("its parents", format!("{} keeps {child}", named(&above))));
    let said = managers.supervisords.get(&above.pid, || {
        supervisors::supervisord(above.pid, managers.limit()).map_err(|error| format!("{error:#}"))
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
            case.with(seen).proven(controller(program.name.clone()))
        }
        None => case.conflict(format!(
            "supervisord {} is the parent of {child}, but says that none of its programs is",
            above.pid
        )),
    }
}

/// The file after `-c`.
fn config(argv: &[String]) -> Option<String> {
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
pub(super) fn runit(case: Case<'_>, at: usize) -> Control {
    let (above, child) = (case.line.at(at).clone(), case.line.at(at - 1).pid);
    let kept = supervisors::runit(above.pid).map(|kept| kept.into_iter().find(|(_, pid)| *pid == child));
    let seen = kept.map(|kept| kept.map(|(file, _)| (file, child)));
    by_folder(case, &above, child, seen, |folder| Controller::Runit { folder, supervisor: above.pid })
}

/// s6-supervise stands at this place.
pub(super) fn s6(case: Case<'_>, at: usize) -> Control {
    let (above, child) = (case.line.at(at).clone(), case.line.at(at - 1).pid);
    let said = supervisors::s6(above.pid).map(|pid| pid.filter(|pid| *pid == child));
    let seen = said.map(|pid| pid.map(|pid| ("supervise/status".to_owned(), pid)));
    by_folder(case, &above, child, seen, |folder| Controller::S6 { folder, supervisor: above.pid })
}

/// Both write the process that they keep into their service's folder.
fn by_folder(
    case: Case<'_>,
    above: &linux::Relative,
    child: u32,
    seen: anyhow::Result<Option<(String, u32)>>,
    controller: impl FnOnce(String) -> Controller,
) -> Control {
    let case = case.with(Evidence::new("its parents", format!("{} keeps {child}", named(above))));
    let folder = linux::process(above.pid).map(|process| process.cwd);
    let folder = match folder {
        Ok(crate::facts::Known::Seen(folder)) => folder,
        // Its argument is the folder as it was written.
        _ => above.argv.get(1).cloned().unwrap_or_default(),
    };
    match seen {
        Ok(Some((file, pid))) => {
            case.with(Evidence::new(format!("{folder}/{file}"), pid.to_string())).proven(controller(folder))
        }
        Ok(None) => case.conflict(format!(
            "{} is the parent of {child}, but {folder}/supervise names another process",
            named(above)
        )),
        Err(error) => case.claimed(controller(folder), format!("{error:#}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_that_supervisord_was_given() {
        let of = |words: &str| config(&words.split(' ').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(of("supervisord -n -c /etc/s.conf").as_deref(), Some("/etc/s.conf"));
        assert_eq!(of("supervisord --configuration=s.conf").as_deref(), Some("s.conf"));
        assert_eq!(of("supervisord -n"), None);
    }
}
