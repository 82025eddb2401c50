use super::*;

fn healthy() -> DataPlaneFacts {
    DataPlaneFacts {
        url: "http://127.0.0.1:5555".into(),
        api_version: Known::Seen("v3.2.13".into()),
        memory_version: Known::Seen(5),
        disk_version: Known::Seen(Some(5)),
        md5_recorded: Known::Seen(Some("a".into())),
        md5_actual: Known::Seen("a".into()),
        config_text: Known::Seen("global\n".into()),
        last_known_good: Known::unknown("x"),
        pending_reloads: Known::Seen(vec![]),
        failed_reloads: Known::Seen(vec![]),
        open_transactions: Known::Seen(vec![]),
        config_file: Known::unknown("x"),
        runtime_pid: Known::Seen(None),
        lets_us_in: Known::Seen(true),
        reloads_by: Known::Seen(ReloadMethod::NotConfigured),
        other_writers: Known::Seen(vec![]),
    }
}

#[test]
fn how_it_reloads_is_read_off_its_settings() {
    let by = |command: &str| {
        ReloadMethod::from_settings(&DataPlaneApiConfig {
            reload_cmd: Some(command.into()),
            ..DataPlaneApiConfig::default()
        })
    };
    let command = |program: &str, wants_a_shell, restarts| ReloadMethod::Command {
        program: program.into(),
        wants_a_shell,
        restarts,
    };
    assert_eq!(by("systemctl reload haproxy"), command("systemctl", false, false));
    assert_eq!(by("systemctl restart haproxy"), command("systemctl", false, true));
    assert_eq!(by("kill -USR2 $(cat /run/haproxy.pid)"), command("kill", true, false));
    assert_eq!(by("sh -c 'kill -USR2 $(cat /run/haproxy.pid)'"), command("sh", false, false));
    let asked =
        DataPlaneApiConfig { master_runtime: Some("/run/m.sock".into()), ..DataPlaneApiConfig::default() };
    assert_eq!(ReloadMethod::from_settings(&asked), ReloadMethod::Master { socket: "/run/m.sock".into() });
    assert_eq!(ReloadMethod::from_settings(&DataPlaneApiConfig::default()), ReloadMethod::NotConfigured);
}

#[test]
fn memory_and_disk_that_disagree_are_poison() {
    assert_eq!(healthy().version_mismatch(), Known::Seen(None));
    let facts = DataPlaneFacts { memory_version: Known::Seen(8), ..healthy() };
    assert_eq!(facts.version_mismatch(), Known::Seen(Some(VersionMismatch { memory: 8, disk: 5 })));
    assert!(facts.version_mismatch().seen().unwrap().unwrap().to_string().contains("SIGUSR2"));
    let facts =
        DataPlaneFacts { memory_version: Known::Seen(1), disk_version: Known::Seen(None), ..healthy() };
    assert_eq!(
        facts.version_mismatch(),
        Known::Seen(None),
        "the server counts a file that it never wrote as version 1"
    );
    let facts = DataPlaneFacts { memory_version: Known::unknown("away"), ..healthy() };
    assert_eq!(facts.version_mismatch(), Known::unknown("away"), "could not tell is no pass");
}

#[test]
fn a_hash_that_does_not_fit_is_a_hand_edit() {
    assert_eq!(healthy().hand_edited(), Known::Seen(None));
    let facts = DataPlaneFacts { md5_actual: Known::Seen("b".into()), ..healthy() };
    let edit = HandEdited { recorded: "a".into(), actual: "b".into() };
    assert_eq!(facts.hand_edited(), Known::Seen(Some(edit)));
    let facts = DataPlaneFacts { md5_recorded: Known::Seen(None), ..healthy() };
    assert_eq!(facts.hand_edited(), Known::Seen(None), "no hash, no judgement");
}

#[test]
fn the_written_file_is_learnt_by_evidence() {
    let body = Known::Seen("global\n".to_owned());
    let candidate = |path: &str, text: &str| (PathBuf::from(path), text.to_owned());
    let files = [candidate("/a", "global\n"), candidate("/b", "global \n")];
    let found = find_config_file(None, None, &body, &files);
    assert_eq!(
        found,
        Known::Seen(WrittenConfigFile { path: "/a".into(), learnt: ConfigFileSource::SameText })
    );
    let twice = [candidate("/a", "global\n"), candidate("/b", "global\n")];
    assert!(find_config_file(None, None, &body, &twice).why().unwrap().contains("several"));
    assert!(find_config_file(None, None, &body, &[]).why().unwrap().contains("another file"));
    assert_eq!(find_config_file(None, None, &Known::unknown("away"), &files), Known::unknown("away"));

    let settings = DataPlaneApiConfig { config_file: Some("/s".into()), ..DataPlaneApiConfig::default() };
    let found = find_config_file(None, Some(&settings), &body, &files);
    assert_eq!(
        found,
        Known::Seen(WrittenConfigFile { path: "/s".into(), learnt: ConfigFileSource::SettingsFile })
    );
    let argv = DataPlaneArguments { config_file: Some("/c".into()), settings_file: None };
    let found = find_config_file(Some(&argv), Some(&settings), &body, &files);
    assert_eq!(
        found,
        Known::Seen(WrittenConfigFile { path: "/c".into(), learnt: ConfigFileSource::CommandLine })
    );
}

#[test]
fn command_lines_as_people_write_them() {
    let read = |line: &str| parse_arguments(&line.split(' ').map(str::to_owned).collect::<Vec<_>>());
    let both =
        DataPlaneArguments { config_file: Some("/h.cfg".into()), settings_file: Some("/d.yml".into()) };
    assert_eq!(read("dataplaneapi -f /d.yml --config-file /h.cfg"), both);
    assert_eq!(read("dataplaneapi --config-file=/h.cfg -f=/d.yml"), both);
    assert_eq!(read("dataplaneapi -c /h.cfg -f/d.yml"), both);
    assert_eq!(read("dataplaneapi --host x --fid /y"), DataPlaneArguments::default());
    assert_eq!(read("dataplaneapi -c"), DataPlaneArguments::default());
}

#[test]
fn the_last_known_good_file_is_compared_with_the_one_in_force() {
    let file = || {
        Known::Seen(WrittenConfigFile { path: "/etc/h.cfg".into(), learnt: ConfigFileSource::CommandLine })
    };
    let at = |text: &'static str| move |_: &Path| Known::Seen(text.to_owned());
    let facts = healthy().with_config_file(file(), &DataPlaneApiConfig::default(), at("global\n"));
    let good = LastKnownGood { path: "/etc/h.cfg.lkg".into(), differs: false };
    assert_eq!(facts.last_known_good, Known::Seen(good));
    let facts = healthy().with_config_file(file(), &DataPlaneApiConfig::default(), at("other\n"));
    assert!(facts.last_known_good.seen().unwrap().differs);
    let facts =
        healthy().with_config_file(Known::unknown("why"), &DataPlaneApiConfig::default(), at("other\n"));
    assert!(facts.last_known_good.why().unwrap().ends_with("why"));
}

#[test]
fn another_text_differs_and_an_unknown_one_does_not_agree() {
    assert_eq!(healthy().config_text_differs("global\n"), Known::Seen(false));
    assert_eq!(healthy().config_text_differs("global"), Known::Seen(true));
    let facts = DataPlaneFacts { config_text: Known::unknown("away"), ..healthy() };
    assert_eq!(facts.config_text_differs("global\n"), Known::unknown("away"));
}
