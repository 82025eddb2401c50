//! Which checks an operation wants before it begins.

use std::borrow::Cow;

use super::{CANDIDATE, Finding, GUARD, Level, RELOAD, RESTART, judge};
use crate::facts::Facts;
use crate::plan::Ledger;

/// What stops every operation that changes something, whatever is found otherwise.
const TURN: &[&str] = &["host.freeze", "host.lock"];

/// An operation and its checks.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// The command's name.
    pub name: &'static str,
    /// It changes something, so it waits for its turn.
    pub changes: bool,
    /// It tries the next worker before it begins.
    pub rehearses: bool,
    /// A finding that somebody lives with does not stop it; an emergency is no time for such decisions.
    pub heeds_ignores: bool,
    /// The ids, in no particular order.
    pub checks: &'static [&'static str],
}

/// Every operation that has checks of its own.
pub const OPERATIONS: &[Operation] = &[
    Operation { name: "reload", changes: true, rehearses: true, heeds_ignores: true, checks: RELOAD },
    Operation { name: "restart", changes: true, rehearses: true, heeds_ignores: false, checks: RESTART },
    Operation { name: "rehearse", changes: false, rehearses: true, heeds_ignores: true, checks: CANDIDATE },
    Operation { name: "guard", changes: true, rehearses: false, heeds_ignores: false, checks: GUARD },
];

/// The names of the operations that want this check.
pub fn wanting(id: &str) -> Vec<&'static str> {
    let wants = |operation: &&Operation| operation.ids().any(|wanted| wanted == id);
    OPERATIONS.iter().filter(wants).map(|operation| operation.name).collect()
}

impl Operation {
    /// The operation of this name.
    pub fn find(name: &str) -> Option<&'static Operation> {
        OPERATIONS.iter().find(|operation| operation.name == name)
    }

    /// Every check that it wants.
    pub fn ids(&self) -> impl Iterator<Item = &'static str> {
        let turn: &[&str] = if self.changes { TURN } else { &[] };
        self.checks.iter().chain(turn).copied()
    }

    /// Judges as the operation itself would: what would make it wait for its turn is a failure here.
    pub fn judge(&self, facts: &Facts, ledger: &Ledger) -> Vec<Finding> {
        let ids: Vec<&str> = self.ids().collect();
        // What comes next is another thing for a restart, where its unit says so.
        let facts = if self.name == "restart" { facts.restarted() } else { Cow::Borrowed(facts) };
        let mut findings = judge(&facts, ledger, &ids);
        for finding in &mut findings {
            if TURN.contains(&finding.id.as_str()) && finding.level == Level::Warn {
                finding.level = Level::Fail;
            }
        }
        findings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::{catalog, verdict};
    use crate::exit::Exit;
    use crate::facts::test_facts;
    use crate::plan;

    #[test]
    fn every_check_of_an_operation_exists_and_names_it() {
        for operation in OPERATIONS {
            for id in operation.ids() {
                assert!(catalog::find(id).is_some(), "{id}");
                assert!(wanting(id).contains(&operation.name), "{id}");
            }
        }
        assert!(wanting("runtime.map-drift").is_empty());
    }

    #[test]
    fn a_freeze_warns_whoever_looks_and_stops_whoever_would_change_something() {
        let mut facts = test_facts::healthy();
        let reload = Operation::find("reload").unwrap();
        let blocks = |facts: &Facts| verdict(&reload.judge(facts, &plan::ledger(facts)));
        assert_eq!(blocks(&facts), Exit::Done);
        facts.vitals.freeze = crate::facts::Known::Seen(Some("freeze: INC-1".into()));
        assert_eq!(judge(&facts, &plan::ledger(&facts), &["host.freeze"])[0].level, Level::Warn);
        assert_eq!(blocks(&facts), Exit::Refused);
    }
}
