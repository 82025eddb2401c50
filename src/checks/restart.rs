//! What a restart requires: a rehearsed start, free addresses, and a proven controller.

use super::config::binds::judge_binds;
use super::{Check, CheckContext, CheckResult, Judgement, describe_argv, own_pids};
use crate::facts::{BindState, Facts, GuardFacts, Known, Mode, NewBind, SocketOwner};
use crate::known::Unknown;
use crate::plan::RestartMethod;

/// The rows of this group, in the order they are shown.
pub(super) const ROWS: &[Check] = checks! {
    "restart.cold-start", cold_start, "it comes up again, rehearsed from cold",
        "A restart ends what serves before anything else is up. So haguard first starts what would come up, in a \
         sealed copy of this host. A HAProxy without a service manager starts with the program, arguments, \
         environment and user that it has. A systemd unit defines these at each start, so haguard asks systemd and \
         reads the EnvironmentFiles. A start that fails there would be an outage. A start that could not be tried \
         is unknown. Both refuse the restart. So does a guard whose removal would make systemd read files that it \
         has not read yet.";
    "restart.binds-free", binds_free, "no other process holds an address it needs",
        "Between the end of the old process and the start of the new one, any process can take its addresses. An \
         address on which this HAProxy listens itself counts as free. An address that another process holds does \
         not, and HAProxy would not start.";
    "restart.way", restart_method, "its controller is proven",
        "systemd restarts a unit, Docker a container, Podman a container that no unit runs (over its socket). A \
         HAProxy without a service manager is ended and started again with its own command line, user, folder and \
         limits. Other controllers, such as supervisord or Nomad, would start a second one beside it or count its \
         end as a crash, so it is restarted through them. Two sources have to agree on the controller. Sockets that \
         were handed down to it (fd@N) are opened only by what starts it.";
    "restart.unit", unit, "systemd has read its unit, which would start what runs",
        "A unit file that was changed and not read by systemd, or that the daemon-reload for lifting the guard \
         makes it read, makes a restart start something else than what runs. So does an EnvironmentFile that was \
         edited since, or a drop-in with another limit, user or command: a restart uses them, a reload does not. \
         haguard rehearses what the unit would start, and names the differences; of variables only the names. What \
         could not be determined is taken from the running process, and listed.";
};

/// Every check that must pass or warn before a restart; unknown blocks like a failure.
pub const RESTART_CHECKS: &[&str] = &[
    "arch.identity",
    "arch.manager",
    "arch.expected",
    "arch.sockets",
    "config.test-same-argv",
    "restart.cold-start",
    "restart.binds-free",
    "restart.way",
    "restart.unit",
];

/// Passes only for a start that was rehearsed.
fn cold_start(context: CheckContext<'_>) -> CheckResult {
    let guard = context.facts.guard.as_ref().and_then(Known::seen);
    if let Some(guard) = guard.filter(|guard| guard.effective() && guard.needs_daemon_reload()) {
        return Ok(Judgement::unknown(format!(
            "files of {} were changed, and systemd has not read them; lifting the guard makes systemd read them, and \
             what they would start was not rehearsed",
            guard.unit
        ))
        .with_remedy("read them with `systemctl cat`, then run `systemctl daemon-reload`, which restarts nothing"));
    }
    const NOT_REHEARSED: &str = "it was not rehearsed whether it comes up again";
    let rehearsal = context.facts.rehearsal.as_ref().ok_or_else(|| Unknown::new(NOT_REHEARSED))?;
    let rehearsal = match rehearsal.context(NOT_REHEARSED) {
        Ok(rehearsal) => rehearsal,
        Err(unknown) => {
            return Ok(Judgement::from(unknown)
                .with_remedy("run as root: haguard does not restart what it cannot rehearse"));
        }
    };
    let outcome = match rehearsal.failure_reason() {
        Some(why) => Judgement::fail(format!("it would not come up again: {why}")).with_remedy(
            "correct what HAProxy reports, then run `haguard rehearse`; until then only the running process serves",
        ),
        None => Judgement::pass(format!("a cold start came up in {} ms", rehearsal.start_up_ms)),
    };
    let alerts = rehearsal.failure_reason().map(|_| rehearsal.alerts.iter().cloned());
    Ok(outcome.with_evidence([rehearsal.command.clone()]).with_evidence(alerts.into_iter().flatten()))
}

