//! What a reload would lose, held over it: read from the old worker, put back into the new one.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use super::replay::{self, ReplayResult};
use crate::act::consent::ClearedPlan;
use crate::act::operation::{OperationContext, OperationResult};
use crate::act::proof::{self, Claim};
use crate::act::rollback::previous_config::PreviousConfig;
use crate::clients::haproxy::runtime::WorkerChannel;
use crate::config::Settings;
use crate::facts::{Facts, Instance, Known, LoadedConfig, RuntimeState};
use crate::gather;
use crate::gather::haproxy::loaded_config;
use crate::gather::haproxy::runtime_state::{add_private_keys, read_runtime_state, worker_channel};
use crate::known::Unknown;
use crate::plan::replay::{ReplayPreview, preview_replay};
use crate::plan::{self, Ledger, LossKind, Plan};
use crate::state::loaded_configs;
use crate::time::Deadline;
use crate::timeouts;

/// What is held.
#[derive(Debug)]
pub struct PreservedRuntime {
    held: RuntimeState,
    loaded: LoadedConfig,
    certificates: Vec<String>,
    previews: Vec<ReplayPreview>,
}

impl PreservedRuntime {
    /// Keeps what was read of the serving worker, and reads what was not: the private keys of the certificates that would
    /// be lost, and the configuration that the worker loaded. `previous` names a copy of that, file by file, where there
    /// is one.
    ///
    /// # Errors
    /// When it is not known which worker that is, or it could not be asked.
    pub fn read(
        settings: &Settings,
        facts: &Facts,
        held: Known<RuntimeState>,
        ledger: &Ledger,
        previous: &[PathBuf],
    ) -> Result<Self, String> {
        let instance = facts.instance.seen().ok_or("what runs here is not known")?;
        let lost = ledger.lines.iter().filter(|line| line.kind == LossKind::Certificate);
        let certificates: Vec<String> = lost.map(|line| line.object.clone()).collect();
        let mut held = Result::from(held).map_err(|unknown: Unknown| unknown.why)?;
        if !certificates.is_empty() {
            let channel = serving_channel(settings, instance, &Arc::default())?;
            add_private_keys(&channel, &mut held, &certificates);
        }
        let copy = match previous {
            // A copy that cannot be read tells nothing, like one that is not there.
            [] => loaded_configs::find_for_serving_worker(&settings.state_dir.value, instance)
                .ok()
                .flatten()
                .map(|kept| kept.files),
            given => {
                Some(PreviousConfig::from_paths(facts, given).map_err(|error| format!("{error:#}"))?.files)
            }
        };
        let copy = copy.and_then(|files| gather::parse_model(settings, &instance.main, &files));
        let loaded = loaded_config::loaded_config(facts, &held, copy.as_ref());
        let previews = preview_replay(ledger, &held, &facts.next, &loaded);
        Ok(PreservedRuntime { held, loaded, certificates, previews })
    }

    /// Nothing that the worker holds was left unread: what was not read could not be put back, and would be lost unnamed.
    ///
    /// # Errors
    /// The part that could not be read, and why.
    pub fn require_complete(&self) -> Result<(), String> {
        let RuntimeState { proxies: _, backends, servers, lists, certificates, tables } = &self.held;
        let parts = [
            ("backends", backends.why()),
            ("servers", servers.why()),
            ("maps and ACLs", lists.why()),
            ("certificates", certificates.why()),
            ("stick tables", tables.why()),
        ];
        let unread = parts.into_iter().find_map(|(part, why)| Some(format!("{part}: {}", why?)));
        unread.map_or(Ok(()), Err)
    }

    /// The same for a restart, which loses more than a reload.
    #[must_use]
    pub fn for_restart(mut self, ledger: &Ledger) -> Self {
        self.previews.extend(plan::restart::restart_only_losses(ledger));
        self
    }

    /// What would be put back, and what would not and why: for the plan.
    pub fn previews(&self) -> &[ReplayPreview] {
        &self.previews
    }

    /// What was held when the plan was made.
    pub(in crate::act) fn runtime_state(&self) -> &RuntimeState {
        &self.held
    }

    /// The same of this moment: what a connector added since the plan was made is held too.
    pub fn read_again(
        &self,
        settings: &Settings,
        facts: &Facts,
        calls: &Arc<AtomicU32>,
    ) -> Option<RuntimeState> {
        let channel = serving_channel(settings, facts.instance.seen()?, calls).ok()?;
        let mut held = read_runtime_state(&channel);
        add_private_keys(&channel, &mut held, &self.certificates);
        Some(held)
    }

