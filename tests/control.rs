//! Who keeps a HAProxy running, by the real managers: each is named where it and a second source agree, and what only
//! one source says is not believed.

mod containers;
mod guests;
mod lies;
mod logins;
mod nomad;
mod podman;
mod supervisors;
mod terminals;

use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::configs;
use crate::support::haguard::Haguard;
use crate::support::haproxy::{self, Branch};
use crate::support::ports::{self, Port};
use crate::support::process::{self, on_path};
use crate::support::wait::wait_for;

/// What is needed to start a HAProxy, for a manager that does it.
struct ManagedHaproxy {
    dir: TempDir,
    binary: PathBuf,
    _port: Port,
}

impl ManagedHaproxy {
    /// Everything is written, nothing started.
    fn new(branch: Branch) -> Self {
        let binary = haproxy::binary(branch);
        let dir = TempDir::with_prefix("hag").unwrap();
        let port = ports::free();
        let web = configs::more(format!("127.0.0.1:{}", port.number));
        let text = configs::whole(dir.path().to_str().unwrap(), &web);
        std::fs::write(dir.path().join("haproxy.cfg"), text).unwrap();
        ManagedHaproxy { dir, binary, _port: port }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn socket(&self) -> PathBuf {
        self.path("master.sock")
    }

    /// The command that starts it in the foreground.
    fn command(&self) -> String {
        let (binary, dir) = (self.binary.display(), self.dir.path().display());
        format!("{binary} -W -S {dir}/master.sock -f {dir}/haproxy.cfg")
    }

    /// Waits until the master lists a worker that answers; the master's number.
    #[track_caller]
    fn started(&self) -> u64 {
        wait_for("HAProxy serves under its manager", || {
            haproxy::ask(&self.path("admin.sock"), "show info").ok()?;
            let table = haproxy::ask(&self.socket(), "show proc").ok()?;
            let line = table.lines().find(|line| line.split_whitespace().nth(1) == Some("master"))?;
            line.split_whitespace().next()?.parse().ok()
        })
    }

    /// What haguard says of who controls it.
    #[track_caller]
    fn control(&self) -> Value {
        control(&Haguard::new(), &self.socket())
    }
}

/// Ends a server that left its parent.
struct KillOnDrop(u32);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        process::kill(self.0);
        process::wait_gone(self.0);
    }
}

/// What haguard says of who controls the HAProxy behind this master socket.
#[track_caller]
fn control(haguard: &Haguard, socket: &Path) -> Value {
    let document = haguard.json(&["inspect"], socket);
    let control = &document["facts"]["instance"]["seen"]["control"];
    assert!(control["certainty"].is_string(), "{document:#}");
    control.clone()
}

/// Two sources agree on a controller of this kind; the controller.
#[track_caller]
fn proven<'a>(control: &'a Value, kind: &str) -> &'a Value {
    assert_eq!(
        (&control["certainty"], &control["controller"]["kind"]),
        (&"proven".into(), &kind.into()),
        "{control:#}"
    );
    assert!(control["evidence"].as_array().unwrap().len() >= 2, "{control:#}");
    &control["controller"]
}

#[track_caller]
fn why(control: &Value, certainty: &str) -> String {
    assert_eq!(control["certainty"], certainty, "{control:#}");
    control["why"].as_str().unwrap().to_owned()
}

/// What is seen of one HAProxy of this host among all that run.
#[track_caller]
fn candidate(haguard: &Haguard, env: &[(&str, &str)], pid: u32) -> Value {
    let mut command = haguard.command();
    command.args(["inspect", "-o", "json"]).envs(env.iter().copied());
    let document = crate::support::haguard::RunOutput::from_command(&mut command).json();
    let all = document["facts"]["candidates"]["seen"].as_array().unwrap();
    let found = all.iter().find(|candidate| candidate["process"]["pid"] == pid);
    found.unwrap_or_else(|| panic!("PID {pid} is not among {document:#}")).clone()
}

/// Where these programs are; the test requires them.
fn programs<const N: usize>(names: [&str; N]) -> [PathBuf; N] {
    names.map(|name| on_path(name).unwrap())
}
