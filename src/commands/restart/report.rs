//! The report of each outcome of a restart.

use std::time::Duration;

use super::args::RestartArgs;
use crate::act::consent::ClearanceDenied;
use crate::act::operation::{OperationResult, Outcome};
use crate::act::restart::RestartDetails;
use crate::act::runtime_state::preserve::PreservedRuntime;
use crate::checks::{self, Finding};
use crate::commands::operation::report;
use crate::commands::{Context, restart};
use crate::exit::Exit;
use crate::facts::{Facts, Instance};
use crate::plan::restart::{outage_runbook, pending_job_runbook};
use crate::plan::runbook::{manual_reload_checks, shell_quote};
use crate::plan::{Ledger, Plan, RunbookStep};
use crate::report::{Body, ListenerDowntime, ReloadBody, Report, RestartBody};
use crate::state::{evidence, retention};

/// Everything that a report can be made from.
pub(super) struct RestartReport<'a> {
    pub(super) args: &'a RestartArgs,
    pub(super) context: &'a Context<'a>,
    pub(super) facts: &'a Facts,
    pub(super) ledger: &'a Ledger,
    pub(super) findings: &'a [Finding],
    pub(super) hold: Option<&'a PreservedRuntime>,
}

impl RestartReport<'_> {
    /// It is not known what runs.
    pub(super) fn unknown_instance(&self) -> Report {
        let why = self.facts.instance.why().unwrap_or("no instance was found");
        let mut body = self.body("unknown");
        body.act.why = why.to_owned();
        self.report(Exit::Unknown, format!("what runs here is not known: {why}"), body, None)
    }

    /// The controller that restarts it is not proven, or haguard cannot use it.
    pub(super) fn unknown_controller(&self) -> Report {
        let exit = match checks::exit_code(self.findings) {
            Exit::Refused => Exit::Refused,
            _ => Exit::Unknown,
        };
        let way = self.findings.iter().find(|finding| finding.id == "restart.way");
        let why = way.map_or("its controller is not proven", |finding| finding.text.as_str());
        let mut body = self.body("refused");
        body.act.why = format!("haguard does not restart it: {why}.");
        let target = self.facts.instance.seen().map(Instance::title).unwrap_or_default();
        self.report(exit, format!("restart of {target} on {}: {why}", self.facts.host), body, None)
    }

    /// `--plan`.
    pub(super) fn planned(&self, plan: &Plan) -> Report {
        let exit = checks::exit_code(self.findings);
        let mut body = self.plan_body("planned");
        let target = &plan.target;
        let summary = match exit {
            Exit::Done => {
                body.act.apply = Some(self.command_with(&format!("--approve {}", plan.id)));
                format!("plan {}: restart of {target}", plan.id)
            }
            _ => format!("plan {}: restart of {target}, which would be refused now", plan.id),
        };
        self.report(exit, summary, body, Some(plan))
    }

    /// No clearance.
    pub(super) fn denied(&self, plan: &Plan, withheld: &ClearanceDenied) -> Report {
        let mut body = match withheld {
            ClearanceDenied::NoConsent => self.plan_body("refused"),
            _ => self.body("refused"),
        };
        let summary =
            report::describe_denial(&mut body.act, plan, withheld, |ending| self.command_with(ending));
        self.report(withheld.exit(), summary, body, Some(plan))
    }

    /// A signal came before anything was done.
    pub(super) fn interrupted(&self, plan: &Plan, signal: &str) -> Report {
        let summary = format!("restart of {}: {signal} came before anything was done", plan.target);
        self.report(Exit::Interrupted, summary, self.body("interrupted"), Some(plan))
    }

    /// The plan, where the question follows.
    pub(super) fn asked(&self, plan: &Plan) -> Report {
        let summary = format!("plan {}: restart of {}", plan.id, plan.target);
        self.report(Exit::Done, summary, self.plan_body("asked"), Some(plan))
    }

    /// The result, whatever its outcome.
    pub(super) fn finished(
        &self,
        plan: &Plan,
        mut done: OperationResult,
        left: RestartDetails,
        run: &str,
    ) -> Report {
        let (exit, outcome, summary) = match &done.outcome {
            Outcome::Interrupted(signal) => return self.interrupted(plan, signal),
            Outcome::StateChanged(changes) => {
                return self.denied(plan, &ClearanceDenied::Stale { changes: changes.clone(), shown: true });
            }
            ended => self.exit_and_summary(plan, ended, &done, &left),
        };
        let mut body = self.body_from_result(&mut done, &left);
        body.act.outcome = outcome.to_owned();
        if let Outcome::JournalFailed(error) | Outcome::PreparationFailed(error) = &done.outcome {
            body.act.why = format!("Nothing was stopped: {error:#}.");
        }
        if exit == Exit::Unproven {
            body.act.by_hand = self.by_hand(&done, &left);
            body.evidence = Some(self.evidence_folder(run).display().to_string());
        }
        let reason = self.args.reason.as_deref().unwrap_or_default();
        let mut report = self.report(exit, format!("{summary} (reason: {reason})"), body, Some(plan));
        report::add_result(&mut report, &done);
        if exit == Exit::Unproven {
            self.save_evidence(&mut report, &done, run);
        }
        report
    }

    fn exit_and_summary(
        &self,
        plan: &Plan,
        ended: &Outcome,
        done: &OperationResult,
        left: &RestartDetails,
    ) -> (Exit, &'static str, String) {
        let target = &plan.target;
        let worker = done.worker.map_or("no worker".to_owned(), |pid| format!("worker {pid}"));
        let main = left.main.map_or("a new process".to_owned(), |pid| format!("main process {pid}"));
        match ended {
            Outcome::Proven => {
                (Exit::Done, "proven", format!("restarted {target}: {main} with {worker} serves, proven"))
            }
            Outcome::Failed(_) => {
                let said = format!("restart of {target} was not carried out: {worker} still serves, proven");
                (Exit::Failed, "failed", said)
            }
            Outcome::Stopped(signal) => {
                let said = format!(
                    "restart of {target}: stopped by {signal} after {worker} came up, before the proof"
                );
                (Exit::Unproven, "stopped", said)
            }
            Outcome::JournalFailed(_) | Outcome::PreparationFailed(_) | Outcome::RollbackTimerFailed(_) => {
                (Exit::Unknown, "unknown", format!("restart of {target}: it could not be prepared"))
            }
            _ if left.outage.is_some() => (
                Exit::Unproven,
                "down",
                format!("HAPROXY IS DOWN: {target} was ended and did not come up again"),
            ),
            _ if left.unfinished => (
                Exit::Unproven,
                "unfinished",
                format!("restart of {target}: {worker} still serves, and may still be restarted"),
            ),
            _ => (
                Exit::Unproven,
                "unproven",
                format!("restart of {target}: not everything about it is proven"),
            ),
        }
    }

    fn body_from_result(&self, done: &mut OperationResult, left: &RestartDetails) -> RestartBody {
        let open = done.broken_claims();
        let mut body = self.body("proven");
        let downtime = left.downtime.longest().map(as_millis).filter(|_| done.ordered);
        body.act = ReloadBody {
            worker: done.worker,
            refused_ms: done.ordered.then(|| downtime.unwrap_or_default()),
            startup_log: std::mem::take(&mut done.log),
            open,
            notes: std::mem::take(&mut done.notes),
            returned: std::mem::take(&mut done.returned),
            finished: done.finished.iter().map(|step| (*step).to_owned()).collect(),
            ..body.act
        };
        if let Some(why) = left.downtime.trouble.as_ref().filter(|_| done.ordered) {
            body.act.notes.push(format!("the downtime was not measured: {why}"));
        }
        body.main = left.main;
        body.connections_cut = left.connections.filter(|_| left.main.is_some() || left.outage.is_some());
        body.downtime_ms = downtime;
        let opened = left.downtime.addresses.iter().map(|(address, gap)| ListenerDowntime {
            address: address.short(),
            closed_ms: as_millis(gap.closed),
            accepted_ms: gap.accepted.map(as_millis),
        });
        body.listeners = opened.collect();
        body.restored_ms = left.restored.map(as_millis);
        body.full_service_ms = left.full_service.map(as_millis);
        body.snapshot = left.snapshot.as_ref().map(|path| path.display().to_string());
        body
    }

    /// What is left to do by hand.
    fn by_hand(&self, done: &OperationResult, left: &RestartDetails) -> Vec<RunbookStep> {
        let Some(before) = self.facts.instance.seen() else { return Vec::new() };
        let mut list = Vec::new();
        if left.outage.is_some() {
            list.extend(outage_runbook(before));
        }
        if left.unfinished {
            list.extend(pending_job_runbook(before));
        }
        if let Some(snapshot) = &left.snapshot {
            let file = snapshot.join("runtime.json");
            list.push(RunbookStep {
                when: "the previous runtime state, with every value; it may hold secrets:".to_owned(),
                command: format!("less {}", shell_quote(&file.display().to_string())),
            });
        }
        let now = done.after.as_deref().and_then(|after| after.instance.seen());
        list.extend(manual_reload_checks(now.unwrap_or(before)));
        list
    }

    fn evidence_folder(&self, run: &str) -> std::path::PathBuf {
        self.context.settings.state_dir.value.join("evidence").join(run)
    }

    /// Saves the evidence, the report included. Where that fails, the report says so.
    fn save_evidence(&self, report: &mut Report, done: &OperationResult, run: &str) {
        let mut document = Vec::new();
        let written = report.write_json(&mut document).map_err(anyhow::Error::from).and_then(|()| {
            let mut files =
                vec![("report.json", document), ("before.json", serde_json::to_vec_pretty(self.facts)?)];
            if let Some(after) = done.after.as_deref() {
                files.push(("after.json", serde_json::to_vec_pretty(after)?));
            }
            if let Body::Restart(body) = &report.body {
                files.push(("haproxy.log", body.act.startup_log.join("\n").into_bytes()));
            }
            let of = self.facts.instance.seen().map(retention::instance_key).unwrap_or_default();
            evidence::write(&self.context.settings.state_dir.value, run, &of, &files)
        });
        if let (Err(error), Body::Restart(body)) = (written, &mut report.body) {
            body.evidence = None;
            body.act.notes.push(format!("the evidence could not be kept: {error:#}"));
        }
    }

    fn body(&self, outcome: &str) -> RestartBody {
        let control = self.facts.instance.seen().map(|instance| &instance.control);
        RestartBody {
            act: ReloadBody { outcome: outcome.to_owned(), ..ReloadBody::default() },
            reason: self.args.reason.clone().unwrap_or_default(),
            controller: control
                .and_then(|control| control.controller())
                .map_or("unknown".to_owned(), |controller| controller.describe()),
            ..RestartBody::default()
        }
    }

    /// A body that shows the plan.
    fn plan_body(&self, outcome: &str) -> RestartBody {
        let mut body = self.body(outcome);
        body.act.compared_with = Some(restart::describe_ledger_source(self.facts));
        body.act.notes =
            report::not_restorable(self.hold.map(PreservedRuntime::previews).unwrap_or_default());
        body
    }

    fn report(&self, exit: Exit, summary: String, body: RestartBody, plan: Option<&Plan>) -> Report {
        let next = body.act.apply.iter().cloned();
        let by_hand = body.act.by_hand.iter().map(|advice| advice.command.clone());
        let next: Vec<String> = next.chain(by_hand).collect();
        let mut report =
            Report::new("restart", exit, summary, Body::Restart(Box::new(body))).with_facts(self.facts);
        report.findings = self.findings.to_vec();
        report.losses = self.ledger.lines.clone();
        report.plan = plan.cloned();
        report.next = next;
        report
    }

    /// This command with another ending, ready to paste.
    fn command_with(&self, ending: &str) -> String {
        let args = self.args;
        let mut words = report::base_command("restart", args.service.as_deref(), self.context, self.facts);
        let typed = args.break_glass.as_deref().unwrap_or_default();
        let reason = args.reason.as_deref().unwrap_or_default();
        words.extend([
            "--break-glass".to_owned(),
            shell_quote(typed),
            "--reason".to_owned(),
            shell_quote(reason),
        ]);
        words.push(ending.to_owned());
        words.join(" ")
    }
}

fn as_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
