//! A run of the tests that is killed leaves nothing: no program, no container, no guest, no control group, no folder.
//! Each test starts this very program again with itself alone, which then stands among its parts until it is killed.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rustix::process::Signal;

use crate::support::docker::{Dockerd, HAPROXY};
use crate::support::guest::Guest;
use crate::support::haguard::Haguard;
use crate::support::haproxy::{Branch, Instance, binary};
use crate::support::podman::Podman;
use crate::support::process::{self, Process, on_path};
use crate::support::requires::requires;
use crate::support::sandbox::Sandbox;
use crate::support::wait::{PATIENCE, wait_for, within};
use crate::support::{run, skip};

/// Set for the run that is to be killed: the file in which it says that everything stands, and the folder of its run.
const STANDING: &str = "TESTS_TO_BE_KILLED";

/// Boots and containers take longer than a HAProxy.
const STARTS: std::time::Duration = PATIENCE.saturating_mul(2);

/// What the tests of a run started, by the mark in its environment, and everybody in the run's control groups.
fn left_by(folder: &Path) -> Vec<u32> {
    let mark = format!("{}={}", run::MARK, folder.display());
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let environment = |pid: u32| std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let groups = |pid: u32| std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    let name = folder.file_name().unwrap().to_str().unwrap();
    let marked = |pid: &u32| environment(*pid).split(|byte| *byte == 0).any(|line| line == mark.as_bytes());
    numbers.filter(|pid| process::alive(*pid) && (marked(pid) || groups(*pid).contains(name))).collect()
}

/// Control groups with this in their name.
fn groups(name: &str) -> Vec<PathBuf> {
    let (mut queue, mut found) = (vec![PathBuf::from("/sys/fs/cgroup")], Vec::new());
    while let Some(folder) = queue.pop() {
        let inside = std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path());
        queue.extend(inside.filter(|path| path.is_dir() && !path.is_symlink()));
        if folder.file_name().is_some_and(|own| own.to_string_lossy().contains(name)) {
            found.push(folder);
        }
    }
    found
}

/// In the run that is to be killed: says that everything stands, and stays. `also` are names and numbers to be gone.
fn stand(file: &Path, also: &[String]) {
    let mut text = run::folder().display().to_string();
    also.iter().for_each(|word| text.push_str(&format!("\n{word}")));
    std::fs::write(file.with_extension("new"), text).unwrap();
    std::fs::rename(file.with_extension("new"), file).unwrap();
    assert!(within(STARTS * 2, || None::<()>).is_some(), "nobody killed this run");
}

/// Runs this test in a program of its own and kills that when everything stands.
fn killed(test: &str, signal: Signal) {
    let dir = run::scratch();
    let file = dir.path().join("standing");
    // Its folder for temporary files is a link: what is mounted there has another name for the kernel.
    let (real, link) = (dir.path().join("t"), dir.path().join("l"));
    std::fs::create_dir(&real).unwrap();
    symlink(&real, &link).unwrap();
    std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o711)).unwrap();
    let mut env = vec![(STANDING.to_owned(), file.display().to_string())];
    env.push(("TMPDIR".to_owned(), link.display().to_string()));
    for name in ["CI", "HAGUARD_TEST_GUEST", "HAGUARD_TEST_DOCKER"] {
        env.extend(skip::variable(name).map(|value| (name.to_owned(), value.display().to_string())));
    }
    // Where others may not enter the checkout these are copies, and so far down there is no room for another one.
    for branch in [Branch::V30, Branch::V34] {
        let program = binary(branch);
        let all = program.ancestors().nth(2).unwrap().display().to_string();
        env.push(("HAGUARD_TEST_HAPROXY_DIR".to_owned(), all));
    }
    let args = ["--exact", test, "--nocapture"].map(Into::into);
    let log = dir.path().join("log");
    let mut tests = Process::start(&std::env::current_exe().unwrap(), &args, &env, &log);
    let said = || std::fs::read_to_string(&log).unwrap_or_default();
    let standing = within(STARTS, || {
        assert!(!tests.has_ended(), "it ended:\n{}", said());
        std::fs::read_to_string(&file).ok()
    });
    let text = standing.unwrap_or_else(|| panic!("nothing stands:\n{}", said()));
    let mut words = text.lines();
    let folder = PathBuf::from(words.next().unwrap());
    let (numbers, names): (Vec<&str>, Vec<&str>) = words.partition(|word| word.parse::<u32>().is_ok());
    let numbers: Vec<u32> = numbers.iter().map(|word| word.parse().unwrap()).collect();
    assert!(folder.is_dir() && !left_by(&folder).is_empty(), "{text}");
    assert!(numbers.iter().all(|pid| process::alive(*pid)), "{text}");
    assert!(names.iter().all(|name| !groups(name).is_empty()), "{text}");

    tests.end(signal);

    wait_for("every program of the killed run ends", || left_by(&folder).is_empty().then_some(()));
    numbers.iter().for_each(|pid| process::wait_gone(*pid));
    wait_for("its folder is gone", || (!folder.exists()).then_some(()));
    wait_for("its control groups are gone", || {
        names.iter().all(|name| groups(name).is_empty()).then_some(())
    });
    assert!(file.exists(), "what was mounted in its folder is still there");
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(folder.to_str().unwrap()), "{mounts}");
}

