//! Puts back what a reload lost, and proves each thing by reading the worker again.

use super::commands;

use std::collections::HashMap;

use crate::clients::haproxy::runtime::RuntimeWriter;
use crate::facts::{LoadedConfig, RuntimeState};
use crate::gather::haproxy::runtime_state::read_runtime_state;
use crate::plan::LossKind;
pub use crate::plan::replay::ReplayResult;
use crate::plan::replay::{Replay, ReplayItem, ReplayStep, ReplayVerdict, ServerStep, replay};

/// Brings the worker behind `channel` to where the old one was. A thing that fails does not stop the others. Done a
/// second time it finds nothing to do and changes nothing.
///
/// `wanted` says of each object whether it is put back. Empty where nothing differs.
pub fn replay_into(
    old: &RuntimeState,
    loaded: &LoadedConfig,
    writer: RuntimeWriter<'_>,
    wanted: &dyn Fn(LossKind, &str) -> bool,
) -> Vec<ReplayResult> {
    let channel = writer.channel();
    let mut plan = replay(old, &read_runtime_state(channel), loaded);
    plan.items.retain(|item| wanted(item.kind, &item.object));
    let refused = send_commands(&plan, writer);
    let left = match plan.items.iter().any(|item| matches!(item.verdict, ReplayVerdict::Restore(_))) {
        true => replay(old, &read_runtime_state(channel), loaded),
        false => Replay::default(),
    };
    let judged = plan.items.iter().enumerate();
    judged.map(|(number, item)| result_for_item(item, refused.get(&number), &left)).collect()
}

/// Takes every step; what went wrong, by the number of the item.
fn send_commands(plan: &Replay, writer: RuntimeWriter<'_>) -> HashMap<usize, String> {
    let mut refused: HashMap<usize, String> = HashMap::new();
    let steps = plan.ordered_steps();
    let mut rest = steps.as_slice();
    while let Some((number, step)) = rest.first() {
        if refused.contains_key(number) {
            // The next step of a thing makes no sense without the one before.
            rest = rest.get(1..).unwrap_or_default();
            continue;
        }
        let batch = batch_length(rest);
        let (these, after) = rest.split_at(batch);
        rest = after;
        let outcomes = match these {
            [_] => vec![commands::send(step, writer)],
            several => {
                commands::send_batch(&several.iter().map(|(_, step)| *step).collect::<Vec<_>>(), writer)
            }
        };
        for ((number, step), outcome) in these.iter().zip(outcomes) {
            if let Err(undone) = outcome {
                tracing::debug!(?step, %undone, "not put back");
                refused.entry(*number).or_insert_with(|| undone.to_string());
            }
        }
    }
    refused
}

/// How many of the steps ahead can go together: steps of servers, no two of one thing, so that a refusal of the first
/// still stops the second.
fn batch_length(steps: &[(usize, &ReplayStep)]) -> usize {
    let mut seen = std::collections::HashSet::new();
    let one_command = |step: &ReplayStep| match step {
        ReplayStep::Server { change, .. } => *change != ServerStep::ReadyDown,
        _ => false,
    };
    let together = steps.iter().take_while(|(number, step)| one_command(step) && seen.insert(*number));
    together.count().max(1)
}

/// The proof: nothing is left to do for it.
fn result_for_item(item: &ReplayItem, refused: Option<&String>, left: &Replay) -> ReplayResult {
    let still = left.items.iter().find(|other| {
        (other.kind, &other.object, other.what) == (item.kind, &item.object, item.what)
            || (other.what == "all" && read_together_as(other.kind) == read_together_as(item.kind))
    });
    let why = match (&item.verdict, still.map(|still| &still.verdict)) {
        (ReplayVerdict::NotRestorable(why), _) => Some(why.clone()),
        (ReplayVerdict::Restore(_), None) => None,
        (ReplayVerdict::Restore(_), Some(ReplayVerdict::NotRestorable(why))) => {
            Some(format!("it could not be read again: {why}"))
        }
        (ReplayVerdict::Restore(_), Some(ReplayVerdict::Restore(_))) => {
            Some(refused.cloned().unwrap_or_else(|| {
                "HAProxy took the change, and the worker is still not as the old one".into()
            }))
        }
    };
    ReplayResult {
        kind: item.kind,
        object: item.object.clone(),
        what: item.what,
        detail: item.detail.clone(),
        returned: why.is_none(),
        why,
    }
}

/// Kinds that are read together, so that one of them that could not be read leaves all of them without proof.
fn read_together_as(kind: LossKind) -> LossKind {
    match kind {
        LossKind::ServerAdminState | LossKind::ServerWeight | LossKind::ServerAddress => {
            LossKind::DynamicServer
        }
        LossKind::AclEntry => LossKind::MapEntry,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(verdict: ReplayVerdict) -> ReplayItem {
        let (object, detail) = ("web/s1".to_owned(), "weight 3".to_owned());
        ReplayItem { kind: LossKind::ServerWeight, object, what: "weight", detail, verdict }
    }

    #[test]
    fn what_haproxy_took_is_returned_only_when_it_is_seen() {
        let wanted = item(ReplayVerdict::Restore(Vec::new()));
        let left = |verdict| Replay { items: vec![item(verdict)] };
        assert!(result_for_item(&wanted, None, &Replay::default()).returned);
        // An answer that was not understood does not matter where the worker shows that it was done.
        assert!(result_for_item(&wanted, Some(&"no clear answer".to_owned()), &Replay::default()).returned);
        let still = result_for_item(&wanted, None, &left(ReplayVerdict::Restore(Vec::new())));
        assert!(!still.returned && still.why.unwrap().contains("still not"));
        let unread = result_for_item(&wanted, None, &left(ReplayVerdict::NotRestorable("silent".into())));
        assert!(!unread.returned && unread.why.unwrap().contains("read again: silent"));
    }

    #[test]
    fn a_worker_that_cannot_be_read_again_proves_nothing() {
        let all = ReplayItem {
            what: "all",
            object: "servers".into(),
            ..item(ReplayVerdict::NotRestorable("silent".into()))
        };
        let wanted = item(ReplayVerdict::Restore(Vec::new()));
        let of_servers = ReplayItem { kind: LossKind::DynamicServer, ..all };
        assert!(!result_for_item(&wanted, None, &Replay { items: vec![of_servers] }).returned);
    }
}