/// An address that this HAProxy itself holds is free once it has ended; one that another process holds is not.
fn binds_free(context: CheckContext<'_>) -> CheckResult {
    const WHAT: &str = "it is not known which addresses it would take";
    let all = context.facts.binds.context(WHAT)?;
    let own = own_pids(context.facts.instance.context(WHAT)?);
    let others: Vec<&NewBind> = all.iter().filter(|bind| !is_own_listener(bind, &own)).collect();
    Ok(match others.is_empty() {
        true => Judgement::pass("every address that it would listen on is its own or free"),
        false => judge_binds(&others),
    })
}

fn is_own_listener(bind: &NewBind, own: &[u32]) -> bool {
    let ours = |owner: &SocketOwner| owner.process.as_ref().is_some_and(|holder| own.contains(&holder.pid));
    matches!(&bind.state, BindState::Taken { by, .. } if !by.is_empty() && by.iter().all(ours))
}

/// The proven controller that would restart it.
fn restart_method(context: CheckContext<'_>) -> CheckResult {
    let instance = context.instance()?;
    let method = match (RestartMethod::from_instance(instance), instance.control.proven()) {
        (Ok(method), _) => method,
        (Err(why), Some(_)) => return Ok(Judgement::fail(why)),
        (Err(why), None) => {
            return Err(Unknown::new(format!("its controller is not proven: {why}")));
        }
    };
    let handed_down = &context.facts.config.handed_down;
    Ok(match method {
        RestartMethod::Systemd(unit) => Judgement::pass(format!("systemd restarts {unit}")),
        RestartMethod::Docker(container) => {
            Judgement::pass(format!("{} is restarted by its daemon", container.describe()))
        }
        RestartMethod::Process if instance.main.start_ticks.is_none() => {
            Judgement::unknown("/proc does not show when it started, so a signal might hit another process")
        }
        // Without a master there is no process left with the privileges of the start: setuid gave them up.
        RestartMethod::Process if instance.mode == Mode::Standalone && instance.main.uid != 0 => {
            Judgement::unknown(format!(
                "it runs without a master as uid {}, and it is not known with which privileges it was started",
                instance.main.uid
            ))
            .with_evidence([describe_argv(instance)])
            .with_remedy("restart it the way it was started")
        }
        // Only the process that opened inherited sockets can pass them on again.
        RestartMethod::Process if !handed_down.is_empty() => Judgement::fail(
            "no service manager controls it, and it listens on sockets that were handed down at its start: its own \
             command line would start one without them",
        )
        .with_evidence(handed_down.iter().cloned())
        .with_evidence([describe_argv(instance)])
        .with_remedy(
            "end it and start it with what opens those sockets, such as systemd-socket-activate or s6-fdholder; a reload \
             keeps them",
        ),
        RestartMethod::Process => Judgement::pass("no service manager controls it, so its own command line starts it again")
            .with_evidence([describe_argv(instance)]),
    })
}

/// The state in systemd of the unit that would be restarted.
fn unit(context: CheckContext<'_>) -> CheckResult {
    let Some(guard) = &context.facts.guard else {
        return Ok(Judgement::skipped("no systemd unit controls it"));
    };
    let guard = guard.context("systemd does not show what it would restart")?;
    let (name, shown) = (&guard.unit, &guard.shown);
    let differences = start_differences(context.facts);
    Ok(if !shown.is_loaded() {
        Judgement::fail(format!("systemd has not loaded {name}: LoadState={}", shown.get("LoadState")))
    } else if shown.is_yes("RefuseManualStart") {
        Judgement::fail(format!("{name} refuses to be started by hand (RefuseManualStart)"))
            .with_remedy("a drop-in under /run with RefuseManualStart=no lifts it")
    } else if guard.needs_daemon_reload() {
        Judgement::warn(format!(
            "files of {name} were changed, and systemd has not read them; the restart may use them"
        ))
        .with_evidence([shown.get("FragmentPath").to_owned(), shown.get("DropInPaths").to_owned()])
        .with_evidence(differences)
        .with_remedy("systemctl cat shows them; systemctl daemon-reload reads them")
    } else if let Some(outcome) = judge_unit_start(name, guard, context.facts) {
        outcome
    } else if shown.get("UnitFileState") == "disabled" {
        Judgement::warn(format!("{name} is disabled: it will not be started at the next boot"))
    } else {
        Judgement::pass(format!("systemd has read {name} as it is on disk")).with_evidence(differences)
    })
}

/// Commands of a unit that run before the main process.
const PRE_START_PREFIX: &str = "ExecStartPre=";

