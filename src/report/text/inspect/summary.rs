//! The first lines of `inspect`: what runs, who controls it, whether it is well, what would be lost, what to do next.

use std::io::{self, Write};

use crate::checks::{Finding, Level};
use crate::facts::{Facts, Instance, Known};
use crate::plan::{Effect, Loss};
use crate::plural::plural;
use crate::report::text::causes::Cause;
use crate::report::text::wrap::{WIDTH, one_line, paragraph};
use crate::report::{Paint, Report, Tally};

/// As many lines are read at a glance.
pub(super) const MAX_LINES: usize = 5;
/// The reason why no HAProxy was found has what the other lines leave.
const MAX_REASON_LINES: usize = 3;
/// What stands before the text of a line.
const LABEL_WIDTH: usize = 15;

/// Writes at most [`MAX_LINES`] lines. `cause` explains why nothing is known, and how many checks need it.
pub(super) fn write(
    report: &Report,
    facts: &Facts,
    cause: Option<&Cause<'_>>,
    out: &mut impl Write,
    paint: Paint,
) -> io::Result<()> {
    let lines = match &facts.instance {
        Known::Seen(instance) => seen(report, facts, instance),
        Known::Unknown { why } => not_found(report, facts, why, cause),
    };
    for (label, text) in lines.iter().take(MAX_LINES) {
        let label = format!("{label:<LABEL_WIDTH$}");
        let text = one_line(text, WIDTH - LABEL_WIDTH - 1);
        writeln!(out, "{} {text}", paint.strong(&label))?;
    }
    Ok(())
}

