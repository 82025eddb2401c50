//! Consent: the only place that grants a [`Clearance`], for one plan, by its checks and an operator's yes.

use std::io::{self, BufRead, Write};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::signals::Interrupts;
use crate::checks::{self, Finding};
use crate::clearance::Clearance;
use crate::exit::Exit;
use crate::plan::{BasisChange, Plan};

/// A plan that was consented to, with the clearance that its writers demand.
#[derive(Debug)]
#[must_use = "consent is for the plan that it was given for"]
pub struct ClearedPlan<'p> {
    plan: &'p Plan,
    clearance: Clearance,
}

impl<'p> ClearedPlan<'p> {
    fn grant(plan: &'p Plan) -> Self {
        ClearedPlan { plan, clearance: Clearance::grant(&plan.id) }
    }

    /// The plan that was consented to.
    pub fn plan(&self) -> &'p Plan {
        self.plan
    }

    /// What its writers demand.
    pub fn clearance(&self) -> &Clearance {
        &self.clearance
    }
}

/// How consent can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsentSource<'a> {
    /// `--approve ID`.
    PlanId(&'a str),
    /// A terminal, where the operator is asked.
    Prompt,
    /// No terminal to ask on.
    Unavailable,
}

/// Why there is no clearance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClearanceDenied {
    /// A check failed or could not tell.
    Blocked(Exit),
    /// The plan with this id is not the plan of now.
    Stale {
        /// What differs; empty where the difference is in the operation itself.
        changes: Vec<BasisChange>,
        /// The id was shown here.
        shown: bool,
    },
    /// No consent was given.
    NoConsent,
    /// The operator was asked and declined.
    Declined,
}

impl ClearanceDenied {
    /// The exit code.
    pub fn exit(&self) -> Exit {
        match self {
            ClearanceDenied::Blocked(exit) => *exit,
            ClearanceDenied::Stale { .. } => Exit::Stale,
            ClearanceDenied::NoConsent | ClearanceDenied::Declined => Exit::Refused,
        }
    }
}

/// Gets consent to `plan`. `load` finds a plan that was shown under an id; `show` shows this one before the question.
///
/// # Errors
/// [`ClearanceDenied`]: nothing may be changed.
pub fn obtain_clearance<'p>(
    plan: &'p Plan,
    findings: &[Finding],
    consent: ConsentSource<'_>,
    recall: impl FnOnce(&str) -> Option<Plan>,
    show: impl FnOnce(),
    interrupts: &Interrupts,
) -> Result<ClearedPlan<'p>, ClearanceDenied> {
    // A stale plan is reported first: it explains what the checks find now.
    if let ConsentSource::PlanId(id) = consent
        && id != plan.id
    {
        let old = recall(id);
        let changes = old.as_ref().map(|old| old.basis.changes_since(&plan.basis)).unwrap_or_default();
        return Err(ClearanceDenied::Stale { changes, shown: old.is_some() });
    }
    match checks::exit_code(findings) {
        Exit::Done => {}
        blocked => return Err(ClearanceDenied::Blocked(blocked)),
    }
    match consent {
        ConsentSource::PlanId(_) => Ok(ClearedPlan::grant(plan)),
        ConsentSource::Unavailable => Err(ClearanceDenied::NoConsent),
        ConsentSource::Prompt => {
            show();
            // A terminal that breaks gives no consent.
            match prompt(&format!("Apply plan {} to {}? [y/N] ", plan.id, plan.target), interrupts) {
                Ok(true) => Ok(ClearedPlan::grant(plan)),
                _ => Err(ClearanceDenied::Declined),
            }
        }
    }
}

/// The consent to a plan that says how it is undone is the consent to putting its files back.
///
/// # Errors
/// [`ClearanceDenied::NoConsent`]: the plan that was agreed to says nothing of it.
pub fn restore_clearance(agreed: &Plan) -> Result<Clearance, ClearanceDenied> {
    agreed.has_rollback().then(|| Clearance::grant(&agreed.id)).ok_or(ClearanceDenied::NoConsent)
}

/// The consent to a plan that says how it is undone is the consent to undoing it, on the same HAProxy. `plan` is the
/// reload that does it.
///
/// # Errors
/// [`ClearanceDenied`]: the plan that was agreed to says nothing of it, or a check is against it now.
pub fn rollback_clearance<'p>(
    plan: &'p Plan,
    agreed: &Plan,
    findings: &[Finding],
) -> Result<ClearedPlan<'p>, ClearanceDenied> {
    let process = |plan: &Plan| (plan.basis.main_pid, plan.basis.main_start);
    if !agreed.has_rollback() || process(plan) != process(agreed) {
        return Err(ClearanceDenied::NoConsent);
    }
    match checks::exit_code(findings) {
        Exit::Done => Ok(ClearedPlan::grant(plan)),
        blocked => Err(ClearanceDenied::Blocked(blocked)),
    }
}

