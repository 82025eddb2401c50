//! `restart SERVICE` for what is not HAProxy: which process serves that name, PID or port, what keeps it running, and how
//! to restart it. Always a refusal; it changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::clients::{linux, systemd};
use crate::commands::Context;
use crate::commands::operation::journal_entry;
use crate::exit::Exit;
use crate::facts::{HostFacts, Known, Proof, Role, Service};
use crate::gather::{self, InstanceSelector};
use crate::plan::service_lookup::unit;
use crate::plan::service_lookup::{self, MatchQuality, ServiceQuery};
use crate::plan::{self, RunbookStep, service_runbook};
use crate::report::{Body, MatchedService, Refusal, Report, ServiceLookup};
use crate::time::Deadline;

/// The target that a word names.
pub(in crate::commands) enum RestartTarget {
    /// A HAProxy: the command continues with it.
    Haproxy(InstanceSelector),
    /// Anything else, or nothing: the report that ends the command.
    Other(Box<Report>),
}

/// Looks up the target.
pub(in crate::commands) fn resolve_target(word: Option<&str>, context: &Context<'_>) -> RestartTarget {
    let Some(word) = word.filter(|word| *word != "haproxy") else {
        return RestartTarget::Haproxy(InstanceSelector::Any);
    };
    let begun = std::time::Instant::now();
    let settings = &context.settings;
    let asked = ServiceQuery::parse(word);
    let host = gather::services(settings, None);
    let deadline = Deadline::after(settings.timeout.value);
    let unit = asked.unit_name().map(|name| query_unit(name, deadline));
    let mut found = find_services(host.seen(), &asked, unit.as_ref());
    let thread_of = found.is_empty().then(|| asked.number().and_then(linux::thread_group_id)).flatten();
    if let Some(pid) = thread_of {
        found = find_services(host.seen(), &ServiceQuery::Number(pid), None);
        found.retain(|one| one.service.pids().any(|own| own == pid));
        found.iter_mut().for_each(|one| one.by = format!("{word} is one of its threads"));
    }
    if let ([one], ServiceQuery::Name(_) | ServiceQuery::Number(_)) = (found.as_slice(), &asked)
        && one.fit == MatchQuality::Exact
        && one.service.role == Some(Role::Haproxy)
    {
        return RestartTarget::Haproxy(InstanceSelector::Pid(one.service.process.pid));
    }
    // HAProxy's own unit while no HAProxy runs: its refusal shows how to start it.
    let own = settings.unit.as_ref().map_or("haproxy.service", |unit| unit.value.as_str());
    let is_haproxy = |service: &Service| service.role == Some(Role::Haproxy);
    let none = host.seen().is_some_and(|host| !host.services.iter().any(is_haproxy));
    let names_it =
        word == own || unit.as_ref().is_some_and(|unit| unit.canonical_name.as_deref() == Some(own));
    if names_it && found.is_empty() && none {
        return RestartTarget::Haproxy(InstanceSelector::Any);
    }
    if let Some(pid) = thread_of.or(asked.number())
        && !found.iter().any(|one| one.service.pids().any(|own| own == pid))
        && let Some(service) = gather::service_by_pid(settings, pid)
    {
        let by = match thread_of {
            Some(_) => format!("{word} is one of its threads"),
            None => format!("PID {pid} is its own"),
        };
        found.insert(
            0,
            MatchedService { procedure: service_runbook(&service), service, fit: MatchQuality::Exact, by },
        );
    }
    let pids: Vec<u32> = found.iter().flat_map(|one| one.service.pids().collect::<Vec<_>>()).collect();
    let mut before = gather::describe_listeners(&pids);
    // Processes that do not listen, such as one for each connection, come and go by themselves.
    before.retain(|(pid, seen)| {
        let first = found.iter().any(|one| one.service.process.pid == *pid);
        first || !seen.ends_with(gather::NO_LISTENERS)
    });
    let pids: Vec<u32> = before.iter().map(|(pid, _)| *pid).collect();
    apply_socket_activation(&mut found, &asked, deadline);
    let refusal = refusal(word, &asked, &host, found, unit, deadline);
    let summary = format!("refused: {}", refusal.title);
    let mut report = Report::new("restart", Exit::Refused, &summary, Body::Refusal(refusal));
    report.proof = unchanged_proof(before, gather::describe_listeners(&pids));
    report.cost.ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    journal_entry::record_end(context, format!("`{word}`"), &report, None);
    RestartTarget::Other(Box::new(report))
}

