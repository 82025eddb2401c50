//! The environment that systemd would set for a start of the unit now.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::Path;

use md5::{Digest, Md5};

use crate::clients::linux;
use crate::gather::haproxy::config_files::{self, EnvironmentVariables};
use crate::wire::systemd::environment_file::{self, is_name};
use crate::wire::systemd::exec_settings::{ExecSettings, ManagerSettings};

/// Its sources.
pub(super) struct EnvironmentSources<'a> {
    pub(super) service: &'a ExecSettings,
    pub(super) manager: &'a ManagerSettings,
    /// That of the process that runs.
    pub(super) runs: &'a EnvironmentVariables,
    /// systemd's own, for `PassEnvironment=`.
    pub(super) passed: &'a EnvironmentVariables,
}

/// The result.
#[derive(Default)]
pub(super) struct StartEnvironment {
    pub(super) variables: EnvironmentVariables,
    /// The files, each with a hash of its bytes.
    pub(super) files: BTreeMap<String, String>,
    /// What could not be determined.
    pub(super) assumed: Vec<String>,
    /// Why systemd would not start anything.
    pub(super) fails: Option<String>,
}

/// Variables that systemd sets for each start. Their values differ from start to start, so that those of the running process
/// are taken.
const SYSTEMD_VARIABLES: &[&str] = &[
    "CACHE_DIRECTORY",
    "CONFIGURATION_DIRECTORY",
    "CREDENTIALS_DIRECTORY",
    "FDSTORE",
    "HOME",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "LOGNAME",
    "LOG_NAMESPACE",
    "LOGS_DIRECTORY",
    "MANAGERPID",
    "MEMORY_PRESSURE_WATCH",
    "MEMORY_PRESSURE_WRITE",
    "RUNTIME_DIRECTORY",
    "SHELL",
    "STATE_DIRECTORY",
    "SYSTEMD_EXEC_PID",
    "TERM",
    "TRIGGER_PATH",
    "TRIGGER_TIMER_MONOTONIC_USEC",
    "TRIGGER_TIMER_REALTIME_USEC",
    "TRIGGER_UNIT",
    "USER",
];

/// In systemd's own order: a later source overrules an earlier one.
pub(super) fn build_environment(sources: &EnvironmentSources<'_>) -> StartEnvironment {
    let EnvironmentSources { service, manager, runs, passed } = sources;
    let mut made = StartEnvironment::default();
    let mut of_files = EnvironmentVariables::new();
    for (path, optional) in &service.files {
        read_environment_file(path, *optional, manager.version, &mut made, &mut of_files);
    }
    let own = runs.iter().filter(|(name, _)| SYSTEMD_VARIABLES.contains(&name.as_str()));
    let own: EnvironmentVariables = own.map(|(name, value)| (name.clone(), value.clone())).collect();
    // Where a source is not known, the variables of the running process are taken.
    let base = if made.assumed.is_empty() { own.clone() } else { (*runs).clone() };
    made.variables = base;
    made.variables.extend(manager.environment.iter().cloned());
    made.variables.extend(own);
    let pid_file = Some(&service.pid_file).filter(|path| !path.is_empty());
    made.variables.extend(pid_file.map(|path| ("PIDFILE".to_owned(), path.clone())));
    let passed = service.passed.iter().filter_map(|name| Some((name.clone(), passed.get(name)?.clone())));
    made.variables.extend(passed);
    made.variables.extend(service.environment.iter().cloned());
    made.variables.extend(of_files);
    made.variables.retain(|name, value| {
        let whole = || format!("{name}={value}");
        is_name(name) && !service.unset.iter().any(|unset| unset == name || *unset == whole())
    });
    made
}

fn read_environment_file(
    path: &str,
    optional: bool,
    systemd: u32,
    made: &mut StartEnvironment,
    into: &mut EnvironmentVariables,
) {
    if path.contains(['*', '?', '[', '{']) {
        made.assumed.push(format!("the variables of EnvironmentFile={path}, which may be several files"));
        return;
    }
    let read = linux::read_regular_file(Path::new(path));
    let known = match &read {
        Ok(bytes) => format!("md5 {}", config_files::hex(&Md5::digest(bytes))),
        Err(error) if error.kind() == ErrorKind::NotFound => "missing".to_owned(),
        Err(error) => error.to_string(),
    };
    made.files.insert(format!("EnvironmentFile {path}"), known.clone());
    let parsed = match read {
        Ok(bytes) => environment_file::parse(&bytes, systemd).map_err(|error| format!("{error:#}")),
        Err(_) => Err(format!("it is {known}")),
    };
    match parsed {
        Ok(pairs) => into.extend(pairs),
        Err(_) if optional => {}
        Err(why) => {
            made.fails
                .get_or_insert(format!("EnvironmentFile={path} has to be there and readable, and {why}"));
        }
    }
}