type Line = (&'static str, String);

fn seen(report: &Report, facts: &Facts, instance: &Instance) -> Vec<Line> {
    vec![
        ("runs", describe_instance(facts, instance)),
        ("controlled by", instance.control.describe()),
        ("health", describe_health(&report.findings)),
        ("would be lost", describe_losses(&report.losses)),
        ("next", next_step(report)),
    ]
}

fn wrap_reason(why: &str) -> String {
    paragraph("", "", &format!("not known: {why}"), WIDTH - LABEL_WIDTH - 1)
}

/// The summary has no room for all of this reason.
pub(super) fn cuts_reason(why: &str) -> bool {
    wrap_reason(why).lines().count() > MAX_REASON_LINES
}

fn not_found(report: &Report, facts: &Facts, why: &str, cause: Option<&Cause<'_>>) -> Vec<Line> {
    // Shown once: a reason that is too long for the summary is below it in full.
    let reason = match cuts_reason(why) {
        true => "not known, for the reason below".to_owned(),
        false => wrap_reason(why),
    };
    let mut lines: Vec<Line> = reason.lines().map(|line| ("", line.to_owned())).collect();
    lines.iter_mut().take(1).for_each(|line| line.0 = "runs");
    lines.push(("health", cause.map_or_else(|| describe_health(&report.findings), describe_cause)));
    let several = facts.candidates.seen().is_some_and(|all| !all.is_empty());
    let next = match several {
        true => "name one of the instances below with --master-socket",
        false => "if one runs: run haguard as root, or name its --master-socket",
    };
    lines.push(("next", next.to_owned()));
    lines
}

/// The reason is in the line above.
fn describe_cause(cause: &Cause<'_>) -> String {
    format!("not known: {} need it", plural(cause.findings.len(), "check"))
}

/// Its processes and how much they serve.
fn describe_instance(facts: &Facts, instance: &Instance) -> String {
    // A distribution's addition, such as -1+deb13u4, is in the details.
    let version = instance.running_version.seen().and_then(|version| version.split('-').next());
    let version = version.map_or(String::new(), |version| format!(" {version}"));
    let title = instance.title().replacen("HAProxy", &format!("HAProxy{version}"), 1);
    let servers = facts.live.servers.seen().map(|all| plural(all.len(), "server"));
    let connections = facts.live.connections.seen();
    let connections =
        connections.map(|all| plural(usize::try_from(all.current).unwrap_or(usize::MAX), "connection"));
    let load: Vec<String> = servers.into_iter().chain(connections).collect();
    let load = if load.is_empty() { String::new() } else { format!(", {}", load.join(", ")) };
    format!("{title} on {}{load}", facts.host)
}

/// The worst first; what is skipped or passed needs no reader.
fn describe_health(findings: &[Finding]) -> String {
    let Tally { pass, warn, fail, unknown, .. } = Tally::from_findings(findings);
    let unknowns = format!("{unknown} not known");
    let warnings = plural(warn, "warning");
    match (fail, unknown, warn) {
        (0, 0, 0) => format!("healthy: {} passed", plural(pass, "check")),
        (0, 0, _) => format!("no check failed, {warnings}"),
        (0, _, _) => format!("not known: {} could not tell, {warnings}", plural(unknown, "check")),
        _ => format!("NOT healthy: {} failed, {unknowns}, {warnings}", plural(fail, "check")),
    }
}

/// What a restart and a reload would take away.
fn describe_losses(losses: &[Loss]) -> String {
    let count = |pick: fn(&Loss) -> Effect, effect| losses.iter().filter(|line| pick(line) == effect).count();
    let restart = count(|line| line.on_restart, Effect::Lost);
    let reload = count(|line| line.on_reload, Effect::Lost);
    let unknown = count(|line| line.on_restart, Effect::Unknown);
    let amount = |count| match count {
        0 => "nothing".to_owned(),
        count => plural(count, "thing"),
    };
    let unknown = match unknown {
        0 => String::new(),
        unknown => format!("; not known for {}", plural(unknown, "thing")),
    };
    match (restart, reload) {
        (0, 0) if unknown.is_empty() => "nothing: no runtime state differs from the files".to_owned(),
        (restart, reload) => {
            format!("by a restart {}, by a reload {}{unknown}", amount(restart), amount(reload))
        }
    }
}

/// One step: about the worst finding, else about what would be lost.
fn next_step(report: &Report) -> String {
    let worst = |level| report.findings.iter().find(|one| one.level == level && one.ignored_by.is_none());
    let lost = report.losses.iter().any(|line| line.on_restart != Effect::Kept);
    match (worst(Level::Fail).or_else(|| worst(Level::Unknown)), lost, worst(Level::Warn)) {
        (Some(finding), ..) => format!("haguard explain {}", finding.id),
        (None, true, _) => "add --losses: it lists each thing that would be lost".to_owned(),
        (None, false, Some(finding)) => format!("haguard explain {}", finding.id),
        (None, false, None) => "nothing to do".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

    use super::*;
    use crate::exit::Exit;
    use crate::facts::controllers::SystemdUnit;
    use crate::facts::{ServerAdminState, test_facts};
    use crate::report::Body;
    use crate::report::text::causes;
    use crate::{checks, plan};

    fn summary(facts: &Facts) -> String {
        let ledger = plan::ledger(facts);
        let mut report = Report::new("inspect", Exit::Done, "", Body::Facts(Box::new(facts.clone())));
        report.findings = checks::run_checks(facts, &ledger, &[]);
        report.losses = ledger.lines;
        let (causes, _) = causes::split(&report.findings);
        let cause = causes.iter().find(|cause| Some(cause.why) == facts.instance.why());
        let mut out = Vec::new();
        write(&report, facts, cause, &mut out, Paint { color: false }).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.lines().count() <= MAX_LINES, "{text}");
        assert!(text.lines().all(|line| line.width() <= WIDTH), "{text}");
        text
    }

    /// The text behind a label.
    fn line<'a>(text: &'a str, label: &str) -> &'a str {
        text.lines()
            .find_map(|line| line.strip_prefix(label))
            .unwrap_or_else(|| panic!("{label}: {text}"))
            .trim()
    }

    #[test]
    fn a_healthy_haproxy_is_told_in_five_lines() {
        let mut facts = test_facts::healthy();
        let text = summary(&facts);
        assert_eq!(line(&text, "runs"), "HAProxy 3.0.11 (master 100) on lb1, 2 servers, 0 connections");
        assert_eq!(line(&text, "controlled by"), "no service manager (control group /user.slice)");
        assert_eq!(line(&text, "health"), "no check failed, 1 warning");
        assert_eq!(line(&text, "would be lost"), "nothing: no runtime state differs from the files");
        assert_eq!(line(&text, "next"), "haguard explain arch.manager");
        let unit = crate::facts::Controller::Systemd(SystemdUnit { unit: "haproxy.service".into() });
        test_facts::instance_mut(&mut facts).control = test_facts::proven_control(unit);
        facts.live.servers = Known::Seen(vec![test_facts::server("web", "s1", 8001)]);
        assert!(line(&summary(&facts), "runs").contains("1 server, "), "{}", summary(&facts));
    }

    #[test]
    fn what_would_be_lost_and_what_is_wrong_come_with_the_step_that_tells_more() {
        let mut facts = test_facts::healthy();
        test_facts::known_mut(&mut facts.live.servers)[0].admin = Known::Seen(ServerAdminState::Maint);
        let text = summary(&facts);
        assert_eq!(line(&text, "would be lost"), "by a restart 1 thing, by a reload 1 thing");
        assert!(line(&text, "next").contains("--losses"), "{text}");
        test_facts::known_mut(&mut facts.config.test).valid = false;
        let text = summary(&facts);
        assert!(line(&text, "health").starts_with("NOT healthy: 1 check failed"), "{text}");
        assert_eq!(line(&text, "next"), "haguard explain config.test-same-argv");
    }

    #[test]
    fn where_no_haproxy_is_found_the_reason_stands_once_with_the_number_of_checks_that_need_it() {
        let facts =
            test_facts::without_instance("no HAProxy process can be seen here: none runs, or it is hidden");
        let text = summary(&facts);
        assert!(line(&text, "runs").starts_with("not known: no HAProxy process can be seen here"), "{text}");
        assert!(line(&text, "health").ends_with(" checks need it"), "{text}");
    }

    #[test]
    fn long_names_are_cut_and_never_make_a_sixth_line() {
        let long = "name-of-a-customer".repeat(30);
        let mut facts = test_facts::healthy();
        facts.host = long.clone();
        let unit = crate::facts::Controller::Systemd(SystemdUnit { unit: long.clone() });
        test_facts::instance_mut(&mut facts).control = test_facts::proven_control(unit);
        assert!(line(&summary(&facts), "controlled by").ends_with(".."));
        let text = summary(&test_facts::without_instance(&format!("{long} {long}")));
        assert_eq!(line(&text, "runs"), "not known, for the reason below");
    }
}