/// Services that match the word, or the name that systemd has for it.
fn find_services(
    host: Option<&HostFacts>,
    asked: &ServiceQuery,
    unit: Option<&NamedUnit>,
) -> Vec<MatchedService> {
    let Some(host) = host else { return Vec::new() };
    let mut meant = service_lookup::find_services(host, asked);
    let own = unit
        .and_then(|unit| unit.canonical_name.clone())
        .filter(|_| meant.iter().all(|one| one.quality == MatchQuality::Near));
    if let Some(own) = own {
        let by_own = service_lookup::find_services(host, &ServiceQuery::Name(own));
        meant = if by_own.is_empty() { meant } else { by_own };
    }
    meant
        .into_iter()
        .map(|meant| MatchedService {
            procedure: service_runbook(meant.service),
            service: meant.service.clone(),
            fit: meant.quality,
            by: meant.reason,
        })
        .collect()
}

/// The unit that the word may name, as systemd knows it.
struct NamedUnit {
    name: String,
    exists: bool,
    sentence: String,
    /// The name that systemd uses, where that is another one.
    canonical_name: Option<String>,
}

fn query_unit(name: String, deadline: Deadline) -> NamedUnit {
    let unknown =
        |sentence: String, name: String| NamedUnit { name, exists: false, sentence, canonical_name: None };
    if !systemd::is_running() {
        return unknown(format!("There is no unit {name} to restart: systemd does not run this host."), name);
    }
    match systemd::show(&name, deadline.left()) {
        Err(error) => unknown(format!("Whether there is a unit {name} is not known: {error:#}."), name),
        Ok(unit) => NamedUnit {
            exists: unit::is_known_unit(&unit),
            sentence: unit::describe_unit(&name, &unit),
            canonical_name: unit::canonical_name(&name, &unit).map(str::to_owned),
            name,
        },
    }
}

/// systemd holds the sockets of a service that it starts on a connection: then the target is that service.
fn apply_socket_activation(found: &mut [MatchedService], asked: &ServiceQuery, deadline: Deadline) {
    let manages =
        |one: &&mut MatchedService| one.service.process.pid == 1 && one.service.process.comm == "systemd";
    for one in found.iter_mut().filter(manages) {
        let sockets = systemd::socket_units(deadline.left()).unwrap_or_default();
        let held = one.service.listens.seen().into_iter().flatten();
        let meant = held.filter(|listener| {
            asked.matches_listener(listener) || one.by.ends_with(&format!(" {}", listener.short()))
        });
        let mut of: Vec<(&str, Option<&str>)> =
            meant.filter_map(|listener| unit::find_by_listener(&sockets, listener)).collect();
        of.dedup();
        if !of.is_empty() {
            let units: Vec<&str> = of.iter().map(|(socket, _)| *socket).collect();
            one.by = format!("{}, for {}", one.by, units.join(" and "));
            one.procedure = plan::socket_activated_runbook(&of);
        }
    }
}

/// Names that are most like the word, each with what it is the name of.
fn nearest_names(word: &str, host: Option<&HostFacts>, deadline: Deadline) -> Vec<String> {
    let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut add = |name: String, note: String| {
        known.entry(name).or_default().extend((!note.is_empty()).then_some(note));
    };
    for service in host.into_iter().flat_map(|host| &host.services) {
        if let Some(folder) = service_lookup::folder_name(service) {
            add(folder, format!("the folder of {}", service.title()));
        }
        service_lookup::service_names(service).into_iter().for_each(|(_, name)| add(name, service.title()));
    }
    systemd::unit_names(deadline.left())
        .unwrap_or_default()
        .into_iter()
        .for_each(|name| add(name, String::new()));
    let names = service_lookup::nearest_names(word, known.keys().cloned());
    let described = |name: String| {
        let notes: Vec<&str> = known[&name].iter().map(String::as_str).collect();
        if notes.is_empty() { name } else { format!("{name}: {}", notes.join("; ")) }
    };
    names.into_iter().map(described).collect()
}

fn refusal(
    word: &str,
    asked: &ServiceQuery,
    host: &Known<HostFacts>,
    found: Vec<MatchedService>,
    unit: Option<NamedUnit>,
    deadline: Deadline,
) -> Refusal {
    let exists = unit.as_ref().is_some_and(|unit| unit.exists);
    let exact = found.iter().any(|one| one.fit == MatchQuality::Exact);
    let mut why: Vec<String> = unit.iter().map(|unit| unit.sentence.clone()).collect();
    why.extend(describe_matches(asked, host.seen(), &found));
    why.push("haguard only restarts HAProxy; for other services it shows the commands.".to_owned());
    let mut unseen: Vec<String> = host.why().map(str::to_owned).into_iter().collect();
    if let Known::Seen(host) = host {
        unseen.extend(unseen_listeners(host, asked, exact));
    }
    let look =
        RunbookStep::new("see every service of this host, with what keeps it running:", "haguard inspect");
    let nearest = match (exists || exact, asked) {
        (false, ServiceQuery::Name(name)) => nearest_names(name, host.seen(), deadline),
        _ => Vec::new(),
    };
    Refusal {
        title: format!("restart of `{word}` on {}", linux::hostname()),
        why: why.join(" "),
        unseen,
        alternatives: vec![look],
        others: if exact { Vec::new() } else { list_haproxies(host) },
        asked: Some(Box::new(ServiceLookup {
            word: word.to_owned(),
            unit: unit.map(|unit| unit.name),
            found,
            nearest,
        })),
        ..Refusal::default()
    }
}