/// The names that differ. What HAProxy's own files set is in the environment of a master that has executed itself again.
pub(super) fn describe_differences(
    runs: &EnvironmentVariables,
    starts: &EnvironmentVariables,
    own: Option<&BTreeMap<String, bool>>,
) -> Option<String> {
    let mut differences = Vec::new();
    let names: BTreeSet<&String> = runs.keys().chain(starts.keys()).collect();
    for name in names {
        let set = own.and_then(|own| own.get(name)).copied();
        match (runs.get(name), starts.get(name)) {
            (Some(was), Some(is)) if was != is && set != Some(true) => {
                differences.push(format!("{name} has another value"))
            }
            (None, Some(_)) if set != Some(true) => differences.push(format!("{name} is new")),
            (Some(_), None) if set.is_none() && !name.starts_with("HAPROXY_") => {
                differences.push(format!("{name} is gone"));
            }
            _ => {}
        }
    }
    (!differences.is_empty()).then(|| format!("environment: {}", differences.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::systemd::exec_settings;

    fn variables(pairs: &[(&str, &str)]) -> EnvironmentVariables {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn service(files: &[(&str, bool)]) -> ExecSettings {
        let pairs =
            |all: &[(&str, &str)]| all.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let text = exec_settings::tests::bus_replies();
        ExecSettings {
            environment: pairs(&[("A", "unit"), ("B", "unit"), ("C", "unit")]),
            files: files.iter().map(|(path, optional)| ((*path).to_owned(), *optional)).collect(),
            passed: vec!["P".to_owned(), "Q".to_owned()],
            unset: vec!["C".to_owned(), "B=other".to_owned()],
            ..exec_settings::parse(&text).unwrap()
        }
    }

    fn environment_from(service: &ExecSettings, runs: &[(&str, &str)]) -> StartEnvironment {
        let manager =
            ManagerSettings { version: 257, environment: vec![("LANG".to_owned(), "C".to_owned())] };
        let (runs, passed) = (variables(runs), variables(&[("P", "1")]));
        build_environment(&EnvironmentSources { service, manager: &manager, runs: &runs, passed: &passed })
    }

    #[test]
    fn a_file_overrules_the_unit_and_what_runs_counts_for_systemds_own_names_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("env");
        std::fs::write(&path, "A=file\n1=x\n").unwrap();
        let service = service(&[(path.to_str().unwrap(), false)]);
        let made = environment_from(&service, &[("INVOCATION_ID", "7"), ("OLD", "x"), ("LANG", "x")]);
        let of_systemd = [("INVOCATION_ID", "7"), ("LANG", "C"), ("PIDFILE", "/run/edge.pid")];
        let of_unit = [("A", "file"), ("B", "unit"), ("P", "1")];
        assert_eq!(made.variables, variables(&[of_systemd, of_unit].concat()));
        assert_eq!((made.fails, made.assumed.len()), (None, 0));
        assert!(made.files.values().all(|known| known.starts_with("md5 ")), "{:?}", made.files);
    }

    #[test]
    fn a_file_that_is_not_there_stops_the_start_unless_it_may_be_missing() {
        let of = |optional| environment_from(&service(&[("/no/such/file", optional)]), &[]);
        assert_eq!(of(true).fails, None);
        assert!(of(false).fails.unwrap().contains("/no/such/file"));
        assert_eq!(of(true).files["EnvironmentFile /no/such/file"], "missing");
    }

    #[test]
    fn a_pattern_is_not_worked_out_and_what_runs_counts_then() {
        let made = environment_from(&service(&[("/etc/default/*", true)]), &[("OLD", "x")]);
        assert!(made.assumed[0].contains("/etc/default/*"));
        assert_eq!(made.variables["OLD"], "x");
    }

    #[test]
    fn differences_are_names_and_what_the_files_set_is_none() {
        let runs =
            variables(&[("A", "secret"), ("SET", "1"), ("PRE", "1"), ("GONE", "1"), ("HAPROXY_X", "1")]);
        let starts = variables(&[("A", "other"), ("SET", "2"), ("NEW", "secret")]);
        let own = [("SET".to_owned(), true), ("PRE".to_owned(), false)].into();
        let differences = describe_differences(&runs, &starts, Some(&own)).unwrap();
        assert_eq!(differences, "environment: A has another value, GONE is gone, NEW is new");
        assert_eq!(describe_differences(&runs, &runs, None), None);
    }
}
