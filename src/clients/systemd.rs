//! systemd, through `systemctl show`: its form that is meant to be parsed, and readable without root.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};

use super::program::Program;

/// What haguard asks of a unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unit {
    /// `MainPID`, 0 when nothing runs.
    pub main_pid: u32,
    /// `ControlGroup`.
    pub control_group: String,
    /// `LoadState`: `loaded`, `not-found`, ..
    pub load_state: String,
}

/// Asks the running systemd about a unit.
///
/// # Errors
/// When systemd is not the init system here, or does not answer in time.
pub fn show(unit: &str, limit: Duration) -> Result<Unit> {
    if !Path::new("/run/systemd/system").is_dir() {
        bail!("systemd does not run this host");
    }
    let arguments = ["show", "--property=MainPID,ControlGroup,LoadState", "--", unit];
    let program = Program {
        program: "systemctl".into(),
        arguments: arguments.map(str::to_owned).to_vec(),
        ..Program::default()
    };
    let said = program.run(limit)?;
    if !said.status.success() {
        bail!("systemctl show {unit}: {}", said.stderr.trim());
    }
    Ok(parse(&said.stdout))
}

fn parse(text: &str) -> Unit {
    let mut unit = Unit::default();
    for (key, value) in text.lines().filter_map(|line| line.split_once('=')) {
        match key {
            "MainPID" => unit.main_pid = value.parse().unwrap_or(0),
            "ControlGroup" => unit.control_group = value.to_owned(),
            "LoadState" => unit.load_state = value.to_owned(),
            _ => {}
        }
    }
    unit
}

/// The system service at the end of a control group, where it names one: `/system.slice/haproxy.service`.
pub fn service_of(cgroup: &str) -> Option<&str> {
    let name = cgroup.rsplit('/').next()?;
    (cgroup.starts_with("/system.slice/") && name.ends_with(".service")).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(text in "\\PC{0,120}(=\\PC{0,40}\n)?", cgroup in "\\PC{0,60}") {
            let _ = (parse(&text), service_of(&cgroup));
        }
    }

    #[test]
    fn properties_in_any_order_and_unknown_ones() {
        let unit = parse("LoadState=loaded\nControlGroup=/system.slice/haproxy.service\nX=1\nMainPID=42\n");
        assert_eq!(unit.main_pid, 42);
        assert_eq!(unit.control_group, "/system.slice/haproxy.service");
        assert_eq!(unit.load_state, "loaded");
        assert_eq!(parse("garbage"), Unit::default());
    }

    #[test]
    fn only_a_system_service_of_this_host_counts() {
        assert_eq!(service_of("/system.slice/haproxy.service"), Some("haproxy.service"));
        assert_eq!(
            service_of("/system.slice/system-haproxy.slice/haproxy@a.service"),
            Some("haproxy@a.service")
        );
        assert_eq!(service_of("/payload/system.slice/haproxy.service"), None);
        assert_eq!(service_of("/user.slice/user-0.slice/session-1.scope"), None);
    }
}
