//! A whole Debian with systemd of its own: the root folder that `.ci/guest` makes, booted as a throw-away copy.
//!
//! Its files are an overlay over that folder, in a mount namespace that ends with it; its network is a loopback of its
//! own; its processes are a PID namespace, seen from here too. Nothing of it is left when it is dropped.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use super::cgroup::Cgroup;
use super::haguard::RunOutput;
use super::process::{self, Process, on_path, wait_gone};
use super::wait::within;
use super::{copied, run, skip};

/// How long a boot may take on a loaded machine; one that is alone takes less than two seconds.
const BOOT: Duration = Duration::from_secs(90);

/// Where the folder with HAProxy's other branches is in the guest: `BRANCH/haproxy`, as in `.cache/haproxy`.
pub(crate) const BRANCHES: &str = "/opt/haproxy";

/// A booted guest.
#[derive(Debug)]
pub(crate) struct Guest {
    leader: u32,
    nspawn: Process,
    cgroup: Cgroup, // after the process: it is swept when nobody is in it
    root: PathBuf,
    dir: TempDir,
}

impl Guest {
    /// Boots one and waits until systemd has started everything.
    pub(crate) fn boot() -> Self {
        Self::with(&[])
    }

    /// The same with these files, given by their path in the guest, there before the boot.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let root = root();
        let dir = run::scratch();
        for name in ["lower", "upper", "work", "root"] {
            std::fs::create_dir(dir.path().join(name)).expect("a folder of the guest");
        }
        for (path, text) in files {
            put(&dir.path().join("upper").join(path.trim_start_matches('/')), text);
        }
        let cgroup = Cgroup::new(&name(&dir));
        let nspawn = start(&root, &dir, &cgroup);
        let mut guest = Guest { leader: 0, nspawn, cgroup, root, dir };
        guest.wait_booted();
        guest
    }

    /// Ends it as a power cut does and boots it again with the files that it has now.
    pub(crate) fn reboot(&mut self) {
        self.end();
        let another = format!("{}r{}", name(&self.dir), self.leader);
        self.cgroup = Cgroup::new(&another);
        self.nspawn = start(&self.root, &self.dir, &self.cgroup);
        self.wait_booted();
    }

    fn wait_booted(&mut self) {
        let task = format!("/proc/{0}/task/{0}/children", self.nspawn.pid());
        let booted = within(BOOT, || {
            if self.nspawn.has_ended() {
                return Some(Err("systemd-nspawn ended"));
            }
            self.leader = std::fs::read_to_string(&task).ok()?.trim().parse().ok()?;
            let said = self.run(["systemctl", "is-system-running", "--wait"]);
            ["running", "degraded"].contains(&said.stdout.trim()).then_some(Ok(()))
        });
        if let Err(why) = booted.unwrap_or(Err("it is not up")) {
            let log = std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
            panic!("the guest did not boot, {why}:\n{log}");
        }
    }

    /// Runs a program in it, as root, and waits for its end.
    pub(crate) fn run(&self, words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> RunOutput {
        RunOutput::from_command(self.command(words).env("LC_ALL", "C.UTF-8"))
    }

    /// The same for a program that must succeed; what it wrote to stdout.
    #[track_caller]
    pub(crate) fn ok(&self, words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> String {
        let said = self.run(words);
        assert_eq!(said.status, 0, "{said}");
        said.stdout
    }

    /// Runs haguard in it.
    pub(crate) fn haguard(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> RunOutput {
        let words = [OsString::from("haguard")].into_iter();
        self.run(words.chain(args.into_iter().map(|arg| arg.as_ref().to_owned())))
    }

    /// A command in it, to be run in a particular way.
    pub(crate) fn command(&self, words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> assert_cmd::Command {
        let mut command = assert_cmd::Command::new(on_path("nsenter").expect("it comes with unshare"));
        command.args(["--target", &self.leader.to_string(), "--all", "--"]).args(words);
        command.env_clear().env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command.env("HOME", "/root");
        command
    }

    /// The same as a line of the shell out here, for a terminal.
    pub(crate) fn line(&self, inside: &str) -> String {
        let clean = "env -u HAGUARD_STATE_DIR HOME=/root";
        format!("{clean} nsenter --target {} --all -- {inside}", self.leader)
    }

    /// A file or folder of the guest, as seen from here.
    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        Path::new(&format!("/proc/{}/root", self.leader)).join(inside.trim_start_matches('/'))
    }

    /// Writes a file, and the folders above it where they are missing.
    pub(crate) fn write(&self, path: &str, text: &str) {
        put(&self.path(path), text);
    }

    /// What a file holds.
    #[track_caller]
    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("reading {path}: {error}"))
    }

    /// A property of a unit as the guest's systemd tells it.
    #[track_caller]
    pub(crate) fn property(&self, unit: &str, property: &str) -> String {
        self.ok(["systemctl", "show", "--value", "--property", property, unit]).trim_end().to_owned()
    }

    /// The main process of a unit, by its number out here.
    #[track_caller]
    pub(crate) fn main_pid(&self, unit: &str) -> u32 {
        let inside = self.property(unit, "MainPID");
        let ours = |pid: &u32| {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let line = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap_or_default();
            line.split_whitespace().last() == Some(&inside)
        };
        self.cgroup
            .members()
            .into_iter()
            .find(ours)
            .unwrap_or_else(|| panic!("nobody is PID {inside} of {unit}"))
    }

    /// Its first process, by its number out here.
    pub(crate) fn leader(&self) -> u32 {
        self.leader
    }

    fn end(&mut self) {
        // The end of a namespace's first process is the end of everybody in it, and systemd-nspawn cleans up after it.
        if self.leader != 0 {
            process::kill(self.leader);
            wait_gone(self.leader);
        }
        self.nspawn.end(Signal::TERM);
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.end();
    }
}

