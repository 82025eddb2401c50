//! Every kind of report with long names: no line leaves the page, and no count disagrees with its noun.

use unicode_width::UnicodeWidthStr;

use super::wrap::WIDTH;
use crate::checks::{self, Finding, Level};
use crate::exit::Exit;
use crate::facts::controllers::SystemdUnit;
use crate::facts::routes::{Route, RouteBackend, RouteServer, Routes};
use crate::facts::{Controller, Facts, Known, Provenance, Role, test_facts};
use crate::plan::replay::ReplayResult;
use crate::plan::service_lookup::MatchQuality;
use crate::plan::{self, BasisChange, Effect, Loss, LossKind, RunbookStep};
use crate::report::{
    Body, CheckSummary, CommandError, Confirmation, ConfirmationRequest, Explanation, GuardBody,
    LedgerSource, ListenerDowntime, MatchedService, Paint, PinsReport, Refusal, RehearsalBody, ReloadBody,
    Report, ReportTable, RestartBody, ServiceLookup, ServiceProcedure, Tally,
};

/// A path and a name that fit on no line.
const PATH: &str =
    "/srv/load-balancers/edge/customers/a-customer-with-a-long-name/haproxy/versions/3.0.11/conf/haproxy.cfg";
const NAME: &str =
    "a_backend_whose_name_somebody_generated_from_a_ticket_and_a_date_and_a_region_and_a_team_2026_11_30";

/// Facts with `count` of everything that is listed or counted, under these names.
fn facts(name: &str, path: &str, count: usize) -> Facts {
    let mut facts = test_facts::healthy();
    facts.host = name.chars().take(60).collect();
    let numbered = |at: usize| format!("{name}{at}");
    let servers = || (0..count).map(|at| test_facts::server(name, &numbered(at), 8001)).collect();
    facts.live.servers = Known::Seen(servers());
    for server in test_facts::known_mut(&mut facts.live.servers) {
        server.admin = Known::Seen(crate::facts::ServerAdminState::Maint);
    }
    facts.live.proxies =
        Known::Seen((0..count).map(|at| test_facts::proxy(&numbered(at), at % 2 == 0)).collect());
    test_facts::add_new_bind(&mut facts, crate::facts::BindState::Unknown { why: format!("{path}: denied") });
    facts.config.files[0].path = path.to_owned();
    test_facts::known_mut(&mut facts.config.test).valid = false;
    test_facts::known_mut(&mut facts.config.test).alerts =
        vec![format!("{path}:1: unknown keyword '{name}'")];
    facts.config.undecided = (0..count).map(|at| format!("{path}:{at} {name}")).collect();
    let control =
        test_facts::proven_control(Controller::Systemd(SystemdUnit { unit: format!("{name}.service") }));
    let instance = test_facts::instance_mut(&mut facts);
    instance.control = control;
    instance.main.argv = vec![path.to_owned(), "-f".to_owned(), path.to_owned()];
    instance.failed_reloads = Known::Seen(u32::try_from(count).unwrap());
    test_facts::known_mut(&mut instance.master_socket).path = path.to_owned();
    test_facts::known_mut(&mut instance.admin_sockets)[0].path = path.to_owned();
    let listed = test_facts::known_mut(&mut facts.candidates);
    let again: Vec<_> = (0..count).map(|_| listed[0].clone()).collect();
    listed.extend(again);
    let services = (0..count).map(|at| service(name, path, u16::try_from(at).unwrap()));
    let mut host = test_facts::host_facts(services.collect());
    host.hidden = count;
    host.local.push(crate::facts::LocalServer {
        backend: name.to_owned(),
        server: name.to_owned(),
        address: "127.0.0.1:8001".to_owned(),
        served_by: vec![4711],
        unserved: None,
    });
    facts.on_host = Known::Seen(host);
    facts.routes = Known::Seen(routes(name, path));
    facts.unchanged = Known::Seen(vec![crate::facts::Proof {
        claim: path.to_owned(),
        before: format!("md5 {name}"),
        after: format!("md5 {path}"),
        source: path.to_owned(),
    }]);
    facts
}

fn service(name: &str, path: &str, at: u16) -> crate::facts::Service {
    let mut service = test_facts::service(
        name,
        9000 + at,
        Controller::Systemd(SystemdUnit { unit: format!("{name}.service") }),
    );
    service.process.cwd = Known::Seen(path.to_owned());
    service.process.argv.push(path.to_owned());
    service.files = vec![path.to_owned()];
    service.role = (at == 0).then_some(Role::Haproxy);
    service
}

