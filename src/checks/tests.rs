use super::*;
use crate::facts::controllers::SystemdUnit;
use crate::facts::process_health::PidFile;
use crate::facts::test_facts::{self, known_mut};
use crate::facts::{
    BindState, Candidate, Connections, Control, Controller, Known, Mode, OwnerProcess, ServerAdminState,
    SocketOwner, Worker, WorkerState,
};
use crate::plan;
use proptest::prelude::*;

fn run_all_checks(facts: &Facts) -> Vec<Finding> {
    run_checks(facts, &plan::ledger(facts), &[])
}

fn level(facts: &Facts, id: &str) -> Level {
    run_checks(facts, &plan::ledger(facts), &[id])[0].level
}

#[test]
fn every_id_is_its_own_and_every_check_explains_itself() {
    let ids: std::collections::BTreeSet<&str> = catalog::all_checks().map(|check| check.id).collect();
    assert_eq!(ids.len(), catalog::all_checks().count());
    for check in catalog::all_checks() {
        assert!(check.id.split_once('.').is_some(), "{}", check.id);
        assert!(check.why.len() > 80 && check.why.ends_with('.'), "{}", check.id);
        assert!(!check.title.ends_with('.'), "{}", check.id);
    }
}

#[test]
fn a_healthy_instance_passes_all_checks_but_arch_manager() {
    let findings = run_all_checks(&test_facts::healthy());
    let notable: Vec<&str> = findings
        .iter()
        .filter(|f| !matches!(f.level, Level::Pass | Level::Skipped))
        .map(|f| f.id.as_str())
        .collect();
    assert_eq!(notable, ["arch.manager"]);
    assert_eq!(exit_code(&findings), Exit::Done);
}

#[test]
fn without_an_instance_nothing_passes() {
    let mut facts = test_facts::healthy();
    facts.instance = Known::unknown("nothing answers");
    facts.candidates = Known::unknown("hidden");
    facts.live = WorkerState::unknown(facts.live.how, "nothing answers");
    facts.next = WorkerState::unknown(facts.next.how, "nothing answers");
    facts.binds = Known::unknown("nothing answers");
    facts.shared_listeners = Known::unknown("nothing answers");
    facts.config = crate::facts::ConfigOnDisk::unknown("nothing answers");
    facts.vitals = crate::facts::ProcessHealth::unknown("nothing answers");
    facts.namespaces = Known::unknown("nothing answers");
    let findings = run_all_checks(&facts);
    assert!(findings.iter().all(|f| f.level != Level::Pass), "{findings:?}");
    assert_eq!(exit_code(&findings), Exit::Unknown);
}

#[test]
fn a_failed_reload_fails_and_names_the_worker_that_serves() {
    let mut facts = test_facts::healthy();
    test_facts::instance_mut(&mut facts).failed_reloads = Known::Seen(1);
    let finding = &run_checks(&facts, &plan::ledger(&facts), &["proc.reload-settled"])[0];
    assert_eq!(finding.level, Level::Fail);
    assert!(finding.text.contains("worker 101"), "{}", finding.text);
}

#[test]
fn the_serving_worker_after_a_failed_reload_is_no_leftover() {
    let mut facts = test_facts::healthy();
    let instance = test_facts::instance_mut(&mut facts);
    let row = |pid, uptime_s| Worker {
        pid,
        reloads: 1,
        uptime_s,
        version: "3.2.26".into(),
        connections: Known::Seen(3),
    };
    instance.workers = Known::Seen(vec![]);
    instance.old_workers = Known::Seen(vec![row(101, 60)]);
    assert_eq!(level(&facts, "proc.leftovers"), Level::Pass);
    known_mut(&mut test_facts::instance_mut(&mut facts).old_workers).push(row(90, 7200));
    assert_eq!(level(&facts, "proc.leftovers"), Level::Warn);
}

#[test]
fn a_socket_that_another_process_answers_fails_and_a_silent_one_is_unknown() {
    let mut facts = test_facts::healthy();
    known_mut(&mut test_facts::instance_mut(&mut facts).admin_sockets)[0].answered_by = Known::Seen(999);
    assert_eq!(level(&facts, "arch.sockets"), Level::Fail);
    known_mut(&mut test_facts::instance_mut(&mut facts).admin_sockets)[0].answered_by =
        Known::unknown("silent");
    assert_eq!(level(&facts, "arch.sockets"), Level::Unknown);
}

#[test]
fn two_instances_on_a_host_warn() {
    let mut facts = test_facts::healthy();
    let other: Candidate = known_mut(&mut facts.candidates)[0].clone();
    known_mut(&mut facts.candidates).push(other);
    assert_eq!(level(&facts, "arch.single-instance"), Level::Warn);
}

#[test]
fn a_process_without_a_master_is_judged_without_one() {
    let mut facts = test_facts::healthy();
    test_facts::instance_mut(&mut facts).mode = Mode::Standalone;
    assert_eq!(level(&facts, "arch.master-worker"), Level::Warn);
    assert_eq!(level(&facts, "proc.reload-settled"), Level::Skipped);
}

