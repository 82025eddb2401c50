//! One look at the host, with a sign of life on a terminal and a question where two instances could be meant.

use std::io::IsTerminal;
use std::time::Duration;

use dialoguer::Select;
use indicatif::{ProgressBar, ProgressStyle};

use crate::commands::Context;
use crate::facts::{Candidate, Facts, Known};
use crate::gather::{self, Aim, Effort};
use crate::state::pending_confirmations;

/// Looks, and asks which HAProxy is meant where that is open and somebody is there to answer.
pub(in crate::commands) fn look(context: &Context<'_>, aim: &Aim, effort: Effort) -> Facts {
    let facts = watched(context, aim, effort);
    let candidates = facts.candidates.seen().map(Vec::as_slice).unwrap_or_default();
    let open = facts.instance.seen().is_none() && candidates.len() > 1 && *aim == Aim::Any;
    let said = context.settings.master_socket.is_some() || context.settings.stats_socket.is_some();
    if !open || said || !somebody_is_there(context) {
        return facts;
    }
    match ask(candidates) {
        Some(pid) => watched(context, &Aim::Pid(pid), effort),
        None => facts,
    }
}

fn somebody_is_there(context: &Context<'_>) -> bool {
    !context.global.no_input && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

fn ask(candidates: &[Candidate]) -> Option<u32> {
    let lines: Vec<String> =
        candidates.iter().map(|c| crate::report::text::wrap::tame(&c.describe())).collect();
    let chosen = Select::new().with_prompt("Which HAProxy is meant").items(&lines).default(0).interact_opt();
    chosen.ok().flatten().map(|index| candidates[index].process.pid)
}

/// A reload that waits for its confirmation holds no lock, and still has its turn.
fn waiting(context: &Context<'_>, facts: &Facts) -> Option<String> {
    let main = &facts.instance.seen()?.main;
    let pending = pending_confirmations::of(&context.settings.state_dir.value, main.pid, main.start_ticks)?;
    Some(format!(
        "plan {}, by {}, waits for `haguard confirm {}`",
        pending.id,
        pending.who.name(),
        pending.id
    ))
}

fn watched(context: &Context<'_>, aim: &Aim, effort: Effort) -> Facts {
    let (what, limit) = match effort {
        Effort::Read => ("asking HAProxy", context.settings.timeout.value),
        Effort::Rehearse | Effort::Restart => {
            ("asking HAProxy, rehearsing the next worker", gather::PATIENCE)
        }
    };
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
        bar.set_style(style);
    }
    bar.set_message(format!("{what} (at most {limit:?})"));
    if context.global.verbose == 0 && std::io::stderr().is_terminal() {
        bar.enable_steady_tick(Duration::from_millis(120));
    }
    let mut facts = gather::look(&context.settings, aim, effort);
    bar.finish_and_clear();
    if let Some(waiting) = waiting(context, &facts) {
        facts.vitals.turn = Known::Seen(Some(waiting));
    }
    facts
}
