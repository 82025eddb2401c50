//! Processes that a test starts: each in a group of its own, ended exactly, never by name.
#![expect(clippy::disallowed_methods, reason = "tests start the real programs that haguard guards")]

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};

use super::wait::{wait_for, within};
use super::{run, skip};

/// How long a process may take to end after SIGTERM before its group is killed.
const GRACE: Duration = Duration::from_secs(5);

/// One started process with everything that it started itself.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    ended: bool,
}

impl Process {
    /// Starts `program` in a new process group, its output appended to `log`. Besides `env` it has what a service manager
    /// gives, and nothing of whoever runs the tests: where SHELL is missing tmux takes the user's own, which for `nobody`
    /// lets nobody in. Its folder is open to everybody, as the checkout may not be: a HAProxy that becomes another user
    /// goes back to the one it was started in.
    pub(crate) fn start(program: &Path, args: &[OsString], env: &[(String, String)], log: &Path) -> Self {
        let log = File::options().create(true).append(true).open(log).expect("a log file");
        let child = Command::new(program)
            .args(args)
            .env_clear()
            .env("PATH", skip::variable("PATH").unwrap_or_default())
            .envs([("HOME", "/"), ("SHELL", "/bin/sh"), ("LC_ALL", "C.UTF-8")])
            .env(run::MARK, run::folder())
            .envs(env.iter().map(|(name, value)| (name, value)))
            .current_dir(run::folder())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("starting {}: {error}", program.display()));
        Process { child, ended: false }
    }

    /// Its process id, which is also its group's.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// True once it has ended, by itself or not.
    pub(crate) fn has_ended(&self) -> bool {
        // NOWAIT leaves the zombie, which keeps the process and group id from being given to anybody else
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        self.ended || matches!(rustix::process::waitid(WaitId::Pid(pid(self.pid())), options), Ok(Some(_)))
    }

    /// Sends a signal to this process alone.
    pub(crate) fn signal(&self, signal: Signal) {
        if !self.has_ended() {
            rustix::process::kill_process(pid(self.pid()), signal).expect("our own child takes signals");
        }
    }

    /// Ends it with `signal`, then whatever is left of its group, and reaps it.
    pub(crate) fn end(&mut self, signal: Signal) -> Option<ExitStatus> {
        if self.ended {
            return None;
        }
        self.signal(signal);
        let _ = within(GRACE, || self.has_ended().then_some(()));
        // the group is gone already where the process ended its own children, hence no look at the result
        let _ = rustix::process::kill_process_group(pid(self.pid()), Signal::KILL);
        self.ended = true;
        self.child.wait().ok()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end(Signal::TERM);
    }
}

/// True while a process of this number runs; a zombie has ended.
pub(crate) fn alive(number: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

/// Kills a process that is not our child, by its number; one that is gone already is no matter.
pub(crate) fn kill(number: u32) {
    let _ = rustix::process::kill_process(pid(number), Signal::KILL);
}

/// Waits until the process is gone.
#[track_caller]
pub(crate) fn wait_gone(number: u32) {
    wait_for(&format!("process {number} ends"), || (!alive(number)).then_some(()));
}

fn pid(number: u32) -> Pid {
    i32::try_from(number).ok().and_then(Pid::from_raw).expect("a child's process id is positive")
}

/// Where `program` stands on PATH.
pub(crate) fn on_path(program: &str) -> Option<std::path::PathBuf> {
    let path = super::skip::variable("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// `haproxy -c`; what it said where it refuses.
pub(crate) fn check_config(haproxy: &Path, config: &Path) -> Result<(), String> {
    let output = Command::new(haproxy).args(["-W", "-c", "-f"]).arg(config).output().expect("HAProxy runs");
    let said = || String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(said()) }
}

/// What cargo knows of this package and of everything it is built from on this platform, without asking a network.
pub(crate) fn cargo_metadata() -> serde_json::Value {
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut command = Command::new(super::skip::variable("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args([
        "metadata",
        "--offline",
        "--locked",
        "--format-version",
        "1",
        "--filter-platform",
        &platform,
    ]);
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo writes JSON")
}

/// A certificate for 127.0.0.1 that vouches for itself, with its key, in one file.
pub(crate) fn self_signed(folder: &Path) -> std::path::PathBuf {
    self_signed_with_key(folder, "ec -pkeyopt ec_paramgen_curve:prime256v1")
}

/// The same with the key that `openssl req -newkey` makes of the options.
pub(crate) fn self_signed_with_key(folder: &Path, key_options: &str) -> std::path::PathBuf {
    let (key, certificate, both) = (folder.join("key.pem"), folder.join("cert.pem"), folder.join("both.pem"));
    let options = "-nodes -days 2 -subj /CN=tested -addext subjectAltName=IP:127.0.0.1 \
                   -addext basicConstraints=critical,CA:FALSE";
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-newkey"]).args(key_options.split_whitespace());
    command.args(options.split_whitespace()).arg("-keyout").arg(&key).arg("-out").arg(&certificate);
    let output = command.output().expect("openssl runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read = |path| std::fs::read_to_string(path).expect("openssl wrote it");
    std::fs::write(&both, read(certificate) + &read(key)).expect("a file in our folder");
    both
}