#[test]
fn files_that_cannot_be_loaded_fail_with_haproxys_message() {
    let mut facts = test_facts::healthy();
    known_mut(&mut facts.config.test).valid = false;
    known_mut(&mut facts.config.test).alerts = vec!["unknown keyword 'bogus'".into()];
    let finding = &run_checks(&facts, &plan::ledger(&facts), &["config.test-same-argv"])[0];
    assert_eq!(finding.level, Level::Fail);
    assert!(finding.evidence.contains(&"unknown keyword 'bogus'".to_owned()));
    assert_eq!(exit_code(&run_all_checks(&facts)), Exit::Refused);
}

#[test]
fn a_new_bind_that_is_held_fails_with_its_owner_and_one_that_could_not_be_tried_is_unknown() {
    let mut facts = test_facts::healthy();
    assert_eq!(level(&facts, "config.new-binds-free"), Level::Pass);
    test_facts::add_new_bind(&mut facts, BindState::Free);
    assert_eq!(level(&facts, "config.new-binds-free"), Level::Pass);
    test_facts::add_new_bind(&mut facts, BindState::Unknown { why: "not tried".into() });
    assert_eq!(level(&facts, "config.new-binds-free"), Level::Unknown);
    let holder = OwnerProcess {
        pid: 42,
        name: "nginx".into(),
        uid: 33,
        user: Some("www-data".into()),
        command: "/usr/sbin/nginx".into(),
    };
    let owner = SocketOwner {
        holds: "tcp 0.0.0.0:8001".parse().unwrap(),
        listens: true,
        process: Some(holder),
        uid: Some(0),
        unseen: None,
    };
    test_facts::add_new_bind(&mut facts, BindState::Taken { by: vec![owner], silently: false });
    let finding = &run_checks(&facts, &plan::ledger(&facts), &["config.new-binds-free"])[0];
    assert_eq!(finding.level, Level::Fail);
    assert_eq!(finding.text, "new bind 127.0.0.1:8001 is held by nginx (PID 42, www-data) on 0.0.0.0:8001");
    let evidence = finding.evidence.join("\n");
    for line in ["/etc/haproxy.cfg:9", "PID 42 runs /usr/sbin/nginx", "unknown: not tried"] {
        assert!(evidence.contains(line), "{line} in {evidence}");
    }
    assert!(finding.mend.as_ref().unwrap().contains("stop nginx (PID 42)"));
}

#[test]
fn a_pid_file_that_names_another_process_warns_and_none_passes() {
    let mut facts = test_facts::healthy();
    assert_eq!(level(&facts, "arch.pidfile"), Level::Pass);
    let mut with = |pids| {
        facts.vitals.pid_file = Known::Seen(Some(PidFile { path: "/run/haproxy.pid".into(), pids }));
        level(&facts, "arch.pidfile")
    };
    assert_eq!(with(Known::Seen(vec![100])), Level::Pass);
    assert_eq!(with(Known::Seen(vec![7])), Level::Warn);
    assert_eq!(with(Known::Seen(vec![])), Level::Warn);
    assert_eq!(with(Known::unknown("no such file")), Level::Warn);
}

#[test]
fn a_file_that_the_next_worker_could_not_read_fails_with_its_line() {
    let mut facts = test_facts::healthy();
    assert_eq!(level(&facts, "config.files-readable"), Level::Pass);
    known_mut(&mut facts.config.named_files).unreadable.push("/etc/h.cfg:9 /etc/x.map: gone".into());
    let finding = &run_checks(&facts, &plan::ledger(&facts), &["config.files-readable"])[0];
    assert_eq!((finding.level, finding.evidence.len()), (Level::Fail, 1));
    facts.config.named_files = Known::unknown("denied");
    assert_eq!(level(&facts, "config.files-readable"), Level::Unknown);
}

#[test]
fn old_workers_are_bounded_by_the_files_by_their_age_or_by_the_branch() {
    let mut facts = test_facts::healthy();
    let mut with = |max: Option<&str>, hard_stop: Option<&str>, version: &str| {
        facts.config.max_reloads = max.map(str::to_owned);
        facts.config.hard_stop_after = hard_stop.map(str::to_owned);
        test_facts::instance_mut(&mut facts).disk_version = Known::Seen(version.into());
        level(&facts, "config.mworker-max-reloads")
    };
    assert_eq!(with(None, None, "3.2.26"), Level::Warn);
    assert_eq!(with(None, None, "3.4.2"), Level::Pass);
    assert_eq!(with(Some("3"), None, "2.6.1"), Level::Pass);
    assert_eq!(with(None, Some("30m"), "2.6.1"), Level::Pass);
}

#[test]
fn a_state_file_from_before_the_worker_is_stale() {
    let mut facts = test_facts::healthy();
    assert_eq!(level(&facts, "config.state-file-stale"), Level::Pass);
    facts.config.state_file = Some("/var/lib/haproxy/state".into());
    let started = jiff::Timestamp::from_second(1000).unwrap();
    test_facts::instance_mut(&mut facts).worker_started = Known::Seen(started);
    let mut with = |written| {
        facts.config.state_file_written = Some(written);
        level(&facts, "config.state-file-stale")
    };
    assert_eq!(with(Known::Seen(jiff::Timestamp::from_second(999).unwrap())), Level::Warn);
    assert_eq!(with(Known::Seen(jiff::Timestamp::from_second(1001).unwrap())), Level::Pass);
    assert_eq!(with(Known::unknown("no such file")), Level::Warn);
}

