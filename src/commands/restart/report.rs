//! The report of each outcome of a restart.

use std::path::Path;
use std::time::Duration;

use super::args::RestartArgs;
use crate::act::operation::{OperationResult, Outcome};
use crate::act::restart::RestartDetails;
use crate::checks;
use crate::commands::operation::instance_report::{
    InstanceReport, add_result, add_result_to_body, as_millis,
};
use crate::commands::operation::report::Draft;
use crate::exit::Exit;
use crate::facts::{Controller, Instance};
use crate::plan::restart::{outage_runbook, pending_job_runbook};
use crate::plan::runbook::{manual_reload_checks, shell_quote};
use crate::plan::{Plan, RunbookStep};
use crate::report::{Body, ListenerDowntime, ReloadBody, Report, RestartBody};
use crate::state::{evidence, retention};

/// Everything that a report can be made from.
pub(super) struct RestartReport<'a> {
    pub(super) args: &'a RestartArgs,
    pub(super) state_dir: &'a Path,
    pub(super) on: InstanceReport<'a>,
}

impl RestartReport<'_> {
    /// The controller that restarts it is not proven, or haguard cannot use it.
    pub(super) fn unknown_controller(&self) -> Report {
        let exit = match checks::exit_code(self.on.findings) {
            Exit::Refused => Exit::Refused,
            _ => Exit::Unknown,
        };
        let way = self.on.findings.iter().find(|finding| finding.id == "restart.way");
        let why = way.map_or("its controller is not proven", |finding| finding.text.as_str());
        let facts = self.on.facts;
        let target = facts.instance.seen().map(Instance::title).unwrap_or_default();
        let draft = Draft::new(exit, "refused", format!("restart of {target} on {}: {why}", facts.host));
        self.report(draft.because(format!("haguard does not restart it: {why}.")), None)
    }

    /// The report of a draft.
    pub(super) fn report(&self, draft: Draft, plan: Option<&Plan>) -> Report {
        self.on.report(draft, plan, |act| Body::Restart(Box::new(self.body(act))))
    }

    /// The result, whatever its outcome.
    pub(super) fn finished(
        &self,
        plan: &Plan,
        mut draft: Draft,
        mut done: OperationResult,
        left: RestartDetails,
        run: &str,
    ) -> Report {
        self.reword(&mut draft, plan, &done, &left);
        if !matches!(draft.exit, Exit::Interrupted | Exit::Stale) {
            draft.summary += &format!(" (reason: {})", self.args.reason.as_deref().unwrap_or_default());
        }
        let unproven = draft.exit == Exit::Unproven;
        if unproven {
            draft.body.by_hand = self.by_hand(&done, &left);
        }
        let downtime = left.downtime.longest().filter(|_| done.ordered);
        add_result_to_body(&mut draft, &mut done, downtime.unwrap_or_default());
        if let Some(why) = left.downtime.trouble.as_ref().filter(|_| done.ordered) {
            draft.body.notes.push(format!("the downtime was not measured: {why}"));
        }
        let mut report = self.on.report(draft, Some(plan), |act| {
            let body = self.body_with_details(act, &left, downtime);
            let evidence = unproven.then(|| self.evidence_folder(run).display().to_string());
            Body::Restart(Box::new(RestartBody { evidence, ..body }))
        });
        add_result(&mut report, &done);
        if unproven {
            self.save_evidence(&mut report, &done, run);
        }
        report
    }

    /// The words of a restart for an outcome.
    fn reword(&self, draft: &mut Draft, plan: &Plan, done: &OperationResult, left: &RestartDetails) {
        let target = &plan.target;
        let worker = done.worker.map_or("no worker".to_owned(), |pid| format!("worker {pid}"));
        let main = left.main.map_or("a new process".to_owned(), |pid| format!("main process {pid}"));
        match &done.outcome {
            Outcome::Proven => {
                draft.summary = format!("restarted {target}: {main} with {worker} serves, proven");
            }
            Outcome::Failed => {
                draft.summary =
                    format!("restart of {target} was not carried out: {worker} still serves, proven");
            }
            Outcome::Stopped(signal) => {
                draft.summary = format!(
                    "restart of {target}: stopped by {signal} after {worker} came up, before the proof"
                );
            }
            Outcome::Unproven if left.outage.is_some() => {
                draft
                    .reword("down", format!("HAPROXY IS DOWN: {target} was ended and did not come up again"));
            }
            Outcome::Unproven if left.unfinished => {
                let summary =
                    format!("restart of {target}: {worker} still serves, and may still be restarted");
                draft.reword("unfinished", summary);
            }
            _ => {}
        }
    }

    fn body(&self, act: ReloadBody) -> RestartBody {
        let controller = self.on.facts.instance.seen().and_then(|instance| instance.control.controller());
        RestartBody {
            act,
            reason: self.args.reason.clone().unwrap_or_default(),
            controller: controller.map_or("unknown".to_owned(), Controller::describe),
            ..RestartBody::default()
        }
    }

    fn body_with_details(
        &self,
        act: ReloadBody,
        left: &RestartDetails,
        downtime: Option<Duration>,
    ) -> RestartBody {
        let opened = left.downtime.addresses.iter().map(|(address, gap)| ListenerDowntime {
            address: address.short(),
            closed_ms: as_millis(gap.closed),
            accepted_ms: gap.accepted.map(as_millis),
        });
        RestartBody {
            main: left.main,
            connections_cut: left.connections.filter(|_| left.main.is_some() || left.outage.is_some()),
            downtime_ms: downtime.map(as_millis),
            listeners: opened.collect(),
            restored_ms: left.restored.map(as_millis),
            full_service_ms: left.full_service.map(as_millis),
            snapshot: left.snapshot.as_ref().map(|path| path.display().to_string()),
            ..self.body(act)
        }
    }

    /// What is left to do by hand.
    fn by_hand(&self, done: &OperationResult, left: &RestartDetails) -> Vec<RunbookStep> {
        let Some(before) = self.on.facts.instance.seen() else { return Vec::new() };
        let mut list = Vec::new();
        if left.outage.is_some() {
            list.extend(outage_runbook(before));
        }
        if left.unfinished {
            list.extend(pending_job_runbook(before));
        }
        if let Some(snapshot) = &left.snapshot {
            let file = snapshot.join("runtime.json");
            list.push(RunbookStep::new(
                "the previous runtime state, with every value; it may hold secrets:",
                format!("less {}", shell_quote(&file.display().to_string())),
            ));
        }
        let now = done.after.as_deref().and_then(|after| after.instance.seen());
        list.extend(manual_reload_checks(now.unwrap_or(before)));
        list
    }

    fn evidence_folder(&self, run: &str) -> std::path::PathBuf {
        self.state_dir.join("evidence").join(run)
    }

    /// Saves the evidence, the report included. Where that fails, the report says so.
    fn save_evidence(&self, report: &mut Report, done: &OperationResult, run: &str) {
        let mut document = Vec::new();
        let written = report.write_json(&mut document).map_err(anyhow::Error::from).and_then(|()| {
            let mut files =
                vec![("report.json", document), ("before.json", serde_json::to_vec_pretty(self.on.facts)?)];
            if let Some(after) = done.after.as_deref() {
                files.push(("after.json", serde_json::to_vec_pretty(after)?));
            }
            if let Body::Restart(body) = &report.body {
                files.push(("haproxy.log", body.act.startup_log.join("\n").into_bytes()));
            }
            let of = self.on.facts.instance.seen().map(retention::instance_key).unwrap_or_default();
            evidence::write(self.state_dir, run, &of, &files)
        });
        if let (Err(error), Body::Restart(body)) = (written, &mut report.body) {
            body.evidence = None;
            body.act.notes.push(format!("the evidence could not be kept: {error:#}"));
        }
    }
}
