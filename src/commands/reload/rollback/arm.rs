//! The rollback of a reload that must be confirmed: its files are found and tried, and its timer is started, before
//! anything is done.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;

use super::TimerRequest;
use crate::act::operation::{OperationResult, Outcome};
use crate::act::proof::Claim;
use crate::act::rollback::previous_config::{PreviousConfig, StagedConfig};
use crate::checks::{self, Finding};
use crate::clients::exec::background;
use crate::clients::linux;
use crate::commands::Context;
use crate::commands::operation::{gather_facts, journal_entry};
use crate::commands::reload::args::ReloadArgs;
use crate::config::{Origin, Settings, Sourced};
use crate::error::Failure;
use crate::exit::Exit;
use crate::facts::{Facts, Instance};
use crate::gather::{self, Node, ProbeDepth};
use crate::plan::Plan;
use crate::report::ConfirmationRequest;
use crate::state::journal;
use crate::state::pending_confirmations::{self, ConfirmationState, PendingConfirmation};
use crate::time;

/// A rollback that can be armed.
#[derive(Debug)]
pub(in crate::commands::reload) struct PreparedRollback {
    within: Duration,
    previous: PreviousConfig,
    /// Whether it would come up.
    pub(in crate::commands::reload) finding: Finding,
}

/// Finds the previous configuration and tries it out; none where no confirmation is wanted.
pub(in crate::commands::reload) fn prepare(
    args: &ReloadArgs,
    context: &Context<'_>,
    facts: &Facts,
    instance: &Instance,
) -> Result<Option<PreparedRollback>, Failure> {
    let Some(within) = args.confirm_within else { return Ok(None) };
    // They would be written by their names, and a file that is mounted alone cannot be replaced at all.
    gather::require_host_files(&instance.main, &facts.config.files).map_err(|error| Failure {
        exit: Exit::Refused,
        error: error.context("its files could not be put back"),
        remedy: Some("reload without --confirm-within, and undo it yourself if need be".to_owned()),
    })?;
    let given = absolute_paths(&args.previous)?;
    let state_dir = &context.settings.state_dir.value;
    let found = PreviousConfig::find(state_dir, facts, &given).map_err(|error| match given.is_empty() {
        true => Failure { exit: Exit::Refused, error, remedy: Some(NO_PREVIOUS_CONFIG_HINT.to_owned()) },
        false => Failure::usage(error)
            .with_remedy("give --previous once for each file, in the order HAProxy loads them"),
    })?;
    let previous = found.ok_or_else(|| {
        let why = format!(
            "the files of {} were changed since it loaded them, and haguard has no copy of what it loaded, so this reload could not \
             be rolled back",
            instance.title()
        );
        Failure {
            exit: Exit::Refused,
            error: anyhow::anyhow!(why),
            remedy: Some(NO_PREVIOUS_CONFIG_HINT.to_owned()),
        }
    })?;
    let finding = match previous.on_disk {
        // It is the configuration that this reload loads, which has been tried already.
        true => checks::rollback(facts, &previous.source),
        false => rehearse_previous(context, &previous, instance)?,
    };
    Ok(Some(PreparedRollback { within, previous, finding }))
}

const NO_PREVIOUS_CONFIG_HINT: &str = "name the previous files with --previous FILE; or run `haguard reload` once before \
                                       editing, which keeps a copy of what it has proven";

fn absolute_paths(files: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let full = files.iter().map(|path| {
        std::fs::canonicalize(path).map_err(|error| {
            Failure::usage(anyhow::anyhow!("{}: {error}", path.display()))
                .with_remedy("give --previous a file that is on this host")
        })
    });
    full.collect()
}

/// As if the previous files were the ones to be loaded next.
fn rehearse_previous(
    context: &Context<'_>,
    previous: &PreviousConfig,
    instance: &Instance,
) -> Result<Finding, Failure> {
    let trial = StagedConfig::write(previous, &context.settings.state_dir.value, &instance.main)
        .map_err(|error| Failure::unknown(error.context("trying the previous configuration")))?;
    let config = Sourced { value: trial.files.clone(), origin: Origin::Flag("--previous") };
    let settings = Settings { config: Some(config), ..context.settings.clone() };
    let context = Context { settings, global: context.global, argv: Vec::new() };
    let facts =
        gather_facts::gather_facts(&context, &Node::local_process(instance.main.pid), ProbeDepth::Rehearse);
    Ok(checks::rollback(&facts, &previous.source))
}

impl PreparedRollback {
    /// The plan with its rollback.
    pub(in crate::commands::reload) fn add_to_plan(&self, plan: Plan) -> Plan {
        plan.with_rollback(&self.previous.rollback_description(self.within))
    }