/// A warning where the unit would start something else than what runs, or where that is not fully known.
fn judge_unit_start(name: &str, guard: &GuardFacts, facts: &Facts) -> Option<Judgement> {
    let edited = &guard.environment_edited;
    let text = match &facts.start {
        Some(Known::Seen(start)) if !start.differs.is_empty() => {
            format!(
                "{name} would start something else than what runs; what the unit would start was rehearsed"
            )
        }
        // An ExecStartPre= ran before the last start too.
        Some(Known::Seen(start)) if start.assumed.iter().any(|what| !what.starts_with(PRE_START_PREFIX)) => {
            format!(
                "part of what {name} would start could not be rehearsed; that part is taken from what runs"
            )
        }
        Some(Known::Seen(_)) => return None,
        Some(Known::Unknown { why }) => {
            format!("it is not known what {name} would start, so what runs was rehearsed: {why}")
        }
        None if edited.is_empty() => return None,
        None => format!("{name} would start with an environment that was edited after it started"),
    };
    let known = matches!(facts.start, Some(Known::Seen(_)));
    let edited = edited.iter().filter(|_| !known).cloned();
    Some(Judgement::warn(text).with_evidence(start_differences(facts)).with_evidence(edited).with_remedy(
        format!("compare it with `systemctl cat {name}`; a reload keeps the master's present settings"),
    ))
}

/// The differences, a line each.
fn start_differences(facts: &Facts) -> Vec<String> {
    let Some(start) = facts.start.as_ref().and_then(Known::seen) else { return Vec::new() };
    let assumed = start.assumed.iter().map(|what| format!("not rehearsed: {what}"));
    start.differs.iter().cloned().chain(assumed).collect()
}

#[cfg(test)]
mod tests {
    use crate::checks::{self, Level};
    use crate::facts::controllers::{ServiceFolder, SystemdUnit, Unmanaged};
    use crate::facts::guard::{DropIn, tests::sample as guard};
    use crate::facts::test_facts;
    use crate::facts::{BindState, Controller, Facts, Known, Mode, OwnerProcess, Rehearsal, SocketOwner};
    use crate::plan;

    fn level(facts: &Facts, id: &str) -> Level {
        checks::run_checks(facts, &plan::ledger(facts), &[id])[0].level
    }

    fn rehearsed(came_up: bool) -> Option<Known<Rehearsal>> {
        Some(Known::Seen(Rehearsal {
            came_up,
            command: "haproxy".into(),
            ended: (!came_up).then_some(1),
            alerts: Vec::new(),
            warnings: Vec::new(),
            set_up_ms: 1,
            start_up_ms: 1,
            memory_kb: Known::unknown("x"),
        }))
    }

    #[test]
    fn a_start_that_was_not_rehearsed_blocks() {
        let mut facts = test_facts::healthy();
        assert_eq!(level(&facts, "restart.cold-start"), Level::Unknown);
        facts.rehearsal = Some(Known::unknown("needs root"));
        assert_eq!(level(&facts, "restart.cold-start"), Level::Unknown);
        facts.rehearsal = rehearsed(false);
        assert_eq!(level(&facts, "restart.cold-start"), Level::Fail);
        facts.rehearsal = rehearsed(true);
        assert_eq!(level(&facts, "restart.cold-start"), Level::Pass);
    }

    #[test]
    fn a_restart_is_judged_by_its_unit_and_a_reload_by_what_runs() {
        let mut facts = test_facts::healthy();
        facts.rehearsal = rehearsed(true);
        let mut tried = test_facts::rehearsed_start(&facts);
        (tried.rehearsal, tried.binds) = (rehearsed(false).unwrap(), Known::unknown("its own"));
        facts.guard = Some(Known::Seen(guard(DropIn::Absent, "")));
        facts.start = test_facts::unit_start(tried);
        assert_eq!(level(&facts, "restart.cold-start"), Level::Fail);
        assert_eq!(level(&facts, "restart.binds-free"), Level::Unknown);
        assert_eq!(level(&facts, "config.rehearsal"), Level::Pass);
        assert_eq!(level(&facts, "config.new-binds-free"), Level::Pass);
        let restart = checks::Operation::find("restart").unwrap();
        let found = restart.run_checks(&facts, &plan::ledger(&facts));
        let unit = found.iter().find(|found| found.id == "restart.unit").unwrap();
        assert_eq!(
            (unit.level, &unit.evidence[0][..]),
            (Level::Warn, "environment: EDGE_PORT has another value")
        );
    }

