//! What the reports of a reload and of a restart have in common: one HAProxy, its ledger and the result.

use std::time::Duration;

use super::report::Draft;
use crate::act::operation::OperationResult;
use crate::checks::{self, Finding, Level};
use crate::commands::Context;
use crate::exit::Exit;
use crate::facts::{Facts, Instance, Known};
use crate::plan::replay::ReplayPreview;
use crate::plan::runbook::shell_quote;
use crate::plan::{self, Ledger, Plan};
use crate::report::{Body, Report, WorkerCounts};

/// Everything that a report about one HAProxy is made from.
pub(in crate::commands) struct InstanceReport<'a> {
    pub(in crate::commands) command: &'static str,
    pub(in crate::commands) facts: &'a Facts,
    pub(in crate::commands) ledger: &'a Ledger,
    pub(in crate::commands) findings: &'a [Finding],
    pub(in crate::commands) previews: &'a [ReplayPreview],
}

impl InstanceReport<'_> {
    /// It is not known what runs.
    pub(in crate::commands) fn unknown_instance(&self) -> Draft {
        let why = self.facts.instance.why().unwrap_or("no instance was found");
        Draft::new(Exit::Unknown, "unknown", format!("what runs here is not known: {why}")).because(why)
    }

    /// The report of a draft; `body` wraps its common part.
    pub(in crate::commands) fn report(
        &self,
        mut draft: Draft,
        plan: Option<&Plan>,
        body: impl FnOnce(crate::report::ReloadBody) -> Body,
    ) -> Report {
        if draft.shows_plan {
            draft.body.compared_with = Some(describe_ledger_source(self.facts));
            draft.body.notes = self.not_restorable();
        }
        let next = draft.body.next_commands();
        let report = Report::new(self.command, draft.exit, draft.summary, body(draft.body));
        let mut report = report.with_facts(self.facts);
        report.findings = self.findings.to_vec();
        report.losses.clone_from(&self.ledger.lines);
        report.plan = plan.cloned();
        report.next = next;
        report
    }

    /// What a replay cannot put back.
    fn not_restorable(&self) -> Vec<String> {
        let lost = self.previews.iter().filter(|preview| preview.how.is_none());
        let describe = |preview: &ReplayPreview| {
            let why = preview.why.as_deref().unwrap_or("no reason is known");
            format!("not put back: {} {}: {why}", preview.kind, preview.object)
        };
        lost.map(describe).collect()
    }
}

/// Moves what a reload or restart left into the body; `refused` is the longest time for which clients were refused.
pub(in crate::commands) fn add_result_to_body(
    draft: &mut Draft,
    done: &mut OperationResult,
    refused: Duration,
) {
    let body = &mut draft.body;
    body.worker = done.worker;
    body.refused_ms = done.ordered.then(|| as_millis(refused));
    body.startup_log = std::mem::take(&mut done.log);
    body.open = done.broken_claims();
    body.notes = std::mem::take(&mut done.notes);
    body.returned = std::mem::take(&mut done.returned);
    body.finished = done.finished.iter().map(|step| (*step).to_owned()).collect();
}

/// Adds the proof, the findings afterwards and the cost of both.
pub(in crate::commands) fn add_result(report: &mut Report, done: &OperationResult) {
    report.changed = matches!(report.exit, Exit::Done | Exit::Unproven);
    report.proof = done.claims.iter().map(|claim| claim.proof.clone()).collect();
    report.cost.runtime_calls += done.calls;
    if let Some(after) = done.after.as_deref() {
        report.findings.extend(dataplane_findings(after));
        report.cost.runtime_calls += after.cost.runtime_calls;
        report.cost.dataplane_calls += after.cost.dataplane_calls;
        report.cost.ms += after.cost.ms;
    }
}

/// The findings about a Data Plane API after the change.
fn dataplane_findings(after: &Facts) -> Vec<Finding> {
    let ids = ["dp.memory", "dp.md5", "dp.lkg-drift", "dp.pending-reload"];
    let ledger = plan::ledger(after);
    let findings = checks::run_checks(after, &ledger, &ids).into_iter();
    findings.filter(|finding| finding.level != Level::Skipped).collect()
}

/// In milliseconds.
pub(in crate::commands) fn as_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The words of this command up to those that name its target, ready to paste.
pub(in crate::commands) fn base_command(
    operation: &str,
    service: Option<&str>,
    context: &Context<'_>,
    facts: &Facts,
) -> Vec<String> {
    let mut words = vec!["haguard".to_owned(), operation.to_owned()];
    words.extend(service.map(shell_quote));
    let global = context.global;
    let flags = [
        ("--config", &global.config),
        ("--master-socket", &global.master_socket),
        ("--stats-socket", &global.stats_socket),
    ];
    for (flag, value) in flags {
        words.extend(value.iter().flat_map(|path| [flag.to_owned(), shell_quote(&path.to_string_lossy())]));
    }
    if service.is_none() && global.master_socket.is_none() && global.stats_socket.is_none() {
        words.extend(facts.instance.seen().and_then(|instance| chosen_pid(instance, context, facts)));
    }
    words
}

/// The PID that was chosen at the terminal, where several instances run.
fn chosen_pid(instance: &Instance, context: &Context<'_>, facts: &Facts) -> Option<String> {
    let several = facts.candidates.seen().is_some_and(|all| all.len() > 1);
    (several && !context.settings.names_a_socket()).then(|| instance.main.pid.to_string())
}

/// What the ledger was made from.
pub(in crate::commands) fn describe_ledger_source(facts: &Facts) -> String {
    match &facts.config.source {
        Known::Unknown { why } => format!("the files on disk are not known: {why}"),
        Known::Seen(_) => {
            let files: Vec<&str> = facts.config.files.iter().map(|file| file.path.as_str()).collect();
            format!("compared with {} ({})", files.join(" "), describe_provenance(facts))
        }
    }
}

/// Whether the next worker was rehearsed or only read, and the result of the rehearsal.
fn describe_provenance(facts: &Facts) -> String {
    match &facts.rehearsal {
        Some(Known::Seen(rehearsal)) if rehearsal.came_up => {
            format!(
                "rehearsed from cold: it comes up with {}",
                WorkerCounts::from_worker_state(&facts.next).describe()
            )
        }
        Some(Known::Seen(_)) => "read; rehearsed from cold it did not come up".to_owned(),
        Some(Known::Unknown { why }) => format!("read, not rehearsed: {why}"),
        None => "read, not rehearsed".to_owned(),
    }
}