    /// Keeps the files and starts the timer. It runs before anything is changed.
    pub(in crate::commands::reload) fn arm(
        &self,
        context: &Context<'_>,
        facts: &Facts,
        plan: &Plan,
    ) -> Result<ArmedRollback, Failure> {
        let state_dir = &context.settings.state_dir.value;
        let pid = self.start_timer(context, facts, plan).map_err(|error| {
            pending_confirmations::remove_config_copy(state_dir, &plan.id);
            Failure::unknown(error.context("the rollback timer could not be started; nothing was changed"))
        })?;
        let source = self.previous.source.clone();
        Ok(ArmedRollback { state_dir: state_dir.clone(), pid, within: self.within, source })
    }

    fn start_timer(&self, context: &Context<'_>, facts: &Facts, plan: &Plan) -> anyhow::Result<u32> {
        let (global, state_dir) = (context.global, &context.settings.state_dir.value);
        let full = |path: &Option<PathBuf>| path.as_ref().and_then(|path| std::path::absolute(path).ok());
        let milliseconds = |limit: Duration| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        let instance = facts.instance.seen().context("which HAProxy is reloaded is not known")?;
        let me = std::process::id();
        let started = linux::process(me)?.start_ticks.context("when haguard started is not known")?;
        let pending = PendingConfirmation {
            id: plan.id.clone(),
            target: instance.title(),
            main_pid: instance.main.pid,
            main_start: instance.main.start_ticks,
            sockets: [full(&global.master_socket), full(&global.stats_socket)],
            command: journal::redact(&context.argv),
            who: journal_entry::invoking_user(context),
            begun: time::now(),
            within_ms: milliseconds(self.within),
            ordered: None,
            until: None,
            copy: pending_confirmations::save_config_copy(state_dir, &plan.id, &self.previous.files)?,
            source: self.previous.source.clone(),
            // The timer writes itself down.
            watcher: (0, None),
            state: ConfirmationState::Waiting,
        };
        let request = TimerRequest {
            config: full(&global.config),
            timeout_ms: global.timeout.map(milliseconds),
            parent: (me, started),
            pending,
            plan: plan.clone(),
            facts: facts.clone(),
        };
        background::start(&serde_json::to_string(&request)?)
    }
}

/// A rollback whose timer runs.
#[derive(Debug)]
pub(in crate::commands::reload) struct ArmedRollback {
    state_dir: PathBuf,
    pid: u32,
    within: Duration,
    source: String,
}

impl ArmedRollback {
    /// The order comes next. Where the timer has ended it must not be given.
    pub(in crate::commands::reload) fn announce_reload(&self, plan: &Plan) -> anyhow::Result<()> {
        pending_confirmations::mark_ordered(&self.state_dir, &plan.id)
    }

    /// Records how the reload ended. Where no timer runs any more to undo it, the claim about it is broken.
    pub(in crate::commands::reload) fn report_outcome(
        &self,
        plan: &Plan,
        done: &mut OperationResult,
    ) -> Option<ConfirmationRequest> {
        let close = |why: &str, in_journal| {
            let closed =
                pending_confirmations::close_without_confirmation(&self.state_dir, &plan.id, why, in_journal);
            if let Err(error) = closed {
                tracing::warn!("the rollback timer finds out by itself how this ended: {error:#}");
            }
            None
        };
        match &done.outcome {
            Outcome::Proven | Outcome::Unproven | Outcome::Stopped(_) => {
                self.request_confirmation(plan, done)
            }
            Outcome::Failed => {
                let worker =
                    done.worker.map_or("the previous worker".to_owned(), |pid| format!("worker {pid}"));
                close(&format!("the reload failed, and {worker} still serves"), true)
            }
            // Nothing was ordered; this run's own end says why.
            _ => close("the reload was not ordered", false),
        }
    }

    fn request_confirmation(&self, plan: &Plan, done: &mut OperationResult) -> Option<ConfirmationRequest> {
        let until = pending_confirmations::start_timer(&self.state_dir, &plan.id, self.within);
        let both = ("alive".to_owned(), until.as_ref().map_or("gone".to_owned(), |_| "alive".to_owned()));
        let source = "/proc and the file of the confirmation".to_owned();
        let claim = format!("process {} waits for a confirmation", self.pid);
        done.claims.push(Claim::new(&claim, both, source, until.is_ok(), || {
            let why = until.as_ref().err().map(|error| format!("{error:#}")).unwrap_or_default();
            format!("this reload is not rolled back automatically: {why}")
        }));
        let Ok(until) = until else {
            done.outcome = Outcome::Unproven;
            return None;
        };
        Some(ConfirmationRequest {
            id: plan.id.clone(),
            within: format!("{:?}", self.within),
            until,
            command: format!("haguard confirm {}", plan.id),
            previous: self.source.clone(),
        })
    }
}
