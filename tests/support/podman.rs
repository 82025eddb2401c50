//! Podman with containers of a test's own: root's, or those of a user without any rights.
//!
//! Podman is Debian's, and has no daemon. Its files are in a folder that vanishes; the one thing that it leaves is an
//! empty control group `libpod_parent`. runc is the one that `.ci/docker` unpacks: Debian's crun refuses a host with both
//! versions of control groups.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use rustix::process::Signal;
use tempfile::TempDir;

use super::docker::{self, Container};
use super::haproxy::Branch;
use super::process::{self, Process, on_path};
use super::wait::wait_for;
use super::{executable, run, skip};

/// One user's containers.
#[derive(Debug)]
pub(crate) struct Podman {
    service: Option<Process>,
    user: Option<u32>,
    dir: TempDir,
}

impl Podman {
    /// Root's.
    pub(crate) fn new() -> Self {
        Self::for_user(None)
    }

    /// Those of a user of this number.
    pub(crate) fn for_user(user: Option<u32>) -> Self {
        let runc = docker::programs().join("usr/sbin/runc");
        let dir = run::scratch();
        for folder in ["home", "xdg"] {
            std::fs::create_dir(dir.path().join(folder)).expect("a folder in ours");
        }
        std::fs::set_permissions(dir.path().join("xdg"), PermissionsExt::from_mode(0o700)).expect("ours");
        executable::copy(&runc, &dir.path().join("runc"));
        for path in ["", "home", "xdg"] {
            std::os::unix::fs::chown(dir.path().join(path), user, user).expect("root gives files away");
        }
        Podman { service: None, user, dir }
    }

    /// Its folder.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The words that run it, up to its own command.
    fn command_prefix(&self) -> Vec<OsString> {
        let at = |name: &str| self.dir.path().join(name).into_os_string();
        let mut words: Vec<OsString> = match self.user {
            None => vec!["env".into()],
            Some(user) => {
                let (uid, gid) = (format!("--reuid={user}"), format!("--regid={user}"));
                vec!["setpriv".into(), uid.into(), gid.into(), "--clear-groups".into(), "env".into()]
            }
        };
        let named = |name: &str, value: OsString| {
            let mut word = OsString::from(name);
            word.push(value);
            word
        };
        words.extend(["--chdir=/".into(), "-i".into()]);
        words.push(named("PATH=", skip::variable("PATH").unwrap_or_default().into()));
        words.push(named(&format!("{}=", run::MARK), run::folder().into()));
        words.extend([named("HOME=", at("home")), named("XDG_RUNTIME_DIR=", at("xdg"))]);
        words.extend(["podman".into(), "--root".into(), at("root"), "--runroot".into(), at("run")]);
        words.extend(["--tmpdir".into(), at("tmp"), "--runtime".into(), at("runc")]);
        words.extend(
            "--storage-driver vfs --cgroup-manager cgroupfs --events-backend file".split(' ').map(Into::into),
        );
        words
    }

    fn command(&self) -> Command {
        let words = self.command_prefix();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        command
    }

    /// Has it do something that has to work; what it wrote.
    #[track_caller]
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let said = docker::run_output(self.command().args(args));
        said.unwrap_or_else(|error| panic!("podman {args:?}: {error}")).trim_end().to_owned()
    }

    /// Makes an image of HAProxy with its libraries and nothing else; its name.
    pub(crate) fn haproxy(&self, branch: Branch) -> String {
        let archive = docker::archive(self.dir.path(), branch);
        std::fs::set_permissions(&archive, PermissionsExt::from_mode(0o644)).expect("ours");
        let image = format!("localhost/haproxy-{branch}:latest");
        let cache = Path::new("/var/lib/containers");
        // Root's notes on images have one place, which is not ours.
        let hidden = "mkdir -p $0 && mount -t tmpfs hidden $0 && exec \"$@\"";
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", hidden]).arg(cache).args(self.command_prefix());
        docker::run_output(command.args(["import", "--quiet"]).arg(archive).arg(&image)).expect("an image");
        image
    }

    /// Starts a container in the host's network.
    #[track_caller]
    pub(crate) fn run(&self, name: &str, options: &[&str], image: &str, argv: &[&str]) -> Container {
        // What it asks for by itself is more than root may have where some rights are missing.
        let usual = [
            "run",
            "-d",
            "--network=host",
            "--ulimit=nofile=1024:1024",
            "--ulimit=nproc=4096:4096",
            "--name",
        ];
        let id = self.ok(&[&usual[..], &[name], options, &[image], argv].concat());
        Container { pid: self.pid(name), id }
    }

    /// The first process of a container that runs.
    #[track_caller]
    pub(crate) fn pid(&self, name: &str) -> u32 {
        let shown = self.ok(&["container", "inspect", "-f", "{{.State.Pid}}", name]);
        shown.parse().ok().filter(|pid| *pid != 0).unwrap_or_else(|| {
            panic!("{name} does not run: {}", self.ok(&["logs", name]));
        })
    }

    /// Starts its service, as systemd does where its socket is enabled; the socket.
    pub(crate) fn serve(&mut self) -> PathBuf {
        let socket = self.dir.path().join("sock");
        let words = self.command_prefix();
        let program = on_path(&words[0].to_string_lossy()).expect("a program of every system");
        let address = format!("unix://{}", socket.display());
        let more = ["system", "service", "--time", "0", &address].map(OsString::from);
        let args: Vec<OsString> = words.into_iter().skip(1).chain(more).collect();
        self.service = Some(Process::start(&program, &args, &[], &self.dir.path().join("log")));
        wait_for("Podman's service listens", || std::os::unix::net::UnixStream::connect(&socket).ok());
        socket
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        let _ = docker::run_output(self.command().args(["rm", "--all", "--force", "--time", "0"]));
        if let Some(mut service) = self.service.take() {
            service.end(Signal::TERM);
        }
        // It keeps the namespaces of a user between two commands.
        let keeper = std::fs::read_to_string(self.dir.path().join("tmp/pause.pid"));
        if let Some(pid) = keeper.ok().and_then(|text| text.trim().parse().ok()) {
            process::kill(pid);
            process::wait_gone(pid);
        }
    }
}
