//! Gathers the facts, with a spinner on a terminal, and asks which instance to use where several run.

use std::io::IsTerminal;
use std::path::PathBuf;

use dialoguer::Select;

use super::progress::Progress;
use crate::act::runtime_state::preserve::PreservedRuntime;
use crate::commands::Context;
use crate::error::Failure;
use crate::facts::{Candidate, Facts, Known, RuntimeState};
use crate::gather::{self, Node, ProbeDepth};
use crate::plan::Ledger;
use crate::state::pending_confirmations::{self, PendingConfirmation};
use crate::timeouts;

/// Gathers the facts. Where several instances run and none was named, asks at the terminal which one to use.
pub(in crate::commands) fn gather_facts(context: &Context<'_>, node: &Node, effort: ProbeDepth) -> Facts {
    gather_with_runtime(context, node, effort).0
}

/// The same, with the values behind the state of the serving worker.
pub(in crate::commands) fn gather_with_runtime(
    context: &Context<'_>,
    node: &Node,
    effort: ProbeDepth,
) -> (Facts, Known<RuntimeState>) {
    let (facts, runtime) = gather_with_spinner(context, node, effort);
    let candidates = facts.candidates.seen().map(Vec::as_slice).unwrap_or_default();
    let open = facts.instance.seen().is_none() && candidates.len() > 1 && node.is_open();
    if !open || context.settings.names_a_socket() || !is_interactive(context) {
        return (facts, runtime);
    }
    match select_instance(candidates) {
        Some(pid) => gather_with_spinner(context, &Node::local_process(pid), effort),
        None => (facts, runtime),
    }
}

/// Keeps the runtime state that is to be put back; `remedy` is for a worker that did not answer.
pub(in crate::commands) fn preserve_runtime_state(
    context: &Context<'_>,
    facts: &Facts,
    runtime: Known<RuntimeState>,
    ledger: &Ledger,
    previous: &[PathBuf],
    remedy: &str,
) -> Result<PreservedRuntime, Failure> {
    PreservedRuntime::read(&context.settings, facts, runtime, ledger, previous)
        .map_err(|why| unread_runtime_state(&why, remedy))
}

/// What was not read cannot be put back.
pub(in crate::commands) fn unread_runtime_state(why: &str, remedy: &str) -> Failure {
    let error =
        anyhow::anyhow!("the worker's runtime state could not be read, so it could not be put back: {why}");
    Failure::unknown(error).with_remedy(remedy)
}

fn is_interactive(context: &Context<'_>) -> bool {
    !context.global.no_input && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

fn select_instance(candidates: &[Candidate]) -> Option<u32> {
    let lines: Vec<String> =
        candidates.iter().map(|c| crate::report::text::wrap::escape_control_chars(&c.describe())).collect();
    let chosen = Select::new().with_prompt("Which HAProxy").items(&lines).default(0).interact_opt();
    chosen.ok().flatten().map(|index| candidates[index].process.pid)
}

/// A reload that waits for its confirmation holds no lock, and still blocks every other change.
fn describe_pending_confirmation(context: &Context<'_>, facts: &Facts) -> Option<String> {
    let main = &facts.instance.seen()?.main;
    let pending = pending_confirmations::find_open_for_process(
        &context.settings.state_dir.value,
        main.pid,
        main.start_ticks,
    )?;
    let PendingConfirmation { id, who, .. } = pending;
    Some(format!("plan {id}, by {}, waits for `haguard confirm {id}`", who.name()))
}

fn gather_with_spinner(
    context: &Context<'_>,
    node: &Node,
    effort: ProbeDepth,
) -> (Facts, Known<RuntimeState>) {
    let (what, limit) = match effort {
        ProbeDepth::Read => ("asking HAProxy", context.settings.timeout.value),
        ProbeDepth::Rehearse | ProbeDepth::RehearseUnitStart => {
            ("asking HAProxy, rehearsing the next worker", timeouts::RELOAD)
        }
    };
    let progress = Progress::new(context);
    progress.step(what, limit);
    let (mut facts, runtime) = gather::gather_with_runtime(&context.settings, node, effort);
    drop(progress);
    if let Some(waiting) = describe_pending_confirmation(context, &facts) {
        facts.vitals.turn = Known::Seen(Some(waiting));
    }
    (facts, runtime)
}