    #[test]
    fn a_guard_whose_lift_makes_systemd_read_new_files_stops_a_restart() {
        let mut facts = test_facts::healthy();
        facts.rehearsal = rehearsed(true);
        for (more, wanted) in [
            ("NeedDaemonReload=yes\n", Level::Pass),
            ("RefuseManualStop=yes\n", Level::Pass),
            ("RefuseManualStop=yes\nNeedDaemonReload=yes\n", Level::Unknown),
        ] {
            facts.guard = Some(Known::Seen(guard(DropIn::Absent, more)));
            assert_eq!(level(&facts, "restart.cold-start"), wanted, "{more}");
        }
    }

    #[test]
    fn an_address_of_its_own_is_free_and_one_of_another_process_is_not() {
        let holder = |pid| SocketOwner {
            holds: "tcp 127.0.0.1:8001".parse().unwrap(),
            listens: true,
            process: Some(OwnerProcess { pid, name: "x".into(), uid: 0, user: None, command: "x".into() }),
            uid: Some(0),
            unseen: None,
        };
        for (by, wanted) in [
            (vec![holder(101)], Level::Pass),
            (vec![holder(101), holder(9)], Level::Fail),
            (vec![], Level::Fail),
        ] {
            let mut facts = test_facts::healthy();
            test_facts::add_new_bind(&mut facts, BindState::Taken { by, silently: false });
            assert_eq!(level(&facts, "restart.binds-free"), wanted);
        }
    }

    #[test]
    fn a_restart_needs_a_proven_controller() {
        let mut facts = test_facts::healthy();
        let unmanaged = test_facts::proven_control(Controller::Unmanaged(Unmanaged { cgroup: "/".into() }));
        test_facts::instance_mut(&mut facts).control = unmanaged;
        assert_eq!(level(&facts, "restart.way"), Level::Pass);
        facts.config.handed_down.push("/etc/haproxy.cfg:3 fd@3".to_owned());
        assert_eq!(level(&facts, "restart.way"), Level::Fail);
        let unit = Controller::Systemd(SystemdUnit { unit: "haproxy.service".into() });
        test_facts::instance_mut(&mut facts).control = test_facts::proven_control(unit);
        assert_eq!(level(&facts, "restart.way"), Level::Pass, "systemd hands them down again");
        test_facts::instance_mut(&mut facts).control =
            test_facts::proven_control(Controller::Unmanaged(Unmanaged { cgroup: "/".into() }));
        facts.config.handed_down.clear();
        test_facts::instance_mut(&mut facts).mode = Mode::Standalone;
        test_facts::instance_mut(&mut facts).main.uid = 99;
        assert_eq!(level(&facts, "restart.way"), Level::Unknown);
        test_facts::instance_mut(&mut facts).main.start_ticks = None;
        assert_eq!(level(&facts, "restart.way"), Level::Unknown);
        test_facts::instance_mut(&mut facts).control =
            test_facts::proven_control(Controller::S6(ServiceFolder { folder: "/s".into(), supervisor: 1 }));
        assert_eq!(level(&facts, "restart.way"), Level::Fail);
        test_facts::instance_mut(&mut facts).control = crate::facts::Control::unknown("denied");
        assert_eq!(level(&facts, "restart.way"), Level::Unknown);
    }

    #[test]
    fn a_unit_that_systemd_would_read_again_warns() {
        let level = |more: &str| {
            let mut facts = test_facts::healthy();
            facts.guard = Some(Known::Seen(guard(DropIn::Absent, more)));
            level(&facts, "restart.unit")
        };
        assert_eq!(level(""), Level::Pass);
        assert_eq!(level("NeedDaemonReload=yes\n"), Level::Warn);
        let mut facts = test_facts::healthy();
        let edited = vec!["/etc/default/haproxy".to_owned()];
        let unit = crate::facts::GuardFacts { environment_edited: edited, ..guard(DropIn::Absent, "") };
        facts.guard = Some(Known::Seen(unit));
        let found = &checks::run_checks(&facts, &plan::ledger(&facts), &["restart.unit"])[0];
        assert_eq!((found.level, &found.evidence[0][..]), (Level::Warn, "/etc/default/haproxy"));
        assert_eq!(level("LoadState=not-found\n"), Level::Fail);
        assert_eq!(level("RefuseManualStart=yes\n"), Level::Fail);
    }
}
