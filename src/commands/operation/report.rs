//! What the reports of every operation have in common: the plan, why there is no consent, and how it ended.

use std::io;

use crate::act::consent::ClearanceDenied;
use crate::act::operation::Outcome;
use crate::checks::{self, Finding};
use crate::commands::Context;
use crate::exit::Exit;
use crate::plan::{BasisChange, Plan};
use crate::report::{Paint, ReloadBody, Report};

/// A report to which the operation adds what it alone has.
pub(in crate::commands) struct Draft {
    pub(in crate::commands) exit: Exit,
    pub(in crate::commands) summary: String,
    /// The outcome, the reason, what changed, and the command that applies the plan.
    pub(in crate::commands) body: ReloadBody,
    /// The plan is shown for a decision, so its effects are shown too.
    pub(in crate::commands) shows_plan: bool,
}

impl Draft {
    /// A draft without a reason.
    pub(in crate::commands) fn new(exit: Exit, outcome: &str, summary: impl Into<String>) -> Self {
        let body = ReloadBody { outcome: outcome.to_owned(), ..ReloadBody::default() };
        Draft { exit, summary: summary.into(), body, shows_plan: false }
    }

    /// The same with a reason, as a paragraph.
    #[must_use]
    pub(in crate::commands) fn because(mut self, why: impl Into<String>) -> Self {
        self.body.why = why.into();
        self
    }

    /// Other words for the outcome.
    pub(in crate::commands) fn reword(&mut self, outcome: &str, summary: String) {
        self.body.outcome = outcome.to_owned();
        self.summary = summary;
    }

    fn with_plan(mut self, apply: Option<String>) -> Self {
        (self.body.apply, self.shows_plan) = (apply, true);
        self
    }
}

/// The drafts about one plan.
pub(super) struct PlanDrafts<'a> {
    pub(super) plan: &'a Plan,
    /// This command with another ending, ready to paste.
    pub(super) command: &'a dyn Fn(&str) -> String,
}

impl PlanDrafts<'_> {
    fn title(&self) -> String {
        format!("{} of {}", self.plan.operation, self.plan.target)
    }

    fn approve(&self) -> String {
        (self.command)(&format!("--approve {}", self.plan.id))
    }

    /// `--plan`.
    pub(super) fn planned(&self, findings: &[Finding]) -> Draft {
        let exit = checks::exit_code(findings);
        let summary = format!("plan {}: {}", self.plan.id, self.title());
        let (summary, apply) = match exit {
            Exit::Done => (summary, Some(self.approve())),
            _ => (format!("{summary}, which would be refused now"), None),
        };
        Draft::new(exit, "planned", summary).with_plan(apply)
    }

    /// The plan, where the question follows.
    pub(super) fn asked(&self) -> Draft {
        Draft::new(Exit::Done, "asked", format!("plan {}: {}", self.plan.id, self.title())).with_plan(None)
    }

    /// No clearance.
    pub(super) fn denied(&self, denied: &ClearanceDenied) -> Draft {
        let of = self.title();
        let draft = |outcome, words: &str| Draft::new(denied.exit(), outcome, format!("{of}{words}"));
        match denied {
            ClearanceDenied::Blocked(Exit::Unknown) => {
                draft("refused", ": something it depends on is not known")
            }
            ClearanceDenied::Blocked(_) => draft("refused", ": a check says no"),
            ClearanceDenied::Stale { changes, shown } => {
                let why = describe_stale_plan(&self.plan.operation, changes, *shown);
                let mut draft = draft("stale", ": state changed since the plan was made").because(why);
                draft.body.moved.clone_from(changes);
                draft.body.apply = Some((self.command)("--plan"));
                draft
            }
            ClearanceDenied::NoConsent => draft("refused", ": it needs consent")
                .because("No terminal to ask on, and no --approve ID was given.")
                .with_plan(Some(self.approve())),
            ClearanceDenied::Declined => draft("declined", ": declined"),
        }
    }

    /// A signal came before anything was done.
    pub(super) fn interrupted(&self, signal: &str) -> Draft {
        let summary = format!("{}: {signal} came before anything was done", self.title());
        Draft::new(Exit::Interrupted, "interrupted", summary)
    }

    /// It was carried out, or failed before anything was changed.
    pub(super) fn ended(&self, outcome: &Outcome) -> Draft {
        let of = self.title();
        let draft = |exit, outcome, words: &str| Draft::new(exit, outcome, format!("{of}{words}"));
        match outcome {
            Outcome::Proven => draft(Exit::Done, "proven", ": done, proven"),
            Outcome::Failed => draft(Exit::Failed, "failed", " failed; the previous state is back, proven"),
            Outcome::Unproven => draft(Exit::Unproven, "unproven", ": not everything about it is proven"),
            Outcome::Stopped(signal) => {
                draft(Exit::Unproven, "stopped", &format!(": stopped by {signal} before the proof"))
            }
            Outcome::Interrupted(signal) => self.interrupted(signal),
            Outcome::StateChanged(changes) => {
                self.denied(&ClearanceDenied::Stale { changes: changes.clone(), shown: true })
            }
            Outcome::JournalFailed(error) => {
                draft(Exit::Unknown, "unknown", ": the journal cannot be written")
                    .because(format!("The journal cannot be written, so nothing was changed: {error:#}."))
            }
            Outcome::RollbackTimerFailed(error) => draft(Exit::Unknown, "unknown", ": no rollback timer")
                .because(format!("The rollback timer could not be started; nothing was changed: {error:#}.")),
            Outcome::PreparationFailed(error) => {
                draft(Exit::Unknown, "unknown", ": it could not be prepared")
                    .because(format!("Nothing was changed: {error:#}."))
            }
        }
    }
}

fn describe_stale_plan(operation: &str, changes: &[BasisChange], shown: bool) -> String {
    match (changes.is_empty(), shown) {
        (_, false) => {
            format!(
                "No plan with this id was shown on this host: ids come from a `haguard {operation}` with --plan."
            )
        }
        (true, true) => "The steps or the options differ from those of the plan with this id.".to_owned(),
        (false, true) => "Changed since the plan was shown:".to_owned(),
    }
}

/// Shows a plan on stderr, where the question follows.
pub(super) fn show_plan(report: &Report, context: &Context<'_>) {
    let color = context.settings.environment.no_color;
    let paint = Paint { color: !color && context.global.color != crate::cli::ColorChoice::Never };
    // A terminal that is gone will give no consent either.
    let _ = report.write_text(&mut io::stderr(), paint);
}