/// The folder to boot from.
fn root() -> PathBuf {
    let home = skip::variable("HAGUARD_TEST_GUEST");
    let home = home.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache/guest"));
    home.join("root")
}

/// Why none can be booted here.
pub(super) fn lacking() -> Option<String> {
    let root = root();
    match () {
        () if !rustix::process::geteuid().is_root() => Some("root, who alone can boot a guest".to_owned()),
        () if on_path("systemd-nspawn").is_none() => {
            Some("systemd-nspawn (package systemd-container)".to_owned())
        }
        () if !root.is_dir() => Some(format!("guest at {} (.ci/guest makes it)", root.display())),
        () => None,
    }
}

fn name(dir: &TempDir) -> String {
    dir.path().file_name().expect("a folder has a name").to_string_lossy().into_owned()
}

fn start(root: &Path, dir: &TempDir, cgroup: &Cgroup) -> Process {
    let at = dir.path().display();
    let options = ["-q", "--register=no", "--keep-unit", "--private-network", "--console=pipe"].join(" ");
    // By a plain name: a comma in the path of the checkout would end the option.
    let script = format!(
        "set -e\n{}mount --bind \"$1\" {at}/lower\n\
         mount -t overlay overlay -o lowerdir={at}/lower,upperdir={at}/upper,workdir={at}/work {at}/root\n\
         shift\nexec systemd-nspawn {options} -D {at}/root -M {} \"$@\" -b\n",
        cgroup.enter(),
        name(dir),
    );
    let mut words: Vec<OsString> =
        ["--mount", "--propagation", "private", "sh", "-c", &script, "sh"].map(OsString::from).into();
    words.push(root.into());
    words.push(format!("--bind-ro={}:/usr/local/bin/haguard", copied::haguard()).into());
    words.push(format!("--bind-ro={}:{BRANCHES}", copied::for_guests().display()).into());
    let unshare = on_path("unshare").expect("it comes with mount");
    Process::start(&unshare, &words, &[], &dir.path().join("log"))
}

fn put(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("folders in the guest");
    std::fs::write(path, text).unwrap_or_else(|error| panic!("writing {}: {error}", path.display()));
}
