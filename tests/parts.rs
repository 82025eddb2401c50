//! The parts themselves: a test that believes in a HAProxy that does not behave proves nothing.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::support::configs;
use crate::support::haproxy::{self, Branch, Instance};
use crate::support::origin::{self, Origin, hold_connection};
use crate::support::process::{Process, alive, check_config, wait_gone};
use crate::support::requires::requires;
use crate::support::wait::wait_for;
use crate::support::{copied, docker, run};

fn proxy(origin: &Origin) -> String {
    origin.behind(configs::PROXY)
}

#[test]
fn every_branch_starts_serves_reloads_restarts_and_ends() {
    for branch in Branch::here() {
        let origin = Origin::start();
        let mut haproxy = Instance::builder(branch).config(&proxy(&origin)).start();
        assert_eq!(haproxy.branch(), branch);
        assert!(haproxy.ask("show version").starts_with(branch.name()) || branch == Branch::V26, "{branch}");
        assert!(haproxy.admin("show info").contains(&format!("Version: {branch}")), "{branch}");
        assert_eq!(haproxy.listed_worker(), Some(haproxy.worker_pid()), "{branch}");

        assert!(haproxy.get("web", "/").ends_with("ok"), "{branch}");
        assert_eq!(origin.requests(), 1, "{branch}");

        let first = haproxy.worker_pid();
        let reload = haproxy.reload();
        assert!(reload.success, "{branch}: {}", reload.answer);
        assert_eq!(reload.answer.is_empty(), branch == Branch::V26, "{branch}: {}", reload.answer);
        assert_ne!(haproxy.worker_pid(), first, "{branch}");
        wait_gone(first);

        let (master, worker) = (haproxy.master_pid(), haproxy.worker_pid());
        haproxy.restart();
        assert_ne!(haproxy.master_pid(), master, "{branch}");
        assert!(!alive(master), "{branch}: the old master is still there");
        wait_gone(worker);
        assert!(haproxy.get("web", "/").ends_with("ok"), "{branch}");

        let (master, worker) = (haproxy.master_pid(), haproxy.worker_pid());
        assert!(alive(master) && alive(worker), "{branch}");
        let folder = haproxy.dir().to_path_buf();
        drop(haproxy);
        assert!(!alive(master), "{branch}: the master outlived its test");
        wait_gone(worker);
        assert!(!folder.exists(), "{branch}");
    }
}

#[test]
fn a_failed_reload_is_told_from_a_good_one() {
    for branch in Branch::here() {
        let builder = Instance::builder(branch).config("frontend web\n    bind 127.0.0.1:{port:web}\n");
        let mut haproxy = builder.start();
        let (good, worker) = (haproxy.config(), haproxy.worker_pid());
        haproxy.write_config(&(good.clone() + configs::REFUSED));
        assert!(!haproxy.reload().success, "{branch}");
        assert_eq!(haproxy.worker_pid(), worker, "{branch}: the old worker serves on");
        haproxy.write_config(&(good + &configs::more("127.0.0.1:{port:more}")));
        assert!(haproxy.reload().success, "{branch}");
        assert_ne!(haproxy.port("more"), haproxy.port("web"));
        assert!(haproxy.get("more", "/").contains(" 503 "), "{branch}");
    }
}

#[test]
fn connections_held_through_a_frontend_keep_the_old_worker() {
    requires!(Haproxy(Branch::V28));
    let origin = Origin::start();
    let haproxy = Instance::builder(Branch::V28).config(&proxy(&origin)).start();
    let held = hold_connection(haproxy.port("web"), 3);
    assert_eq!(origin.requests(), 3);
    let old = haproxy.worker_pid();
    assert!(haproxy.reload().success);
    assert!(alive(old), "three unfinished exchanges keep it");
    drop(held);
    origin.release();
    wait_gone(old);
}

#[test]
fn what_an_instance_starts_is_ended_with_it_even_when_it_drains() {
    requires!(Haproxy(Branch::V30));
    let origin = Origin::start();
    let haproxy = Instance::builder(Branch::V30).config(&proxy(&origin)).start();
    let _held = hold_connection(haproxy.port("web"), 1);
    let old = haproxy.worker_pid();
    assert!(haproxy.reload().success);
    let processes = [haproxy.master_pid(), haproxy.worker_pid(), old];
    assert!(processes.into_iter().all(alive), "master, worker and draining worker");
    drop(haproxy);
    processes.into_iter().for_each(wait_gone);
}

#[test]
fn without_master_worker_there_is_one_process() {
    requires!(Haproxy(Branch::V28));
    let haproxy = Instance::builder(Branch::V28).config(configs::PROXY).without_master_worker().start();
    assert!(!haproxy.is_master_worker());
    assert_eq!(haproxy.worker_pid(), haproxy.master_pid());
    assert_eq!((haproxy.master_socket(), haproxy.listed_worker()), (None, None));
}

#[test]
fn without_an_admin_socket_the_master_passes_the_question_on() {
    for branch in Branch::here() {
        let haproxy = Instance::builder(branch).config(configs::PROXY).without_admin_socket().start();
        assert_eq!(haproxy.admin_socket(), None);
        assert_eq!(haproxy.worker_pid(), haproxy.listed_worker().unwrap(), "{branch}");
    }
}

