//! What a reload goes back to: only what is sure, and only what comes up.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::super::{RELOAD, on_every_branch, unwrapped};
use super::{EditedBench, LONG};
use crate::support::configs;
use crate::support::document::{as_text, finding};
use crate::support::haproxy::Branch;
use crate::support::requires::requires;

#[test]
fn without_knowing_what_runs_it_is_refused_with_the_mend() {
    on_every_branch(|branch| {
        let mut bench = RELOAD.start(branch);
        let worker = bench.haproxy.worker_pid();
        let text = bench.haproxy.config() + configs::LATE;
        bench.haproxy.write_config(&text);
        let said = bench.run(&["--confirm-within", "1s", "--plan"]);
        assert_eq!(said.status, 3, "{branch}: {said}");
        let text = unwrapped(&said.stderr);
        for words in
            ["could not be rolled back", "--previous FILE", "run `haguard reload` once before editing"]
        {
            assert!(text.contains(words), "{branch} `{words}`: {said}");
        }
        assert!(said.stderr.ends_with("nothing was changed.\n"), "{said}");
        assert_eq!(bench.haproxy.worker_pid(), worker, "{branch}");
    });
}

#[test]
fn files_that_nobody_touched_are_the_configuration_of_before() {
    requires!(Haproxy(Branch::V34));
    let bench = RELOAD.start(Branch::V34);
    let plan = bench.json(&["--confirm-within", LONG, "--plan"]);
    assert_eq!(plan["exit"], 0, "{plan:#}");
    assert!(
        plan["plan"]["steps"]
            .to_string()
            .contains("the files on disk, which are unchanged since the worker loaded them"),
        "{plan:#}"
    );
    assert_eq!(finding(&plan, "reload.way-back")["level"], "pass", "{plan:#}");
    // A file of the same bytes whose time of writing is as old as before, as `mv` and `cp -p` leave it.
    let path = bench.haproxy.config_path();
    let other = path.with_extension("other");
    std::fs::copy(path, &other).unwrap();
    let written = std::fs::metadata(path).unwrap().modified().unwrap();
    std::fs::File::options().write(true).open(&other).unwrap().set_modified(written).unwrap();
    std::fs::rename(&other, path).unwrap();
    assert_eq!(bench.run(&["--confirm-within", LONG, "--plan"]).status, 3);
}

#[test]
fn it_goes_back_to_the_files_that_were_given() {
    on_every_branch(|branch| {
        let mut bench = RELOAD.start(branch);
        let before = format!("# as it was\n{}", bench.haproxy.config());
        let given = bench.haproxy.dir().join("given.cfg");
        std::fs::write(&given, &before).unwrap();
        let text = bench.haproxy.config() + configs::LATE;
        bench.haproxy.write_config(&text);
        let given = given.to_str().unwrap();
        let flags = ["--confirm-within", "1s", "--previous", given];
        let plan = bench.json(&[&flags[..], &["--plan"]].concat());
        assert_eq!(plan["exit"], 0, "{branch}: {plan:#}");
        let apply = as_text(&plan["next"][0]).to_owned();
        assert!(apply.contains(&format!("--previous {given}")), "{branch}: {apply}");
        let done = bench.haguard.run(apply.strip_prefix("haguard ").unwrap().split(' '));
        assert_eq!(done.status, 0, "{branch}: {done}");
        let end = bench.end_of(as_text(&plan["plan"]["id"]));
        assert_eq!(end["exit"], 0, "{branch}: {end:#}");
        assert_eq!(bench.haproxy.config(), before, "{branch}");
    });
}

#[test]
fn files_that_do_not_fit_are_a_usage_error() {
    requires!(Haproxy(Branch::V30));
    let bench = RELOAD.start(Branch::V30);
    let path = bench.haproxy.config_path().to_str().unwrap();
    let cases = [
        (
            &["--previous", path, "--previous", path][..],
            "--previous was given 2 times, and HAProxy loads 1 file:",
        ),
        (&["--previous", "/nowhere/x.cfg"], "/nowhere/x.cfg"),
    ];
    for (flags, words) in cases {
        let said = bench.run(&[flags, &["--confirm-within", "1s", "--plan"]].concat());
        assert_eq!(said.status, 2, "{said}");
        assert!(unwrapped(&said.stderr).contains(words), "`{words}`: {said}");
    }
    let alone = bench.run(&["--previous", path]);
    assert_eq!(alone.status, 2, "{alone}");
}