fn routes(name: &str, path: &str) -> Routes {
    let server = RouteServer {
        name: name.to_owned(),
        address: Known::Seen("127.0.0.1:8001".to_owned()),
        status: Known::Seen("UP".to_owned()),
    };
    let route = Route {
        frontend: name.to_owned(),
        host: Some(format!("{name}.example")),
        when: format!("path -f {path}"),
        backend: Known::Seen(name.to_owned()),
        at: format!("{path}:9"),
    };
    Routes {
        routes: vec![route.clone(), Route { backend: Known::unknown(path), ..route }],
        backends: vec![RouteBackend { name: name.to_owned(), servers: vec![server] }],
        notes: vec![format!("{path} was written after the worker's start")],
    }
}

fn step(name: &str, path: &str) -> RunbookStep {
    RunbookStep {
        when: format!("for {name} in {path}:"),
        command: format!("haproxy -c -f {path} -sf {name}"),
    }
}

/// Every body, with these names and `count` of what it lists.
fn bodies(facts: &Facts, name: &str, path: &str, count: usize) -> Vec<(&'static str, Exit, Body)> {
    let line = format!("{name}: {path}: permission denied");
    let lines = vec![line.clone(); count];
    let steps = vec![step(name, path); count];
    let found = MatchedService {
        service: service(name, path, 0),
        fit: MatchQuality::Exact,
        by: line.clone(),
        procedure: plan::service_runbook(&service(name, path, 0)),
    };
    let refusal = |asked| Refusal {
        title: line.clone(),
        why: line.clone(),
        unseen: lines.clone(),
        compared_with: None,
        alternatives: steps.clone(),
        emergency: Some(step(name, path)),
        by_hand: steps.clone(),
        others: lines.clone(),
        asked,
    };
    let lookup = ServiceLookup { word: name.into(), unit: None, found: vec![found], nearest: lines.clone() };
    let request = ConfirmationRequest {
        id: "3f9c1a2b04".into(),
        within: "5m".into(),
        until: jiff::Timestamp::UNIX_EPOCH,
        command: format!("haguard confirm 3f9c1a2b04 --config {path}"),
        previous: line.clone(),
    };
    let reload = || ReloadBody {
        outcome: "unproven".into(),
        why: line.clone(),
        moved: vec![BasisChange { what: path.into(), before: name.into(), after: name.into() }],
        refused_ms: Some(7),
        startup_log: lines.clone(),
        open: lines.clone(),
        notes: lines.clone(),
        returned: [true, false].map(|returned| replay_result(name, path, returned)).into(),
        finished: lines.clone(),
        compared_with: Some(line.clone()),
        apply: Some(format!("haguard reload --master-socket {path} --approve 3f9c1a2b04")),
        by_hand: steps.clone(),
        ..ReloadBody::default()
    };
    let restart = RestartBody {
        act: reload(),
        connections_cut: Some(u64::try_from(count).unwrap()),
        downtime_ms: Some(1),
        listeners: vec![ListenerDowntime { address: path.into(), closed_ms: 1, accepted_ms: None }],
        restored_ms: Some(1),
        full_service_ms: Some(1),
        snapshot: Some(path.into()),
        evidence: Some(path.into()),
        ..RestartBody::default()
    };
    let guard = GuardBody {
        outcome: "asked".into(),
        why: line.clone(),
        file: Some(path.into()),
        text: Some(format!("[Unit]\n# {line}\nRefuseManualStop=yes\n")),
        refused: lines.clone(),
        works: lines.clone(),
        holes: lines.clone(),
        by_hand: steps.clone(),
        ..GuardBody::default()
    };
    let confirmation = Confirmation {
        id: "3f9c1a2b04".into(),
        outcome: "confirmed".into(),
        target: name.into(),
        until: None,
        why: line.clone(),
    };
    let pins = PinsReport { file: path.into(), pinned: lines.clone(), diff: vec![], unproven: lines.clone() };
    let table = ReportTable {
        columns: vec!["key", "value", "origin"],
        rows: vec![vec!["haproxy.stats_socket".into(), path.into(), line.clone()]; count],
    };
    let difference = plan::StateChanges::from_diff(&plan::WorkerDiff::from_facts(facts));
    let mut rehearsal = RehearsalBody::from_facts(facts, Some(difference));
    rehearsal.warnings = lines.clone();
    let explanation = Explanation { id: name.into(), title: line.clone(), text: lines.clone() };
    let verdict = CheckSummary { tally: Tally::default(), measures: vec![] };
    let error = CommandError { message: line.clone(), mend: Some(line.clone()) };
    vec![
        ("restart", Exit::Refused, Body::Refusal(refusal(None))),
        ("restart", Exit::Refused, Body::Refusal(refusal(Some(Box::new(lookup))))),
        ("rehearse", Exit::Done, Body::Rehearsal(Box::new(rehearsal))),
        ("reload", Exit::Unproven, Body::Reload(Box::new(reload()))),
        ("reload", Exit::Done, Body::Reload(Box::new(ReloadBody { confirm: Some(request), ..reload() }))),
        ("restart", Exit::Unproven, Body::Restart(Box::new(restart))),
        ("confirm", Exit::Done, Body::Confirmation(confirmation)),
        ("guard install", Exit::Refused, Body::Guard(Box::new(guard))),
        ("inspect", Exit::Done, Body::Facts(Box::new(facts.clone()))),
        ("inspect", Exit::Done, Body::Routes(Box::new(facts.clone()))),
        ("inspect", Exit::Done, Body::Pins(pins)),
        ("inspect", Exit::Done, Body::Ledger(LedgerSource { compared_with: line.clone() })),
        ("check", Exit::Refused, Body::Verdict(verdict)),
        ("config show", Exit::Done, Body::Table(table)),
        ("explain", Exit::Done, Body::Explanation(explanation)),
        ("check", Exit::Usage, Body::Error(error)),
    ]
}