#[test]
fn edited_undecided_and_unlimited_configurations_are_found() {
    let judged = |id: &str, worse: fn(&mut Facts)| {
        let mut facts = test_facts::healthy();
        assert_eq!(level(&facts, id), Level::Pass, "{id}");
        worse(&mut facts);
        level(&facts, id)
    };
    let edited = |f: &mut Facts| known_mut(&mut f.config.edited_since_load).push("/etc/haproxy.cfg".into());
    assert_eq!(judged("config.edited-since-load", edited), Level::Warn);
    assert_eq!(judged("config.decided", |f| f.config.undecided.push("a:1 x".into())), Level::Unknown);
    assert_eq!(judged("config.hard-stop-after", |f| f.config.hard_stop_after = None), Level::Warn);
    assert_eq!(judged("config.state-file", |f| f.config.state_file = Some("/s".into())), Level::Warn);
}

#[test]
fn a_program_that_was_upgraded_on_disk_warns() {
    let mut facts = test_facts::healthy();
    assert_eq!(level(&facts, "host.version-skew"), Level::Pass);
    test_facts::instance_mut(&mut facts).disk_version = Known::Seen("9.9.9".into());
    assert_eq!(level(&facts, "host.version-skew"), Level::Warn);
    assert_eq!(level(&facts, "arch.process"), Level::Pass);
    test_facts::instance_mut(&mut facts).main.exe_deleted = true;
    assert_eq!(level(&facts, "arch.process"), Level::Warn);
}

/// Changes that make the healthy sample worse; none of them may improve the verdict.
const WORSE: &[fn(&mut Facts)] = &[
    |f| f.instance = Known::unknown("gone"),
    |f| f.candidates = Known::unknown("hidden"),
    |f| f.live.servers = Known::unknown("silent"),
    |f| f.live.patterns = Known::unknown("silent"),
    |f| f.next.proxies = Known::unknown("denied"),
    |f| f.config.test = Known::unknown("denied"),
    |f| f.binds = Known::unknown("denied"),
    |f| test_facts::add_new_bind(f, BindState::AddressNotAvailable),
    |f| test_facts::add_new_bind(f, BindState::Unknown { why: "not tried".into() }),
    |f| test_facts::add_new_bind(f, BindState::Taken { by: Vec::new(), silently: false }),
    |f| f.config.source = Known::unknown("denied"),
    |f| f.config.edited_since_load = Known::unknown("denied"),
    |f| f.vitals = crate::facts::ProcessHealth::unknown("denied"),
    |f| f.vitals.stale_libraries = Known::Seen(vec!["/usr/lib/libssl.so.3".into()]),
    |f| {
        if let Known::Seen(signal) = &mut f.vitals.reload_signal {
            signal.pending = true;
        }
    },
    |f| f.vitals.freeze = Known::Seen(Some("INC-1".into())),
    |f| f.config.named_files = Known::unknown("denied"),
    |f| f.live.connections = Known::Seen(Connections { current: 9, draining: 0 }),
    |f| {
        if let Known::Seen(instance) = &mut f.instance {
            instance.failed_reloads = Known::Seen(2);
        }
    },
    |f| {
        if let Known::Seen(instance) = &mut f.instance {
            instance.control = Control::unknown("conflict");
        }
    },
    |f| {
        if let Known::Seen(instance) = &mut f.instance {
            instance.identity = Known::unknown("one source");
        }
    },
    |f| {
        if let Known::Seen(servers) = &mut f.live.servers {
            servers.iter_mut().for_each(|server| server.admin = Known::Seen(ServerAdminState::Maint));
        }
    },
    |f| {
        if let Known::Seen(test) = &mut f.config.test {
            test.valid = false;
        }
    },
];

fn rank(exit: Exit) -> u8 {
    match exit {
        Exit::Done => 0,
        Exit::Unknown => 1,
        _ => 2,
    }
}

proptest! {
    #[test]
    fn worsening_any_fact_never_improves_the_verdict(first in 0..WORSE.len(), second in 0..WORSE.len()) {
        let mut facts = test_facts::healthy();
        let controller = Controller::Systemd(SystemdUnit { unit: "haproxy.service".into() });
        test_facts::instance_mut(&mut facts).control = test_facts::proven_control(controller);
        let before = exit_code(&run_all_checks(&facts));
        WORSE[first](&mut facts);
        let once = exit_code(&run_all_checks(&facts));
        prop_assert!(rank(once) >= rank(before), "{before:?} -> {once:?}");
        // A failure that can no longer be seen is unknown, which blocks just the same.
        WORSE[second](&mut facts);
        let twice = exit_code(&run_all_checks(&facts));
        prop_assert!(rank(twice) >= rank(once).min(1), "{once:?} -> {twice:?}");
    }
}
