//! Puts back what a reload lost, and proves each thing by reading the worker again.

use super::commands;

use std::collections::HashMap;

use crate::clients::haproxy::runtime::Channel;
use crate::facts::{Holdings, Loaded};
use crate::gather::haproxy::runtime_state::{Keys, holdings};
use crate::plan::Kind;
pub use crate::plan::replay::Returned;
use crate::plan::replay::{Item, Replay, Step, Verdict, replay};

/// Brings the worker behind `channel` to where the old one was. A thing that fails does not stop the others. Done a
/// second time it finds nothing to do and changes nothing.
///
/// Empty where nothing differs.
pub fn put_back(old: &Holdings, loaded: &Loaded, channel: &Channel) -> Vec<Returned> {
    let plan = replay(old, &holdings(channel, Keys::None), loaded);
    let refused = apply(&plan, channel);
    let left = match plan.items.iter().any(|item| matches!(item.verdict, Verdict::PutBack(_))) {
        true => replay(old, &holdings(channel, Keys::None), loaded),
        false => Replay::default(),
    };
    let judged = plan.items.iter().enumerate();
    judged.map(|(number, item)| returned(item, refused.get(&number), &left)).collect()
}

/// Takes every step; what went wrong, by the number of the item.
fn apply(plan: &Replay, channel: &Channel) -> HashMap<usize, String> {
    let mut refused: HashMap<usize, String> = HashMap::new();
    let steps = plan.ordered();
    let mut rest = steps.as_slice();
    while let Some((number, step)) = rest.first() {
        if refused.contains_key(number) {
            // The next step of a thing makes no sense without the one before.
            rest = rest.get(1..).unwrap_or_default();
            continue;
        }
        let batch = batch(rest);
        let (these, after) = rest.split_at(batch);
        rest = after;
        let outcomes = match these {
            [_] => vec![commands::take(step, channel)],
            several => {
                commands::take_all(&several.iter().map(|(_, step)| *step).collect::<Vec<_>>(), channel)
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
fn batch(steps: &[(usize, &Step)]) -> usize {
    let mut seen = std::collections::HashSet::new();
    let together =
        steps.iter().take_while(|(number, step)| matches!(step, Step::Server { .. }) && seen.insert(*number));
    together.count().max(1)
}

/// The proof: nothing is left to do for it.
fn returned(item: &Item, refused: Option<&String>, left: &Replay) -> Returned {
    let still = left.items.iter().find(|other| {
        (other.kind, &other.object, other.what) == (item.kind, &item.object, item.what)
            || (other.what == "all" && source(other.kind) == source(item.kind))
    });
    let why =
        match (&item.verdict, still.map(|still| &still.verdict)) {
            (Verdict::Cannot(why), _) => Some(why.clone()),
            (Verdict::PutBack(_), None) => None,
            (Verdict::PutBack(_), Some(Verdict::Cannot(why))) => {
                Some(format!("it could not be read again: {why}"))
            }
            (Verdict::PutBack(_), Some(Verdict::PutBack(_))) => Some(refused.cloned().unwrap_or_else(|| {
                "HAProxy took the change, and the worker is still not as the old one".into()
            })),
        };
    Returned {
        kind: item.kind,
        object: item.object.clone(),
        what: item.what,
        detail: item.detail.clone(),
        returned: why.is_none(),
        why,
    }
}

/// Kinds that are read together, so that one of them that could not be read leaves all of them without proof.
fn source(kind: Kind) -> Kind {
    match kind {
        Kind::ServerAdminState | Kind::ServerWeight | Kind::ServerAddress => Kind::DynamicServer,
        Kind::AclEntry => Kind::MapEntry,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(verdict: Verdict) -> Item {
        let (object, detail) = ("web/s1".to_owned(), "weight 3".to_owned());
        Item { kind: Kind::ServerWeight, object, what: "weight", detail, verdict }
    }

    #[test]
    fn what_haproxy_took_is_returned_only_when_it_is_seen() {
        let wanted = item(Verdict::PutBack(Vec::new()));
        let left = |verdict| Replay { items: vec![item(verdict)] };
        assert!(returned(&wanted, None, &Replay::default()).returned);
        // An answer that was not understood does not matter where the worker shows that it was done.
        assert!(returned(&wanted, Some(&"no clear answer".to_owned()), &Replay::default()).returned);
        let still = returned(&wanted, None, &left(Verdict::PutBack(Vec::new())));
        assert!(!still.returned && still.why.unwrap().contains("still not"));
        let unread = returned(&wanted, None, &left(Verdict::Cannot("silent".into())));
        assert!(!unread.returned && unread.why.unwrap().contains("read again: silent"));
    }

    #[test]
    fn a_worker_that_cannot_be_read_again_proves_nothing() {
        let all = Item { what: "all", object: "servers".into(), ..item(Verdict::Cannot("silent".into())) };
        let wanted = item(Verdict::PutBack(Vec::new()));
        let of_servers = Item { kind: Kind::DynamicServer, ..all };
        assert!(!returned(&wanted, None, &Replay { items: vec![of_servers] }).returned);
    }
}