#[test]
fn without_any_socket_it_is_up_when_start_returns() {
    for branch in Branch::here() {
        let builder = Instance::builder(branch).config(configs::PROXY).without_admin_socket();
        let haproxy = builder.clone().without_master_socket().start();
        assert!(haproxy.get("web", "/").contains(" 503 "), "{branch}");
        let haproxy = builder.without_master_worker().start();
        assert!(haproxy.get("web", "/").contains(" 503 "), "{branch}");
    }
}

#[test]
fn a_stats_socket_of_level_user_refuses_to_change_anything() {
    requires!(Haproxy(Branch::V28));
    let haproxy = Instance::builder(Branch::V28).config(configs::PROXY).level("user").start();
    assert!(haproxy.admin("disable server app/one").contains("Permission denied"));
}

#[test]
fn configuration_comes_from_several_files_a_folder_and_the_environment() {
    requires!(Haproxy(Branch::V28));
    let part = "frontend extra\n    bind 127.0.0.1:${EXTRA}\n    http-request return status 204\n";
    let builder = Instance::builder(Branch::V28).config(configs::PROXY).env("EXTRA", "{port:extra}");
    let haproxy = builder.clone().extra_config("more.cfg", part).start();
    assert!(haproxy.get("extra", "/").contains(" 204 "));

    let haproxy = builder.config(part).config_folder().start();
    assert!(haproxy.config_path().ends_with("conf.d/haproxy.cfg"));
    assert!(haproxy.get("extra", "/").contains(" 204 "));
}

#[test]
fn files_globals_and_arguments_reach_haproxy() {
    requires!(Haproxy(Branch::V30));
    let rule = "frontend web\n    bind 127.0.0.1:{port:web}\n    \
                http-request return status 200 content-type text/plain string found if { path,map({dir}/r.map) -m found }\n";
    let builder =
        Instance::builder(Branch::V30).config(rule).file("r.map", "/there yes\n").global("node tested");
    let haproxy = builder.arg("-dM").start();
    assert!(haproxy.get("web", "/there").ends_with("found"));
    assert!(haproxy.ask("show info").contains("node: tested"));
    let argv = std::fs::read_to_string(format!("/proc/{}/cmdline", haproxy.master_pid())).unwrap();
    assert!(argv.contains("-dM") && argv.starts_with(haproxy.binary().to_str().unwrap()), "{argv}");
}

#[test]
fn a_configuration_that_cannot_start_gives_haproxys_own_words() {
    requires!(Haproxy(Branch::V28));
    let taken = Origin::start();
    let bind = format!(
        "global\nfrontend web\n    mode tcp\n    timeout client 1s\n    bind 127.0.0.1:{}\n",
        taken.port
    );
    let result = Instance::builder(Branch::V28).whole_config(&bind).without_master_socket().try_start();
    let log = result.expect_err("the port is taken");
    assert!(log.contains("in use") && log.contains(&taken.port.to_string()), "{log}");
    assert!(origin::get(taken.port, "/").ends_with("ok"), "the owner of the port was left alone");
}

#[test]
fn a_process_that_leaves_children_behind_takes_them_along() {
    let folder = tempfile::tempdir().unwrap();
    let note = folder.path().join("pid");
    let script = format!("sleep 600 & echo $! > {}; wait", note.display());
    let args = ["-c".into(), script.into()];
    let mut process = Process::start("/bin/sh".as_ref(), &args, &[], &folder.path().join("log"));
    let child =
        wait_for("the child is noted", || std::fs::read_to_string(&note).ok()?.trim().parse::<u32>().ok());
    assert!(alive(process.pid()) && alive(child));
    let status = process.end(rustix::process::Signal::TERM).unwrap();
    assert!(!status.success() && process.has_ended());
    wait_gone(child);
}

/// As a clone in somebody's home is for a HAProxy that becomes another user.
#[test]
fn a_haproxy_that_other_users_cannot_reach_is_copied_for_them() {
    requires!(Haproxy(Branch::V28), Haproxy(Branch::V30));
    let folder = crate::support::run::scratch();
    let closed = folder.path().join("a, b");
    std::fs::create_dir(&closed).unwrap();
    for branch in [Branch::V28, Branch::V30] {
        docker::copy(&[&haproxy::cache().join(branch.name())], &closed);
        for at in [&closed, &closed.join(branch.name()), &closed.join(branch.name()).join("haproxy")] {
            std::fs::set_permissions(at, PermissionsExt::from_mode(0o700)).unwrap();
        }
        let usable = copied::usable(closed.join(branch.name()));
        let program = usable.join("haproxy");
        assert!(!program.starts_with(&closed) && run::plain(&program) && run::open(&program), "{branch}");
        let loader = docker::loader(&program);
        assert!(loader.iter().all(|loader| loader.starts_with(&usable) && run::open(loader)), "{loader:?}");
        assert_eq!(loader.is_some(), branch == Branch::V30, "2.8 has the one of this machine");
        check_config(&program, Path::new("/dev/null")).unwrap();
    }
}