#[test]
fn a_run_is_cleared_away_where_control_groups_cannot_be_seen_and_others_are_left_alone() {
    requires!(Mounts);
    let dir = run::scratch();
    let folder = tempfile::Builder::new().prefix("hag").rand_bytes(6).tempdir_in(dir.path()).unwrap().keep();
    let marked = |folder: &Path| {
        let env = [(run::MARK.to_owned(), folder.display().to_string())];
        Process::start(&on_path("sleep").unwrap(), &["infinity".into()], &env, &dir.path().join("log"))
    };
    let (ours, other) = (marked(&folder), marked(&dir.path().join("hag000000")));
    let script = "mount -t tmpfs none /sys && exec sh -c \"$@\"";
    let words = ["--mount", "sh", "-c", script, "sh", include_str!("support/reaper.sh"), "reaper"];
    let mut args: Vec<_> = words.map(std::ffi::OsString::from).into();
    args.extend([folder.clone().into(), run::MARK.into()]);
    let log = dir.path().join("reaper");
    let mut reaper = Process::start(&on_path("unshare").unwrap(), &args, &[], &log);
    wait_for("the reaper is there", || reaper.has_ended().then_some(()));
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "", "it is mounted, and nothing else is said");
    wait_for("what the run started ends", || ours.has_ended().then_some(()));
    wait_for("its folder is gone", || (!folder.exists()).then_some(()));
    assert!(!other.has_ended() && dir.path().exists());
    reaper.end(Signal::TERM);
}

fn to_be_killed() -> Option<PathBuf> {
    skip::variable(STANDING)
}

/// HAProxies, one of them in a namespace, and a program that left its group and its session.
fn stand_among_programs(file: &Path) {
    let haproxy = Instance::builder(Branch::V30).start();
    let sandbox = Sandbox::new();
    let prefix: Vec<String> = sandbox.prefix().iter().map(|word| word.to_str().unwrap().to_owned()).collect();
    let words: Vec<&str> = prefix.iter().map(String::as_str).collect();
    let _inside = Instance::builder(Branch::V34).through(&words).start();
    let setsid = on_path("setsid").unwrap();
    let args = ["--fork", "sleep", "infinity"].map(Into::into);
    let _gone = Process::start(&setsid, &args, &[], &haproxy.dir().join("log"));
    let _home = Haguard::new();
    // A folder of the host, which is not the run's to remove; not everybody may mount it.
    let at = run::scratch();
    let words = ["--bind".into(), file.parent().unwrap().into(), at.path().into()];
    let mut mount = Process::start(&on_path("mount").unwrap(), &words, &[], &haproxy.dir().join("log"));
    wait_for("mount has done or refused it", || mount.has_ended().then_some(()));
    mount.end(Signal::TERM);
    stand(file, &[haproxy.master_pid().to_string(), haproxy.worker_pid().to_string()]);
}

#[test]
fn a_run_that_is_killed_leaves_no_haproxy_and_no_folder() {
    requires!(Sandbox, Program("setsid"), Haproxy(Branch::V30), Haproxy(Branch::V34));
    match to_be_killed() {
        Some(file) => stand_among_programs(&file),
        None => killed("left_behind::a_run_that_is_killed_leaves_no_haproxy_and_no_folder", Signal::KILL),
    }
}

#[test]
fn a_run_that_is_asked_to_end_leaves_no_haproxy_and_no_folder() {
    requires!(Sandbox, Program("setsid"), Haproxy(Branch::V30), Haproxy(Branch::V34));
    match to_be_killed() {
        Some(file) => stand_among_programs(&file),
        None => {
            killed("left_behind::a_run_that_is_asked_to_end_leaves_no_haproxy_and_no_folder", Signal::TERM)
        }
    }
}

#[test]
fn a_run_that_is_killed_leaves_no_guest_and_no_container() {
    requires!(Docker, Guest, Podman, Haproxy(Branch::V30), Haproxy(Branch::V34));
    let Some(file) = to_be_killed() else {
        killed("left_behind::a_run_that_is_killed_leaves_no_guest_and_no_container", Signal::KILL);
        return;
    };
    let (guest, dockerd) = (Guest::boot(), Dockerd::start());
    let image = dockerd.haproxy(Branch::V30);
    let dir = run::scratch();
    std::fs::write(dir.path().join("haproxy.cfg"), "defaults\n    mode http\nlisten l\n    bind /tmp/s\n")
        .unwrap();
    let bind = format!("{}:/etc/haproxy:ro", dir.path().display());
    let argv = [HAPROXY, "-W", "-f", "/etc/haproxy/haproxy.cfg"];
    let container = dockerd.run((&image, "web"), &argv, &[], &[&bind], "always");
    let podman = Podman::new();
    let image = podman.haproxy(Branch::V30);
    let other = podman.run("web", &[&format!("--volume={bind}")], &image, &argv);
    let pids = [guest.leader(), container.pid, other.pid].map(|pid| pid.to_string());
    stand(&file, &[&pids[..], &[run::name(), container.id, other.id]].concat());
}
