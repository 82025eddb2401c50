//! The checks that an operation requires before it begins.

use std::borrow::Cow;

use super::{Finding, GUARD_CHECKS, Level, REHEARSE_CHECKS, RELOAD_CHECKS, RESTART_CHECKS, run_checks};
use crate::facts::Facts;
use crate::plan::Ledger;

/// Checks that stop every operation that changes something.
const CHANGE_CHECKS: &[&str] = &["host.freeze", "host.lock"];

/// An operation and its checks.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// The command's name.
    pub name: &'static str,
    /// It changes something, so it takes the lock and respects a freeze.
    pub changes: bool,
    /// It rehearses the next worker before it begins.
    pub rehearses: bool,
    /// `[[ignore]]` entries apply; an emergency restart ignores them.
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

/// The names of the operations that require this check.
pub fn operations_requiring(id: &str) -> Vec<&'static str> {
    let wants = |operation: &&Operation| operation.check_ids().any(|wanted| wanted == id);
    OPERATIONS.iter().filter(wants).map(|operation| operation.name).collect()
}

impl Operation {
    /// The operation of this name.
    pub fn find(name: &str) -> Option<&'static Operation> {
        OPERATIONS.iter().find(|operation| operation.name == name)
    }

    /// Every check that it requires.
    pub fn check_ids(&self) -> impl Iterator<Item = &'static str> {
        let change: &[&str] = if self.changes { CHANGE_CHECKS } else { &[] };
        self.checks.iter().chain(change).copied()
    }

    /// Judges as the operation itself would: a freeze or a lock that would stop it is a failure here.
    pub fn run_checks(&self, facts: &Facts, ledger: &Ledger) -> Vec<Finding> {
        let ids: Vec<&str> = self.check_ids().collect();
        // A restart starts what the unit defines, which can differ from what a reload would start.
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
    fn a_freeze_is_a_warning_alone_and_a_failure_for_an_operation_that_changes_something() {
        let mut facts = test_facts::healthy();
        let reload = Operation::find("reload").unwrap();
        let blocks = |facts: &Facts| exit_code(&reload.run_checks(facts, &plan::ledger(facts)));
        assert_eq!(blocks(&facts), Exit::Done);
        facts.vitals.freeze = crate::facts::Known::Seen(Some("freeze: INC-1".into()));
        assert_eq!(run_checks(&facts, &plan::ledger(&facts), &["host.freeze"])[0].level, Level::Warn);
        assert_eq!(blocks(&facts), Exit::Refused);
    }
}