#[test]
fn a_configuration_of_before_that_does_not_come_up_is_no_way_back() {
    on_every_branch(|branch| {
        let bench = RELOAD.start(branch);
        let worker = bench.haproxy.worker_pid();
        let given = bench.haproxy.dir().join("given.cfg");
        std::fs::write(&given, format!("{}\n    no_such_keyword\n", bench.haproxy.config())).unwrap();
        let flags = ["--confirm-within", "1s", "--previous", given.to_str().unwrap()];
        let plan = bench.json(&[&flags[..], &["--plan"]].concat());
        assert_eq!(plan["exit"], 3, "{branch}: {plan:#}");
        let finding = finding(&plan, "reload.way-back");
        assert_eq!(finding["level"], "fail", "{branch}: {finding:#}");
        assert!(finding.to_string().contains("no_such_keyword"), "{branch}: {finding:#}");
        let id = as_text(&plan["plan"]["id"]);
        let done = bench.run(&[&flags[..], &["--approve", id]].concat());
        assert_eq!(done.status, 3, "{branch}: {done}");
        assert_eq!(bench.haproxy.worker_pid(), worker, "{branch}");
        let left: Vec<_> = std::fs::read_dir(bench.haguard.home().join("state")).unwrap().flatten().collect();
        assert!(left.iter().all(|e| !e.file_name().to_string_lossy().contains("trial")), "{left:?}");
    });
}

#[test]
fn a_haproxy_of_another_user_goes_back_to_files_that_are_still_its_own() {
    requires!(Root, Program("setpriv"), Haproxy(Branch::V30));
    let bench = RELOAD.start_with(Branch::V30, |builder| builder.owned_by(65534));
    let path = bench.haproxy.config_path().to_owned();
    std::os::unix::fs::chown(&path, Some(65534), Some(65534)).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
    let first = bench.run(&["--approve", &bench.plan()]);
    assert_eq!(first.status, 0, "{first}");
    let before = bench.haproxy.config();
    std::fs::write(&path, before.clone() + configs::LATE).unwrap();
    let plan = bench.json(&["--confirm-within", "1s", "--plan"]);
    assert_eq!(finding(&plan, "reload.way-back")["level"], "pass", "{plan:#}");
    let id = as_text(&plan["plan"]["id"]);
    assert_eq!(bench.run(&["--confirm-within", "1s", "--approve", id]).status, 0);
    let end = bench.end_of(id);
    assert_eq!(end["exit"], 0, "{end:#}");
    let meta = std::fs::metadata(&path).unwrap();
    assert_eq!((meta.uid(), meta.gid(), meta.mode() & 0o777), (65534, 65534, 0o640));
    assert_eq!(bench.haproxy.config(), before);
}

#[test]
fn a_folder_is_as_before_with_every_file_that_came_or_went() {
    requires!(Haproxy(Branch::V32));
    let bench = RELOAD.start_with(Branch::V32, |builder| builder.config_folder());
    assert_eq!(bench.run(&["--approve", &bench.plan()]).status, 0);
    let folder = bench.haproxy.config_path().parent().unwrap();
    let came = folder.join("late.cfg");
    std::fs::write(&came, "backend late\n").unwrap();
    let plan = bench.json(&["--confirm-within", "1s", "--plan"]);
    let id = as_text(&plan["plan"]["id"]);
    let done = bench.json(&["--confirm-within", "1s", "--approve", id]);
    assert_eq!(done["exit"], 0, "{done:#}");
    let end = bench.end_of(id);
    assert_eq!(end["exit"], 0, "{end:#}");
    assert!(!came.exists());
    let aside = folder.join(format!("late.cfg.unconfirmed-{id}"));
    assert_eq!(std::fs::read_to_string(aside).unwrap(), "backend late\n");
    assert!(!bench.haproxy.ask("show backend").contains("late"));
}

#[test]
fn the_id_of_a_plan_without_a_way_back_is_no_consent_to_one_with_it() {
    requires!(Haproxy(Branch::V30));
    let edited = EditedBench::start(Branch::V30);
    let bench = &edited.bench;
    let (plain, back) = (bench.plan(), edited.plan(LONG));
    for (flags, id) in
        [(&["--confirm-within", LONG][..], &plain), (&[], &back), (&["--confirm-within", "9s"], &back)]
    {
        let said = bench.run(&[flags, &["--approve", id]].concat());
        assert_eq!(said.status, 6, "{said}");
        assert!(unwrapped(&said.stdout).contains("The steps or the options differ"), "{said}");
    }
}
