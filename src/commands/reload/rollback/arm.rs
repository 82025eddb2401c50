//! The way back of a reload that wants to be confirmed: found, tried and watched before anything is done.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

use super::job::RollbackRequest;
use crate::act::operation::{OperationResult, Outcome};
use crate::act::proof::Claim;
use crate::act::rollback::previous_config::{PreviousConfig, StagedConfig};
use crate::checks::{self, Finding};
use crate::clients::exec::background::BackgroundProcess;
use crate::commands::Context;
use crate::commands::operation::{gather_facts, journal_entry};
use crate::commands::reload::args::ReloadArgs;
use crate::config::{Origin, Settings, Sourced};
use crate::error::Failure;
use crate::exit::Exit;
use crate::facts::{Facts, Instance};
use crate::gather::{self, InstanceSelector, ProbeDepth};
use crate::plan::Plan;
use crate::report::ConfirmationRequest;
use crate::state::{journal, pending_confirmations};

/// A way back that was found.
#[derive(Debug)]
pub(in crate::commands::reload) struct PreparedRollback {
    within: Duration,
    previous: PreviousConfig,
    /// Whether it would come up.
    pub(in crate::commands::reload) finding: Finding,
}

/// Finds the configuration of before and tries it out; nothing where no confirmation is wanted.
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
        error: error.context("nobody could put its files back"),
        remedy: Some("reload without --confirm-within; the way back is then yours".to_owned()),
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
            "what {} loaded is not known any more, so there is no way back: its files were touched since",
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

const NO_PREVIOUS_CONFIG_HINT: &str = "name the files of before with --previous FILE; or run `haguard reload` once before editing, which \
                    keeps a copy of what it has proven";

fn absolute_paths(files: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let full = files.iter().map(|path| {
        std::fs::canonicalize(path).map_err(|error| {
            Failure::usage(anyhow::anyhow!("{}: {error}", path.display()))
                .with_remedy("give --previous a file that is on this host")
        })
    });
    full.collect()
}

/// As if the files of before were the ones to be loaded next.
fn rehearse_previous(
    context: &Context<'_>,
    previous: &PreviousConfig,
    instance: &Instance,
) -> Result<Finding, Failure> {
    let trial = StagedConfig::write(previous, &context.settings.state_dir.value, &instance.main)
        .map_err(|error| Failure::unknown(error.context("trying the configuration of before")))?;
    let config = Sourced { value: trial.files.clone(), origin: Origin::Flag("--previous") };
    let settings = Settings { config: Some(config), ..context.settings.clone() };
    let context = Context { settings, global: context.global, argv: Vec::new() };
    let facts =
        gather_facts::gather_facts(&context, &InstanceSelector::Pid(instance.main.pid), ProbeDepth::Rehearse);
    Ok(checks::rollback(&facts, &previous.source))
}

impl PreparedRollback {
    /// The plan with it.
    pub(in crate::commands::reload) fn add_to_plan(&self, plan: Plan) -> Plan {
        plan.with_rollback(&self.previous.rollback_description(self.within))
    }

    /// Lays the files by and starts the process that waits. It lives before anything is changed.
    pub(in crate::commands::reload) fn arm(
        &self,
        context: &Context<'_>,
        facts: &Facts,
        plan: &Plan,
    ) -> Result<ArmedRollback, Failure> {
        let global = context.global;
        let full = |path: &Option<PathBuf>| path.as_ref().and_then(|path| std::path::absolute(path).ok());
        let start = || {
            let copy = pending_confirmations::save_config_copy(
                &context.settings.state_dir.value,
                &plan.id,
                &self.previous.files,
            )?;
            let orders = RollbackRequest {
                config: full(&global.config),
                sockets: [full(&global.master_socket), full(&global.stats_socket)],
                timeout_ms: global.timeout.map(|limit| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX)),
                within_ms: u64::try_from(self.within.as_millis()).unwrap_or(u64::MAX),
                copy,
                source: self.previous.source.clone(),
                command: journal::redact(&context.argv),
                who: journal_entry::invoking_user(context),
                plan: plan.clone(),
                facts: facts.clone(),
            };
            BackgroundProcess::start(&serde_json::to_string(&orders)?)
        };
        match start() {
            Ok(watcher) => Ok(ArmedRollback {
                watcher: watcher.into(),
                within: self.within,
                source: self.previous.source.clone(),
            }),
            Err(error) => Err(Failure::unknown(error.context("nobody would go back, so nothing was done"))),
        }
    }
}

/// A way back that somebody watches.
#[derive(Debug)]
pub(in crate::commands::reload) struct ArmedRollback {
    watcher: std::cell::RefCell<BackgroundProcess>,
    within: Duration,
    source: String,
}

impl ArmedRollback {
    /// The order comes next; the watcher says that it is there.
    pub(in crate::commands::reload) fn announce_reload(&self) -> anyhow::Result<()> {
        self.watcher.borrow_mut().request("ordering").map(drop)
    }

    /// Tells the watcher how the reload ended. A change that nobody would undo is not what was asked for, and is said.
    pub(in crate::commands::reload) fn report_outcome(
        &self,
        plan: &Plan,
        done: &mut OperationResult,
    ) -> Option<ConfirmationRequest> {
        let mut watcher = self.watcher.borrow_mut();
        let word = match &done.outcome {
            Outcome::Proven | Outcome::Unproven(_) | Outcome::Stopped(_) => "changed".to_owned(),
            Outcome::Failed(_) => {
                let worker =
                    done.worker.map_or("the worker of before".to_owned(), |pid| format!("worker {pid}"));
                format!("void the reload failed, and {worker} serves as before")
            }
            // Nothing was ordered; this run's own end says why.
            _ => "unordered".to_owned(),
        };
        let answer = watcher.request(&word);
        if word != "changed" {
            return None;
        }
        let until = answer.and_then(|answer| Ok(answer.parse::<Timestamp>()?));
        let (pid, source) = (watcher.pid(), "the watcher's answer".to_owned());
        let both = ("alive".to_owned(), until.as_ref().map_or("gone".to_owned(), |_| "alive".to_owned()));
        let claim = format!("process {pid} waits for a confirmation");
        let claim = Claim::new(&claim, both, source, until.is_ok(), || {
            "nothing goes back by itself: the process that waits for a confirmation is gone".to_owned()
        });
        done.claims.push(claim);
        let Ok(until) = until else {
            done.outcome = Outcome::Unproven(String::new());
            return None;
        };
        let within = format!("{:?}", self.within);
        let command = format!("haguard confirm {}", plan.id);
        Some(ConfirmationRequest {
            id: plan.id.clone(),
            within,
            until,
            command,
            previous: self.source.clone(),
        })
    }
}
