//! The rollback of a reload with --confirm-within, as a part of its plan: consent to the plan includes it.

use std::time::Duration;

use super::{Action, Plan, Step};

/// How a reload would be undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollbackPlan {
    /// The time limit for the confirmation.
    pub within: Duration,
    /// Where the previous files were found.
    pub source: String,
    /// Each file with the MD5 of what would be put back.
    pub files: Vec<(String, String)>,
}

impl Plan {
    /// This plan with the rollback at its end, and a new id.
    #[must_use]
    pub fn with_rollback(self, back: &RollbackPlan) -> Self {
        let RollbackPlan { within, source, files } = back;
        let mut steps = self.steps;
        let restore = files.iter().map(|(path, md5)| {
            let reason = format!("after {within:?} without `haguard confirm`: {source} {}", md5_note(md5));
            Step::new(Action::RollBackFile, path, reason)
        });
        steps.extend(restore);
        let reason = "and the new worker is verified; no other files are put back";
        steps.push(Step::new(Action::RollBackReload, "the same HAProxy", reason));
        let mut options = self.options;
        options.push(format!("--confirm-within {within:?}"));
        Plan::new(&self.operation, options, self.target, self.basis, steps)
    }

    /// Whether the rollback of this plan puts exactly these files back, each with this MD5.
    pub fn rolls_back_to(&self, files: &[(String, String)]) -> bool {
        let steps = self.steps.iter().filter(|step| step.action == Action::RollBackFile);
        let named: Vec<&Step> = steps.collect();
        let same = |(step, (path, md5)): (&&Step, &(String, String))| {
            step.object == *path && step.reason.ends_with(&md5_note(md5))
        };
        named.len() == files.len() && named.iter().zip(files).all(same)
    }

    /// It includes a rollback.
    pub fn has_rollback(&self) -> bool {
        self.steps.iter().any(|step| step.action.is_rollback())
    }
}

fn md5_note(md5: &str) -> String {
    format!("(md5 {md5})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::test_facts;
    use crate::plan;

    #[test]
    fn the_id_stands_for_the_rollback_too() {
        let facts = test_facts::healthy();
        let plain = plan::reload(&facts, &plan::ledger(&facts), None).unwrap();
        let back = |seconds, md5: &str| {
            let files = vec![("/etc/a.cfg".to_owned(), md5.to_owned())];
            let back = RollbackPlan { within: Duration::from_secs(seconds), source: "a copy".into(), files };
            plain.clone().with_rollback(&back)
        };
        let one = back(90, "1");
        assert!(one.has_rollback() && !plain.has_rollback());
        assert_eq!(one.options, ["--confirm-within 90s"]);
        let ids = [&plain, &one, &back(91, "1"), &back(90, "2")].map(|plan| plan.id.clone());
        let different: std::collections::BTreeSet<&String> = ids.iter().collect();
        assert_eq!(different.len(), ids.len());
        assert_eq!(one, back(90, "1"));
        let files = |path: &str, md5: &str| vec![(path.to_owned(), md5.to_owned())];
        assert!(one.rolls_back_to(&files("/etc/a.cfg", "1")));
        assert!(
            !one.rolls_back_to(&files("/etc/a.cfg", "2")) && !one.rolls_back_to(&files("/etc/b.cfg", "1"))
        );
        assert!(!one.rolls_back_to(&[]) && !plain.rolls_back_to(&files("/etc/a.cfg", "1")));
    }
}
