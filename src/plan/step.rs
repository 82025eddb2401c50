//! One step of a plan: typed, so that what is shown for consent is what is carried out.

use serde::de::IntoDeserializer;
use serde::de::value::{Error, StrDeserializer};
use serde::{Deserialize, Serialize};

use super::losses::LossKind;
use crate::label::display_serde_name;

/// One step. Its document has the four words of the public contract: `action`, `object`, `how` and `reason`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "StepDocument", try_from = "StepDocument")]
pub struct Step {
    /// What is done, and by which method.
    pub action: Action,
    /// To what.
    pub object: String,
    /// Why, or what the result is.
    pub reason: String,
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Writes the files and the runtime state into a snapshot.
    SaveSnapshot,
    /// Keeps a copy of the configuration that the verified worker loaded.
    SaveLoadedConfig,
    /// Asks the master for a new worker.
    Reload(ReloadMethod),
    /// Ends HAProxy and starts it again.
    Restart(RestartBy),
    /// Sets aside the guard of a unit, by a drop-in under /run.
    OverrideGuard,
    /// Removes that drop-in again.
    RestoreGuard,
    /// HAProxy does it itself while it loads the files: a proxy or a server comes or goes.
    Load(Verb),
    /// Puts one object of the runtime state into the new worker.
    RestoreRuntime(LossKind),
    /// Compares the result with the plan.
    Verify,
    /// Writes the guard's drop-in.
    WriteDropIn,
    /// Removes the guard's drop-in.
    RemoveDropIn,
    /// Makes systemd read its files again.
    DaemonReload,
    /// Puts a file back when no confirmation came; the rollback timer carries it out.
    RollBackFile,
    /// Reloads when no confirmation came; the rollback timer carries it out.
    RollBackReload,
}

/// How a master is asked for a new worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReloadMethod {
    /// By the command `reload` on the master's socket.
    MasterCli,
    /// By SIGUSR2 to the verified master.
    Signal,
}

/// What restarts HAProxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestartBy {
    /// By `systemctl restart`.
    Systemd,
    /// By the API of Docker or Podman.
    Docker,
    /// By SIGTERM to the verified process, and its own command line.
    Process,
}

/// The public name of what a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// Something is created.
    Add,
    /// Something becomes different.
    Change,
    /// Something is deleted.
    Remove,
    /// The master is asked for a new worker.
    Reload,
    /// HAProxy is ended, and started again.
    Restart,
    /// The result is compared with the plan.
    Prove,
    /// A copy is kept.
    Keep,
    /// Something is put back as it was.
    Restore,
}

display_serde_name!(Verb);

/// The public name of the method of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepMethod {
    /// Over the runtime socket, without a reload.
    Runtime,
    /// By the configuration that the new worker loads.
    Structural,
    /// By the command `reload` on the master's socket.
    MasterCli,
    /// By SIGUSR2 to the verified master.
    Signal,
    /// By the API of Docker or Podman.
    Docker,
    /// By SIGTERM to the verified process, and its own command line.
    Process,
    /// By looking.
    Look,
    /// By writing to haguard's own state folder.
    State,
    /// By writing or removing a file.
    File,
    /// By systemctl.
    Systemd,
    /// By a process that waits for `haguard confirm`, when none came.
    UnlessConfirmed,
}

display_serde_name!(StepMethod);

/// What systemd is called in the step that makes it read its files again.
const SYSTEMD: &str = "systemd";
/// What the snapshot is called in its step.
const SNAPSHOT: &str = "a snapshot";

impl Action {
    /// The public names of what is done and of its method.
    pub fn names(self) -> (Verb, StepMethod) {
        match self {
            Action::SaveSnapshot | Action::SaveLoadedConfig => (Verb::Keep, StepMethod::State),
            Action::Reload(ReloadMethod::MasterCli) => (Verb::Reload, StepMethod::MasterCli),
            Action::Reload(ReloadMethod::Signal) => (Verb::Reload, StepMethod::Signal),
            Action::Restart(RestartBy::Systemd) => (Verb::Restart, StepMethod::Systemd),
            Action::Restart(RestartBy::Docker) => (Verb::Restart, StepMethod::Docker),
            Action::Restart(RestartBy::Process) => (Verb::Restart, StepMethod::Process),
            Action::OverrideGuard | Action::DaemonReload => (Verb::Change, StepMethod::Systemd),
            Action::RestoreGuard => (Verb::Restore, StepMethod::Systemd),
            Action::Load(verb) => (verb, StepMethod::Structural),
            Action::RestoreRuntime(_) => (Verb::Change, StepMethod::Runtime),
            Action::Verify => (Verb::Prove, StepMethod::Look),
            Action::WriteDropIn => (Verb::Add, StepMethod::File),
            Action::RemoveDropIn => (Verb::Remove, StepMethod::File),
            Action::RollBackFile => (Verb::Restore, StepMethod::UnlessConfirmed),
            Action::RollBackReload => (Verb::Reload, StepMethod::UnlessConfirmed),
        }
    }

    /// It is carried out only when no confirmation came.
    pub fn is_rollback(self) -> bool {
        matches!(self, Action::RollBackFile | Action::RollBackReload)
    }