/// The matches, in sentences. A number is looked up both as a PID and as a port.
fn describe_matches(asked: &ServiceQuery, host: Option<&HostFacts>, found: &[MatchedService]) -> Vec<String> {
    let mut sentences = Vec::new();
    if let ServiceQuery::Number(pid) = asked
        && !found.iter().any(|one| one.service.pids().any(|own| own == *pid))
    {
        sentences.push(format!("No process has PID {pid}."));
    }
    match asked {
        ServiceQuery::Address(at) if !found.iter().any(|one| one.fit == MatchQuality::Exact) => {
            sentences.push(format!("No visible process listens on {at}."));
        }
        _ => {
            // The target may be behind the process that listens.
            let here = host
                .into_iter()
                .flat_map(|host| &host.services)
                .filter(|service| !service.in_other_network());
            let mut all = here.chain(found.iter().map(|one| &one.service));
            let port = asked.port().filter(|port| !all.any(|service| service.listens_on_port(*port)));
            sentences.extend(port.map(|port| format!("No visible process listens on port {port}.")));
        }
    }
    let titles = |fit: MatchQuality| {
        let all = found.iter().filter(|one| one.fit == fit);
        all.map(|one| format!("{}, controlled by {}", one.service.title(), describe_controller(&one.service)))
            .collect::<Vec<_>>()
    };
    match (titles(MatchQuality::Exact), titles(MatchQuality::Near), asked) {
        (exact, _, ServiceQuery::Port(_) | ServiceQuery::Address(_)) if exact.len() > 1 => {
            sentences.push(format!("{} services listen there: {}.", exact.len(), exact.join("; and ")));
        }
        (exact, _, _) if !exact.is_empty() => sentences.push(format!("Match: {}.", exact.join("; or "))),
        (_, near, ServiceQuery::Address(_) | ServiceQuery::Port(_) | ServiceQuery::Number(_))
            if !near.is_empty() =>
        {
            sentences.push(format!(
                "That port at another address, or in another network namespace, belongs to {}.",
                near.join("; and ")
            ));
        }
        (_, near, _) if !near.is_empty() => {
            sentences
                .push(format!("No running service has that name. Closest match: {}.", near.join("; or ")));
        }
        (_, _, ServiceQuery::Name(_)) => sentences.push("No running service has that name.".to_owned()),
        _ => {}
    }
    sentences
}

fn describe_controller(service: &Service) -> String {
    let control = &service.control;
    match control.controller() {
        Some(controller) => format!("{} ({})", controller.describe(), control.certainty()),
        None => format!("no known controller ({})", control.certainty()),
    }
}

/// The HAProxy instances of this host, as other possible targets.
fn list_haproxies(host: &Known<HostFacts>) -> Vec<String> {
    let all = host.seen().into_iter().flat_map(|host| &host.services);
    let haproxy = all.filter(|service| service.role == Some(Role::Haproxy));
    haproxy
        .map(|one| {
            let files = one.process.haproxy_args().files.join(" ");
            format!("PID {}, {}, {files}, {}", one.process.pid, one.user_label(), describe_controller(one))
        })
        .collect()
}

/// Listeners and processes that could not be seen, and may be the target.
fn unseen_listeners(host: &HostFacts, asked: &ServiceQuery, exact: bool) -> Vec<String> {
    let mut unseen = Vec::new();
    let port = asked.port();
    let of_port = host.unowned.iter().filter(|one| one.listener.socket_addr().map(|at| at.port()) == port);
    unseen.extend(of_port.filter(|_| port.is_some()).map(|one| host.describe_unowned(one)));
    unseen.extend(host.describe_hidden().filter(|_| !exact));
    unseen
}

/// The proof that the processes that were found are unchanged.
fn unchanged_proof(before: Vec<(u32, String)>, after: Vec<(u32, String)>) -> Vec<Proof> {
    let pairs = before.into_iter().zip(after);
    pairs
        .map(|((pid, before), (_, after))| Proof {
            claim: format!("process {pid} and what it listens on"),
            before,
            after,
            source: format!("/proc/{pid}"),
        })
        .collect()
}
