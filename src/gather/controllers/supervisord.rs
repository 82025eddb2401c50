//! supervisord: the parent of its programs, which it lists over XML-RPC.

use super::ancestry::describe_process;
use super::{ControllerEvidence, ControllerQueries, SupervisorKind};
use crate::clients::linux::{self, Ancestor};
use crate::clients::supervisors;
use crate::facts::controllers::{Control, Controller, Evidence, SupervisedProgram};

pub(super) const SUPERVISORD: SupervisorKind =
    SupervisorKind { matches: is_supervisord, identify, terminal: None };

/// It is a Python program, so that its command name may be that of Python.
fn is_supervisord(process: &Ancestor) -> bool {
    let called = |word: &String| word.rsplit('/').next() == Some("supervisord");
    process.comm == "supervisord" || process.argv.iter().take(2).any(called)
}

fn identify(queries: &ControllerQueries, case: ControllerEvidence<'_>, at: usize) -> Control {
    let above = case.line.ancestor(at).clone();
    let child = case.line.ancestor(at - 1).pid;
    let folder = linux::process(above.pid).ok().and_then(|process| process.cwd.seen().cloned());
    let config = config_path(&above.argv).map(|path| match (path.starts_with('/'), folder) {
        (false, Some(folder)) => format!("{}/{path}", folder.trim_end_matches('/')),
        _ => path,
    });
    let case = case.with_evidence(Evidence::new(
        "its parents",
        format!("{} is the parent of {child}", describe_process(&above)),
    ));
    let listed = queries.supervisords.get_or_query(&above.pid, || {
        supervisors::supervisord_programs(above.pid, queries.query_timeout())
            .map_err(|error| format!("{error:#}"))
    });
    let controller = |program: String| {
        Controller::Supervisord(SupervisedProgram { program, supervisor: above.pid, config })
    };
    let (address, programs) = match listed {
        Ok(listed) => listed,
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
