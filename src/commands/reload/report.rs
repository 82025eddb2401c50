//! What a reload tells: the report of each way in which it can end.

use crate::act::consent::Withheld;
use crate::act::operation::{Done, Ended};
use crate::act::runtime_state::preserve::Hold;
use crate::checks::{self, Finding};
use crate::cli::ReloadArgs;
use crate::commands::operation::report;
use crate::commands::{Context, restart};
use crate::exit::Exit;
use crate::facts::Facts;
use crate::plan::runbook::{judge_by_hand, quote};
use crate::plan::{Ledger, Plan};
use crate::report::{Body, Confirm, Reload, Report};

/// Everything that a report can be made from.
pub(super) struct Account<'a> {
    pub(super) args: &'a ReloadArgs,
    pub(super) context: &'a Context<'a>,
    pub(super) facts: &'a Facts,
    pub(super) ledger: &'a Ledger,
    pub(super) findings: &'a [Finding],
    pub(super) hold: Option<&'a Hold>,
}

impl Account<'_> {
    /// It is not known what runs.
    pub(super) fn unknown(&self) -> Report {
        let why = self.facts.instance.why().unwrap_or("no instance was found");
        let body = Reload { why: why.to_owned(), ..self.body("unknown") };
        self.report(Exit::Unknown, format!("what runs here is not known: {why}"), body, None)
    }

    /// `--plan`.
    pub(super) fn planned(&self, plan: &Plan) -> Report {
        let exit = checks::verdict(self.findings);
        let mut body = Reload {
            compared_with: Some(restart::compared_with(self.facts)),
            notes: self.not_kept(),
            ..self.body("planned")
        };
        let target = &plan.target;
        let summary = match exit {
            Exit::Done => {
                body.apply = Some(self.command(&approve(plan)));
                format!("plan {}: reload of {target}", plan.id)
            }
            _ => format!("plan {}: reload of {target}, which would be refused now", plan.id),
        };
        self.report(exit, summary, body, Some(plan))
    }

    /// No clearance.
    pub(super) fn withheld(&self, plan: &Plan, withheld: &Withheld) -> Report {
        let mut body = self.body("refused");
        let summary = report::withheld(&mut body, plan, withheld, |ending| self.command(ending));
        if *withheld == Withheld::Missing {
            body.compared_with = Some(restart::compared_with(self.facts));
            body.notes = self.not_kept();
        }
        self.report(withheld.exit(), summary, body, Some(plan))
    }

    /// A signal came before anything was done.
    pub(super) fn interrupted(&self, plan: &Plan, signal: &str) -> Report {
        let summary = format!("reload of {}: {signal} came before anything was done", plan.target);
        self.report(Exit::Interrupted, summary, self.body("interrupted"), Some(plan))
    }

    /// The act, however it ended.
    pub(super) fn done(&self, plan: &Plan, mut done: Done, confirm: Option<Confirm>) -> Report {
        let broken = done.broken();
        let mut body = Reload {
            worker: done.worker,
            refused_ms: done
                .ordered
                .then(|| u64::try_from(done.refused.longest().as_millis()).unwrap_or(u64::MAX)),
            startup_log: std::mem::take(&mut done.log),
            open: broken,
            notes: std::mem::take(&mut done.notes),
            returned: std::mem::take(&mut done.returned),
            finished: done.finished.iter().map(|step| (*step).to_owned()).collect(),
            confirm,
            ..self.body("proven")
        };
        let worker = done.worker.map_or("no worker".to_owned(), |pid| format!("worker {pid}"));
        let old = self.facts.instance.seen().and_then(|instance| instance.serving.seen());
        let old = old.map_or("the one of before".to_owned(), u32::to_string);
        let target = &plan.target;
        let (exit, outcome, summary) = match &done.ended {
            Ended::Proven => (
                Exit::Done,
                "proven",
                format!("reloaded {target}: {worker} serves in place of {old}, proven"),
            ),
            Ended::Failed => (
                Exit::Failed,
                "failed",
                format!("reload of {target} failed: {worker} serves as before, proven"),
            ),
            Ended::Unproven => {
                (Exit::Unproven, "unproven", format!("reload of {target}: not everything about it is proven"))
            }
            Ended::Stopped(signal) => (
                Exit::Unproven,
                "stopped",
                format!("reload of {target}: stopped by {signal} after {worker} took over, before the proof"),
            ),
            Ended::Interrupted(signal) => return self.interrupted(plan, signal),
            Ended::Moved(moved) => {
                return self.withheld(plan, &Withheld::Stale { moved: moved.clone(), shown: true });
            }
            Ended::Unrecorded(error) => {
                body.why = format!("The journal cannot be written, so nothing was done: {error:#}");
                (Exit::Unknown, "unknown", format!("reload of {target}: the journal cannot be written"))
            }
            Ended::Unwatched(error) | Ended::Unready(error) => {
                body.why = format!("Nobody would go back, so nothing was done: {error:#}");
                (Exit::Unknown, "unknown", format!("reload of {target}: nobody watches it"))
            }
        };
        body.outcome = outcome.to_owned();
        if exit == Exit::Unproven {
            body.by_hand = self.facts.instance.seen().map(judge_by_hand).unwrap_or_default();
        }
        let mut report = self.report(exit, summary, body, Some(plan));
        report::act(&mut report, &done);
        report.cost.reloads = u32::from(done.ordered);
        report
    }

    /// Shows the plan on stderr, where the question follows.
    pub(super) fn show(&self, plan: &Plan) {
        let mut body = Reload {
            compared_with: Some(restart::compared_with(self.facts)),
            notes: self.not_kept(),
            ..self.body("asked")
        };
        body.worker = None;
        let summary = format!("plan {}: reload of {}", plan.id, plan.target);
        let report = self.report(Exit::Done, summary, body, Some(plan));
        report::ask(&report, self.context);
    }

    fn body(&self, outcome: &str) -> Reload {
        Reload { outcome: outcome.to_owned(), ..Reload::default() }
    }

    /// What `--keep-runtime` cannot put back, foreseen: for a plan that is shown.
    fn not_kept(&self) -> Vec<String> {
        report::not_kept(self.hold.map(Hold::previews).unwrap_or_default())
    }

    fn report(&self, exit: Exit, summary: String, body: Reload, plan: Option<&Plan>) -> Report {
        let next = body.apply.iter().cloned();
        let next = next.chain(body.confirm.iter().map(|confirm| confirm.command.clone()));
        let next: Vec<String> =
            next.chain(body.by_hand.iter().map(|advice| advice.command.clone())).collect();
        let mut report = Report::new("reload", exit, summary, Body::Reload(Box::new(body))).after(self.facts);
        report.findings = self.findings.to_vec();
        report.losses = self.ledger.lines.clone();
        report.plan = plan.cloned();
        report.next = next;
        report
    }

    /// This very command with another ending, as it can be pasted.
    fn command(&self, ending: &str) -> String {
        let mut words = report::named("reload", self.args.service.as_deref(), self.context, self.facts);
        words.extend(self.args.keep_runtime.then(|| "--keep-runtime".to_owned()));
        words.extend(self.args.confirm_within.map(|within| format!("--confirm-within {within:?}")));
        words.extend(
            self.args.previous.iter().map(|file| format!("--previous {}", quote(&file.to_string_lossy()))),
        );
        words.push(ending.to_owned());
        words.join(" ")
    }
}

fn approve(plan: &Plan) -> String {
    format!("--approve {}", plan.id)
}