    /// The action of a step whose document has these names and this object.
    fn from_names(verb: Verb, method: StepMethod, object: &str) -> Option<Self> {
        Some(match (verb, method) {
            (Verb::Keep, StepMethod::State) if object == SNAPSHOT => Action::SaveSnapshot,
            (Verb::Keep, StepMethod::State) => Action::SaveLoadedConfig,
            (Verb::Reload, StepMethod::MasterCli) => Action::Reload(ReloadMethod::MasterCli),
            (Verb::Reload, StepMethod::Signal) => Action::Reload(ReloadMethod::Signal),
            (Verb::Restart, StepMethod::Systemd) => Action::Restart(RestartBy::Systemd),
            (Verb::Restart, StepMethod::Docker) => Action::Restart(RestartBy::Docker),
            (Verb::Restart, StepMethod::Process) => Action::Restart(RestartBy::Process),
            (Verb::Change, StepMethod::Systemd) if object == SYSTEMD => Action::DaemonReload,
            (Verb::Change, StepMethod::Systemd) => Action::OverrideGuard,
            (Verb::Restore, StepMethod::Systemd) => Action::RestoreGuard,
            (verb, StepMethod::Structural) => Action::Load(verb),
            (Verb::Change, StepMethod::Runtime) => {
                let kind: StrDeserializer<'_, Error> = object.split(' ').next()?.into_deserializer();
                Action::RestoreRuntime(LossKind::deserialize(kind).ok()?)
            }
            (Verb::Prove, StepMethod::Look) => Action::Verify,
            (Verb::Add, StepMethod::File) => Action::WriteDropIn,
            (Verb::Remove, StepMethod::File) => Action::RemoveDropIn,
            (Verb::Restore, StepMethod::UnlessConfirmed) => Action::RollBackFile,
            (Verb::Reload, StepMethod::UnlessConfirmed) => Action::RollBackReload,
            _ => return None,
        })
    }
}

impl Step {
    /// A step.
    pub(super) fn new(action: Action, object: impl Into<String>, reason: impl Into<String>) -> Self {
        Step { action, object: object.into(), reason: reason.into() }
    }

    /// The step that puts one object of the runtime state back.
    pub(super) fn restore_runtime(kind: LossKind, object: &str) -> Self {
        let object = format!("{kind} {object}");
        Step::new(Action::RestoreRuntime(kind), object, "set at run time; it is put back")
    }

    /// The step that writes a snapshot.
    pub(super) fn save_snapshot(reason: String) -> Self {
        Step::new(Action::SaveSnapshot, SNAPSHOT, reason)
    }

    /// The step that makes systemd read its files again.
    pub(super) fn daemon_reload() -> Self {
        let reason = "daemon-reload: it reads every unit's files again, and starts or stops nothing";
        Step::new(Action::DaemonReload, SYSTEMD, reason)
    }

    /// What the step puts back, where it puts back one object of the runtime state.
    pub fn restored_runtime(&self) -> Option<(LossKind, &str)> {
        match self.action {
            Action::RestoreRuntime(kind) => {
                Some((kind, self.object.strip_prefix(&kind.to_string())?.trim_start_matches(' ')))
            }
            _ => None,
        }
    }
}

/// A step as it stands in documents and in the plans that were shown.
#[derive(Serialize, Deserialize)]
struct StepDocument {
    action: Verb,
    object: String,
    how: StepMethod,
    reason: String,
}

impl From<Step> for StepDocument {
    fn from(Step { action, object, reason }: Step) -> Self {
        let (verb, how) = action.names();
        StepDocument { action: verb, object, how, reason }
    }
}

impl TryFrom<StepDocument> for Step {
    type Error = String;

    fn try_from(document: StepDocument) -> Result<Self, String> {
        let StepDocument { action, object, how, reason } = document;
        let known = Action::from_names(action, how, &object);
        let action = known.ok_or_else(|| format!("no step is called {action} by {how}"))?;
        Ok(Step { action, object, reason })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_comes_back_from_its_document() {
        let mut steps: Vec<Step> = [
            Action::SaveLoadedConfig,
            Action::Reload(ReloadMethod::MasterCli),
            Action::Reload(ReloadMethod::Signal),
            Action::Restart(RestartBy::Systemd),
            Action::Restart(RestartBy::Docker),
            Action::Restart(RestartBy::Process),
            Action::OverrideGuard,
            Action::RestoreGuard,
            Action::Load(Verb::Add),
            Action::Load(Verb::Remove),
            Action::Verify,
            Action::WriteDropIn,
            Action::RemoveDropIn,
            Action::RollBackFile,
            Action::RollBackReload,
        ]
        .map(|action| Step::new(action, "x", "y"))
        .into();
        steps.extend([Step::save_snapshot("z".to_owned()), Step::daemon_reload()]);
        steps.push(Step::restore_runtime(LossKind::MapEntry, "/etc/a.map key"));
        for step in steps {
            let text = serde_json::to_string(&step).unwrap();
            assert_eq!(serde_json::from_str::<Step>(&text).unwrap(), step, "{text}");
        }
    }

    #[test]
    fn a_document_has_the_words_of_the_contract() {
        let step = Step::restore_runtime(LossKind::ServerWeight, "web/s1");
        let document = serde_json::to_value(&step).unwrap();
        let expected = serde_json::json!({
            "action": "change", "object": "server-weight web/s1", "how": "runtime",
            "reason": "set at run time; it is put back"
        });
        assert_eq!(document, expected);
        assert_eq!(step.restored_runtime(), Some((LossKind::ServerWeight, "web/s1")));
        let odd = serde_json::json!({"action": "restart", "object": "x", "how": "file", "reason": ""});
        let error = serde_json::from_value::<Step>(odd).unwrap_err().to_string();
        assert!(error.contains("no step is called restart by file"), "{error}");
    }
}
