//! Which checks an operation wants before it begins.

use std::borrow::Cow;

use super::{Finding, GUARD_CHECKS, Level, REHEARSE_CHECKS, RELOAD_CHECKS, RESTART_CHECKS, run_checks};
use crate::facts::Facts;
use crate::plan::Ledger;

/// What stops every operation that changes something, whatever is found otherwise.
const CHANGE_CHECKS: &[&str] = &["host.freeze", "host.lock"];

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
    pub applies_ignores: bool,
    /// The ids, in no particular order.
    pub checks: &'static [&'static str],
}

/// Every operation that has checks of its own.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        name: "reload",
        changes: true,
        rehearses: true,
        applies_ignores: true,
        checks: RELOAD_CHECKS,
    },
    Operation {
        name: "restart",
        changes: true,
        rehearses: true,
        applies_ignores: false,
        checks: RESTART_CHECKS,
    },
    Operation {
        name: "rehearse",
        changes: false,
        rehearses: true,
        applies_ignores: true,
        checks: REHEARSE_CHECKS,
    },
    Operation {
        name: "guard",
        changes: true,
        rehearses: false,
        applies_ignores: false,
        checks: GUARD_CHECKS,
    },
];

/// The names of the operations that want this check.
pub fn operations_requiring(id: &str) -> Vec<&'static str> {
    let wants = |operation: &&Operation| operation.check_ids().any(|wanted| wanted == id);
    OPERATIONS.iter().filter(wants).map(|operation| operation.name).collect()
}

impl Operation {
    /// The operation of this name.
    pub fn find(name: &str) -> Option<&'static Operation> {
        OPERATIONS.iter().find(|operation| operation.name == name)
    }

    /// Every check that it wants.
    pub fn check_ids(&self) -> impl Iterator<Item = &'static str> {
        let turn: &[&str] = if self.changes { CHANGE_CHECKS } else { &[] };
        self.checks.iter().chain(turn).copied()
    }

    /// Judges as the operation itself would: what would make it wait for its turn is a failure here.
    pub fn run_checks(&self, facts: &Facts, ledger: &Ledger) -> Vec<Finding> {
        let ids: Vec<&str> = self.check_ids().collect();
        // What comes next is another thing for a restart, where its unit says so.
        let facts = if self.name == "restart" { facts.after_unit_start() } else { Cow::Borrowed(facts) };
        let mut findings = run_checks(&facts, ledger, &ids);
        for finding in &mut findings {
            if CHANGE_CHECKS.contains(&finding.id.as_str()) && finding.level == Level::Warn {
                finding.level = Level::Fail;
            }
        }
        findings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::{catalog, exit_code};
    use crate::exit::Exit;
    use crate::facts::test_facts;
    use crate::plan;

    #[test]
    fn every_check_of_an_operation_exists_and_names_it() {
        for operation in OPERATIONS {
            for id in operation.check_ids() {
                assert!(catalog::find(id).is_some(), "{id}");
                assert!(operations_requiring(id).contains(&operation.name), "{id}");
            }
        }
        assert!(operations_requiring("runtime.map-drift").is_empty());
    }

    #[test]
    fn a_freeze_warns_whoever_looks_and_stops_whoever_would_change_something() {
        let mut facts = test_facts::healthy();
        let reload = Operation::find("reload").unwrap();
        let blocks = |facts: &Facts| exit_code(&reload.run_checks(facts, &plan::ledger(facts)));
        assert_eq!(blocks(&facts), Exit::Done);
        facts.vitals.freeze = crate::facts::Known::Seen(Some("freeze: INC-1".into()));
        assert_eq!(run_checks(&facts, &plan::ledger(&facts), &["host.freeze"])[0].level, Level::Warn);
        assert_eq!(blocks(&facts), Exit::Refused);
    }
}
