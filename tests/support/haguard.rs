//! The program under test, in an environment of its own.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

use super::sandbox::Sandbox;
use super::{copied, run, skip};

/// haguard with an empty home and a state folder that vanish with it.
pub(crate) struct Haguard {
    home: TempDir,
    prefix: Vec<OsString>,
}

/// What a run left.
#[must_use = "look at what it said, or at its status"]
pub(crate) struct RunOutput {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Haguard {
    pub(crate) fn new() -> Self {
        // What a test writes into the state folder must be its owner's alone, as what haguard writes there is.
        rustix::process::umask(0o022.into());
        Haguard { home: run::scratch(), prefix: Vec::new() }
    }

    /// The same, seeing only the processes in there.
    pub(crate) fn inside(sandbox: &Sandbox) -> Self {
        Haguard { prefix: sandbox.prefix(), ..Self::new() }
    }

    /// The same, run through a program that executes it in the end.
    pub(crate) fn through(words: &[&str]) -> Self {
        Haguard { prefix: words.iter().map(OsString::from).collect(), ..Self::new() }
    }

    /// Its own folder; the journal is under `state`.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Writes a configuration file and returns its path.
    pub(crate) fn config(&self, text: &str) -> std::path::PathBuf {
        let path = self.home().join("haguard.toml");
        std::fs::write(&path, text).expect("the folder is writable");
        path
    }

    /// The command, to be run in a particular way.
    pub(crate) fn command(&self) -> Command {
        self.command_for(copied::haguard())
    }

    /// The same as a plain command, for a run that is not waited for.
    pub(crate) fn std_command(&self) -> std::process::Command {
        self.std_command_for(copied::haguard())
    }

    /// Another program as a plain command.
    #[expect(clippy::disallowed_methods, reason = "assert_cmd only starts what it waits for")]
    pub(crate) fn std_command_for(&self, program: &str) -> std::process::Command {
        let mut command = std::process::Command::new(program);
        command.env_clear().env("PATH", skip::variable("PATH").unwrap_or_default());
        command.env("HOME", self.home()).env("HAGUARD_STATE_DIR", self.home().join("state"));
        command.env(run::MARK, run::folder());
        command
    }

    /// Another program, where haguard would run.
    pub(crate) fn command_for(&self, program: &str) -> Command {
        let mut words = self.prefix.iter().cloned().chain([program.into()]);
        let mut command = Command::new(words.next().expect("a program at least"));
        command.args(words);
        command.env_clear().env("PATH", skip::variable("PATH").unwrap_or_default());
        command.env("HOME", self.home()).env("HAGUARD_STATE_DIR", self.home().join("state"));
        command.env(run::MARK, run::folder());
        command
    }

    /// Runs it.
    pub(crate) fn run(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> RunOutput {
        RunOutput::from_command(self.command().args(args))
    }

    /// Runs it with `-o json` about the HAProxy of this master socket.
    pub(crate) fn json(&self, command: &[&str], master_socket: &Path) -> Value {
        let socket = ["--master-socket", master_socket.to_str().expect("a plain path")];
        self.run(command.iter().copied().chain(socket).chain(["-o", "json"])).json()
    }
}

impl RunOutput {
    pub(crate) fn from_command(command: &mut Command) -> Self {
        let output = command.output().expect("haguard starts");
        RunOutput {
            status: output.status.code().expect("haguard ends by itself"),
            stdout: String::from_utf8(output.stdout).expect("haguard writes UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("haguard writes UTF-8"),
        }
    }

    /// The one document on stdout, checked against what every document has.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let document: Value = serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("no JSON document: {error}\n{self}"));
        assert_eq!(document["schema"], "haguard/1", "{self}");
        assert_eq!(document["exit"], self.status, "the document and the status differ: {self}");
        for key in ["command", "changed", "summary", "findings", "losses", "plan", "proof", "cost", "next"] {
            assert!(document.get(key).is_some(), "no `{key}` in {self}");
        }
        document
    }
}

impl fmt::Display for RunOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, stdout, stderr } = self;
        write!(f, "{stdout}------- stderr -------\n{stderr}[exit status: {status}]")
    }
}