    /// Puts the runtime state into `worker`, whatever signal came meanwhile: without it a server that was taken out of
    /// service would be in service again. An object of the plan's preview is put back where a step of `cleared` says so;
    /// what was set since the plan was made is put back too.
    pub(in crate::act) fn restore(
        &self,
        done: &mut OperationResult,
        fresh: Option<&RuntimeState>,
        (instance, worker): (&Instance, u32),
        cleared: &ClearedPlan<'_>,
        run: &OperationContext<'_>,
        calls: &Arc<AtomicU32>,
    ) -> Claim {
        (run.progress)("put back: the new worker gets the runtime state", timeouts::REPLAY);
        if let Err(error) = run.steps.begin("put-back") {
            done.notes.push(format!("the journal could not be written: {error:#}"));
        }
        let deadline = Deadline::after(timeouts::REPLAY);
        let returned = match worker_channel(run.settings, instance, worker, deadline, calls) {
            Known::Unknown { why } => Err(why),
            Known::Seen(channel) => {
                let writer = channel.writer(cleared.clearance());
                let wanted = |kind, object: &str| self.is_wanted(cleared.plan(), kind, object);
                Ok(replay::replay_into(fresh.unwrap_or(&self.held), &self.loaded, writer, &wanted))
            }
        };
        let claim = self.replay_claim(&returned, worker);
        run.steps.end("put-back", claim.broken.as_deref().unwrap_or(&claim.proof.after));
        done.returned = returned.unwrap_or_default();
        done.finished.push("put-back");
        claim
    }

    /// A step of the plan puts it back, or the plan does not know it yet.
    fn is_wanted(&self, plan: &Plan, kind: LossKind, object: &str) -> bool {
        let previewed = self
            .previews
            .iter()
            .any(|line| line.how.is_some() && (line.kind, line.object.as_str()) == (kind, object));
        !previewed || plan.steps.iter().any(|step| step.restored_runtime() == Some((kind, object)))
    }

    /// The proof that everything is back that the plan said would be; what it said cannot come back is no failure.
    fn replay_claim(&self, returned: &Result<Vec<ReplayResult>, String>, worker: u32) -> Claim {
        let title = "what was lost is put back";
        let source = format!("the sockets of worker {worker}, before and after the replay");
        let returned = match returned {
            Ok(returned) => returned,
            Err(why) => {
                let both = ("known".to_owned(), "unknown".to_owned());
                return Claim::new(title, both, source, false, || format!("nothing was put back: {why}"));
            }
        };
        let foreseen = |one: &&ReplayResult| {
            !self
                .previews
                .iter()
                .any(|told| told.how.is_none() && (told.kind, &told.object) == (one.kind, &one.object))
        };
        let missing: Vec<String> = returned
            .iter()
            .filter(|one| !one.returned)
            .filter(foreseen)
            .map(|one| format!("{} {} ({})", one.kind, one.object, one.why.as_deref().unwrap_or("no reason")))
            .collect();
        let back = returned.iter().filter(|one| one.returned).count();
        let both = (returned.len().to_string(), format!("{back} back"));
        Claim::new(title, both, source, missing.is_empty(), || {
            format!("not put back: {}", proof::join_limited(&missing))
        })
    }
}

fn serving_channel(
    settings: &Settings,
    instance: &Instance,
    calls: &Arc<AtomicU32>,
) -> Result<WorkerChannel, String> {
    let channel = || -> Result<WorkerChannel, Unknown> {
        let serving = *instance.serving.get()?;
        worker_channel(settings, instance, serving, Deadline::after(timeouts::REPLAY), calls).into()
    };
    channel().map_err(|unknown| unknown.why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_was_not_read_is_named() {
        let held = RuntimeState {
            backends: Known::Seen(Vec::new()),
            servers: Known::Seen(Vec::new()),
            certificates: Known::Seen(Vec::new()),
            tables: Known::Seen(Vec::new()),
            ..RuntimeState::unknown("two names for one file")
        };
        let preserved = |held| PreservedRuntime {
            held,
            loaded: LoadedConfig::unknown("not asked"),
            certificates: Vec::new(),
            previews: Vec::new(),
        };
        let whole = RuntimeState { lists: Known::Seen(Vec::new()), ..held.clone() };
        assert_eq!(preserved(whole).require_complete(), Ok(()));
        let unread = preserved(held).require_complete().unwrap_err();
        assert_eq!(unread, "maps and ACLs: two names for one file");
    }
}