fn replay_result(name: &str, path: &str, returned: bool) -> ReplayResult {
    ReplayResult {
        kind: LossKind::ServerWeight,
        object: name.into(),
        what: "weight",
        detail: path.into(),
        returned,
        why: Some(path.into()),
    }
}

/// One line of the ledger of each kind.
fn losses(name: &str, path: &str, count: u64) -> Vec<Loss> {
    let loss = |(at, kind): (usize, &LossKind)| Loss {
        kind: *kind,
        object: name.to_owned(),
        count: (at % 3 > 0).then_some(count),
        on_reload: Effect::Lost,
        on_restart: Effect::Unknown,
        detail: format!("not as in {path}"),
        how: Provenance::Read,
    };
    plan::losses::KINDS.iter().enumerate().map(loss).collect()
}

/// Every report as text.
fn render_all(name: &str, path: &str, count: usize, color: bool) -> Vec<String> {
    let facts = facts(name, path, count);
    let none = test_facts::without_instance(&format!("no HAProxy process can be seen here: {path}: {name}"));
    let mut cases = bodies(&facts, name, path, count);
    cases.push(("inspect", Exit::Unknown, Body::Facts(Box::new(none.clone()))));
    let summary = format!("{name} on {path}");
    cases
        .into_iter()
        .map(|(command, exit, body)| {
            let seen = if exit == Exit::Unknown { &none } else { &facts };
            let ledger = plan::ledger(seen);
            let mut report = Report::new(command, exit, &summary, body).with_facts(seen);
            report.findings = checks::run_checks(seen, &ledger, &[]);
            report.findings[0] = Finding {
                id: "config.mworker-max-reloads".into(),
                level: Level::Warn,
                text: format!("{path}: {name}"),
                evidence: vec![format!("{path}: {name}"); 9],
                mend: Some(format!("correct {path}")),
                ignored_by: Some(format!("{path}: {name}")),
            };
            report.losses = losses(name, path, u64::try_from(count).unwrap());
            report.plan = plan::reload(seen, &ledger, None);
            report.procedures = seen.on_host.seen().map(ServiceProcedure::from_host).unwrap_or_default();
            let mut out = Vec::new();
            report.write_text(&mut out, Paint { color }).unwrap();
            report.write_short(&mut out, Paint { color }).unwrap();
            String::from_utf8(out).unwrap()
        })
        .collect()
}

/// The text without colours: what a terminal shows.
fn shown(text: &str) -> String {
    let mut shown = String::new();
    let mut parts = text.split('\u{1b}');
    shown += parts.next().unwrap_or_default();
    parts.for_each(|part| shown += part.split_once('m').map_or("", |(_, rest)| rest));
    shown
}

#[test]
fn no_line_leaves_the_page_whatever_the_names_are() {
    for color in [false, true] {
        for (name, path) in
            [(NAME, PATH), ("ein Name mit Umlauten wie Übergröße und 漢字", PATH), ("a", "/b")]
        {
            for text in render_all(name, path, 3, color) {
                for line in shown(&text).lines() {
                    assert!(line.width() <= WIDTH, "{} columns: {line}\n{text}", line.width());
                }
            }
        }
    }
}

#[test]
fn no_line_ends_with_a_blank() {
    for text in render_all(NAME, PATH, 2, false) {
        for line in text.lines() {
            assert_eq!(line.trim_end(), line, "{text}");
        }
    }
}

/// Words after a 1 that end with s and are no plural.
const SINGULAR: &[&str] = &["ms", "s", "process", "address", "is", "was", "runs", "has"];

#[test]
fn one_thing_is_never_told_in_the_plural() {
    for text in render_all("web", "/etc/haproxy.cfg", 1, false) {
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            for pair in words.windows(2).filter(|pair| pair[0].trim_start_matches('(') == "1") {
                let noun = pair[1].trim_end_matches(|c: char| !c.is_alphanumeric());
                assert!(!noun.ends_with('s') || SINGULAR.contains(&noun), "`1 {noun}` in {text}");
            }
        }
    }
}
