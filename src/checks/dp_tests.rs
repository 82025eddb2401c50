use crate::checks::{Level, run_checks};
use crate::facts::dataplane::{LastKnownGood, ReloadMethod};
use crate::facts::{DataPlaneFacts, Facts, Known, test_facts};
use crate::plan;

fn facts_with_api(change: impl FnOnce(&mut DataPlaneFacts)) -> Facts {
    let mut facts = test_facts::healthy();
    let mut api = DataPlaneFacts {
        url: "http://127.0.0.1:5555".into(),
        api_version: Known::Seen("v3.2.13".into()),
        memory_version: Known::Seen(5),
        disk_version: Known::Seen(Some(5)),
        md5_recorded: Known::Seen(None),
        md5_actual: Known::Seen("a".into()),
        config_text: Known::unknown("x"),
        last_known_good: Known::unknown("x"),
        pending_reloads: Known::Seen(vec![]),
        failed_reloads: Known::Seen(vec![]),
        open_transactions: Known::Seen(vec![]),
        config_file: Known::unknown("x"),
        runtime_pid: Known::Seen(None),
        lets_us_in: Known::Seen(true),
        reloads_by: Known::Seen(ReloadMethod::Master { socket: "/run/master.sock".into() }),
        other_writers: Known::Seen(vec![]),
    };
    change(&mut api);
    facts.dataplane = Some(api);
    facts
}

fn level(facts: &Facts, id: &str) -> Level {
    run_checks(facts, &plan::ledger(facts), &[id])[0].level
}

#[test]
fn a_rejected_password_fails_and_one_in_the_clear_warns() {
    assert_eq!(level(&facts_with_api(|_| ()), "dp.auth"), Level::Pass);
    assert_eq!(level(&facts_with_api(|api| api.lets_us_in = Known::Seen(false)), "dp.auth"), Level::Fail);
    assert_eq!(
        level(&facts_with_api(|api| api.lets_us_in = Known::unknown("away")), "dp.auth"),
        Level::Unknown
    );
    for (url, expected) in [
        ("http://lb1:5555", Level::Warn),
        ("https://lb1:5555", Level::Pass),
        ("unix:/run/dp.sock", Level::Pass),
        ("http://localhost:5555", Level::Pass),
    ] {
        assert_eq!(level(&facts_with_api(|api| api.url = url.into()), "dp.auth"), expected, "{url}");
    }
}

#[test]
fn only_its_own_master_reports_the_result_of_a_reload() {
    let by = |by: ReloadMethod| {
        level(&facts_with_api(|api| api.reloads_by = Known::Seen(by)), "dp.reload-strategy")
    };
    let command =
        |wants_a_shell, restarts| ReloadMethod::Command { program: "x".into(), wants_a_shell, restarts };
    assert_eq!(by(ReloadMethod::Master { socket: "/run/master.sock".into() }), Level::Pass);
    assert_eq!(by(ReloadMethod::Master { socket: "/run/other.sock".into() }), Level::Fail);
    assert_eq!(by(command(false, false)), Level::Warn);
    assert_eq!(by(command(true, false)), Level::Fail);
    assert_eq!(by(command(false, true)), Level::Fail);
    assert_eq!(by(ReloadMethod::NotConfigured), Level::Warn);
}

#[test]
fn a_last_known_good_file_that_is_not_the_one_on_disk_warns() {
    let good = |differs| {
        let good = LastKnownGood { path: "/etc/lkg".into(), differs };
        level(&facts_with_api(|api| api.last_known_good = Known::Seen(good)), "dp.lkg-drift")
    };
    assert_eq!((good(false), good(true)), (Level::Pass, Level::Warn));
}

#[test]
fn another_writer_is_named() {
    assert_eq!(level(&facts_with_api(|_| ()), "dp.other-writers"), Level::Pass);
    let writer = |api: &mut DataPlaneFacts| api.other_writers = Known::Seen(vec!["confd (PID 7)".into()]);
    assert_eq!(level(&facts_with_api(writer), "dp.other-writers"), Level::Warn);
}