/// Asks on stderr and reads a line from stdin. A ready-made prompt that takes single keys keeps waiting after Ctrl-C
/// where that signal is caught, as it is here.
fn prompt(question: &str, interrupts: &Interrupts) -> io::Result<bool> {
    let mut stderr = io::stderr();
    stderr.write_all(question.as_bytes())?;
    stderr.flush()?;
    let stdin = io::stdin();
    let pause = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
    while interrupts.stop_signal().is_none() && !interrupts.terminal_lost() {
        let mut watched = [PollFd::new(&stdin, PollFlags::IN)];
        match poll(&mut watched, Some(&pause)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) => {
                let mut line = String::new();
                stdin.lock().read_line(&mut line)?;
                return Ok(matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes"));
            }
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Known, test_facts};
    use crate::plan;

    fn plan_for_pid(pid: u32) -> Plan {
        let mut facts = test_facts::healthy();
        test_facts::instance_mut(&mut facts).serving = Known::Seen(pid);
        plan::reload(&facts, &plan::ledger(&facts), None).unwrap()
    }

    fn finding(level: checks::Level) -> Finding {
        Finding { id: "x.y".into(), level, text: "t".into(), evidence: vec![], mend: None, ignored_by: None }
    }

    fn obtain_without_prompt<'p>(
        plan: &'p Plan,
        findings: &[Finding],
        consent: ConsentSource<'_>,
    ) -> Result<ClearedPlan<'p>, ClearanceDenied> {
        let old = plan_for_pid(101);
        let recall = |id: &str| (id == old.id).then(|| old.clone());
        obtain_clearance(plan, findings, consent, recall, || (), &Interrupts::default())
    }

    #[test]
    fn only_the_id_of_this_very_plan_is_consent() {
        let plan = plan_for_pid(102);
        assert_eq!(obtain_without_prompt(&plan, &[], ConsentSource::PlanId(&plan.id)).unwrap().plan(), &plan);
        let old = plan_for_pid(101);
        let Err(ClearanceDenied::Stale { changes, shown: true }) =
            obtain_without_prompt(&plan, &[], ConsentSource::PlanId(&old.id))
        else {
            panic!("the worker was replaced");
        };
        assert_eq!(changes[0].to_string(), "serving worker: was 101, is 102");
        let never = obtain_without_prompt(&plan, &[], ConsentSource::PlanId("0000000000")).unwrap_err();
        assert_eq!(never, ClearanceDenied::Stale { changes: vec![], shown: false });
        assert_eq!(
            obtain_without_prompt(&plan, &[], ConsentSource::Unavailable).unwrap_err().exit(),
            Exit::Refused
        );
    }

    #[test]
    fn consent_to_a_plan_covers_its_way_back_and_no_other_reload() {
        let plan = plan_for_pid(102);
        let files = vec![("/etc/a.cfg".to_owned(), "1".to_owned())];
        let back =
            plan::RollbackPlan { within: std::time::Duration::from_secs(9), source: "x".into(), files };
        let agreed = plan_for_pid(101).with_rollback(&back);
        assert!(rollback_clearance(&plan, &agreed, &[]).is_ok());
        assert_eq!(restore_clearance(&agreed).unwrap().plan_id(), agreed.id);
        assert_eq!(restore_clearance(&plan).unwrap_err(), ClearanceDenied::NoConsent);
        assert_eq!(
            rollback_clearance(&plan, &plan_for_pid(101), &[]).unwrap_err(),
            ClearanceDenied::NoConsent
        );
        let mut other = plan.clone();
        other.basis.main_pid = Some(7);
        assert_eq!(rollback_clearance(&other, &agreed, &[]).unwrap_err(), ClearanceDenied::NoConsent);
        let failed = rollback_clearance(&plan, &agreed, &[finding(checks::Level::Fail)]).unwrap_err();
        assert_eq!(failed, ClearanceDenied::Blocked(Exit::Refused));
    }

    #[test]
    fn no_consent_passes_a_check_that_failed_or_could_not_tell() {
        let plan = plan_for_pid(102);
        for (level, exit) in [(checks::Level::Fail, Exit::Refused), (checks::Level::Unknown, Exit::Unknown)] {
            let withheld =
                obtain_without_prompt(&plan, &[finding(level)], ConsentSource::PlanId(&plan.id)).unwrap_err();
            assert_eq!(withheld, ClearanceDenied::Blocked(exit));
        }
        assert!(
            obtain_without_prompt(&plan, &[finding(checks::Level::Warn)], ConsentSource::PlanId(&plan.id))
                .is_ok()
        );
    }
}
