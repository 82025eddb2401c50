//! `restart SERVICE` for what is not HAProxy: who really serves that name, PID or port, who keeps it running, and how it
//! is restarted. Always a refusal, and nothing is touched.

use std::collections::{BTreeMap, BTreeSet};

use crate::clients::{linux, systemd};
use crate::commands::Context;
use crate::commands::operation::journal_entry;
use crate::exit::Exit;
use crate::facts::{HostFacts, Known, Proof, Role, Service};
use crate::gather::{self, Aim};
use crate::plan::service_lookup::unit;
use crate::plan::service_lookup::{self, Asked, Fit};
use crate::plan::{self, Advice, procedure};
use crate::report::{AskedService, Body, FoundService, Refusal, Report};
use crate::time::Deadline;

/// What a word means.
pub(in crate::commands) enum Meant {
    /// A HAProxy: its own story follows.
    Haproxy(Aim),
    /// Anything else, or nothing: the story ends here.
    Other(Box<Report>),
}

/// Looks up who is meant.
pub(in crate::commands) fn meant(word: Option<&str>, context: &Context<'_>) -> Meant {
    let Some(word) = word.filter(|word| *word != "haproxy") else { return Meant::Haproxy(Aim::Any) };
    let begun = std::time::Instant::now();
    let settings = &context.settings;
    let asked = Asked::parse(word);
    let host = gather::services(settings, None);
    let deadline = Deadline::after(settings.timeout.value);
    let unit = asked.unit().map(|name| named(name, deadline));
    let mut found = found_by(host.seen(), &asked, unit.as_ref());
    let thread_of = found.is_empty().then(|| asked.number().and_then(linux::process_of_thread)).flatten();
    if let Some(pid) = thread_of {
        found = found_by(host.seen(), &Asked::Number(pid), None);
        found.retain(|one| one.service.pids().any(|own| own == pid));
        found.iter_mut().for_each(|one| one.by = format!("{word} is one of its threads"));
    }
    if let ([one], Asked::Name(_) | Asked::Number(_)) = (found.as_slice(), &asked)
        && one.fit == Fit::Exact
        && one.service.role == Some(Role::Haproxy)
    {
        return Meant::Haproxy(Aim::Pid(one.service.process.pid));
    }
    // Its own unit, of which nothing runs: its story says how it is started.
    let own = settings.unit.as_ref().map_or("haproxy.service", |unit| unit.value.as_str());
    let is_haproxy = |service: &Service| service.role == Some(Role::Haproxy);
    let none = host.seen().is_some_and(|host| !host.services.iter().any(is_haproxy));
    let names_it = word == own || unit.as_ref().is_some_and(|unit| unit.own.as_deref() == Some(own));
    if names_it && found.is_empty() && none {
        return Meant::Haproxy(Aim::Any);
    }
    if let Some(pid) = thread_of.or(asked.number())
        && !found.iter().any(|one| one.service.pids().any(|own| own == pid))
        && let Some(service) = gather::service_of(settings, pid)
    {
        let by = match thread_of {
            Some(_) => format!("{word} is one of its threads"),
            None => format!("PID {pid} is its own"),
        };
        found.insert(0, FoundService { procedure: procedure(&service), service, fit: Fit::Exact, by });
    }
    let pids: Vec<u32> = found.iter().flat_map(|one| one.service.pids().collect::<Vec<_>>()).collect();
    let mut before = gather::listening(&pids);
    // Processes that do not listen, such as one for each connection, come and go by themselves.
    before.retain(|(pid, seen)| {
        let first = found.iter().any(|one| one.service.process.pid == *pid);
        first || !seen.ends_with(gather::NOTHING)
    });
    let pids: Vec<u32> = before.iter().map(|(pid, _)| *pid).collect();
    activated(&mut found, &asked, deadline);
    let refusal = refusal(word, &asked, &host, found, unit, deadline);
    let summary = format!("refused: {}", refusal.title);
    let mut report = Report::new("restart", Exit::Refused, &summary, Body::Refusal(refusal));
    report.proof = proof(before, gather::listening(&pids));
    report.cost.ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    journal_entry::end(context, format!("`{word}`"), &report, None);
    Meant::Other(Box::new(report))
}

/// Those that answer to the word, or to the name that systemd has for it.
fn found_by(host: Option<&HostFacts>, asked: &Asked, unit: Option<&Named>) -> Vec<FoundService> {
    let Some(host) = host else { return Vec::new() };
    let mut meant = service_lookup::meant(host, asked);
    let own = unit.and_then(|unit| unit.own.clone()).filter(|_| meant.iter().all(|one| one.fit == Fit::Near));
    if let Some(own) = own {
        let by_own = service_lookup::meant(host, &Asked::Name(own));
        meant = if by_own.is_empty() { meant } else { by_own };
    }
    meant
        .into_iter()
        .map(|meant| FoundService {
            procedure: procedure(meant.service),
            service: meant.service.clone(),
            fit: meant.fit,
            by: meant.by,
        })
        .collect()
}

/// The unit that the word may name, as systemd knows it.
struct Named {
    name: String,
    exists: bool,
    sentence: String,
    /// The name that systemd uses, where that is another one.
    own: Option<String>,
}

fn named(name: String, deadline: Deadline) -> Named {
    let unknown = |sentence: String, name: String| Named { name, exists: false, sentence, own: None };
    if !systemd::is_here() {
        return unknown(format!("There is no unit {name} to restart: systemd does not run this host."), name);
    }
    match systemd::show(&name, deadline.left()) {
        Err(error) => unknown(format!("Whether there is a unit {name} is not known: {error:#}."), name),
        Ok(unit) => Named {
            exists: unit::exists(&unit),
            sentence: unit::told(&name, &unit),
            own: unit::own_name(&name, &unit).map(str::to_owned),
            name,
        },
    }
}

/// systemd itself listens where it starts a service for whoever connects: what is meant is that service.
fn activated(found: &mut [FoundService], asked: &Asked, deadline: Deadline) {
    let manages =
        |one: &&mut FoundService| one.service.process.pid == 1 && one.service.process.comm == "systemd";
    for one in found.iter_mut().filter(manages) {
        let sockets = systemd::sockets(deadline.left()).unwrap_or_default();
        let held = one.service.listens.seen().into_iter().flatten();
        let meant = held.filter(|listener| {
            asked.listens(listener) || one.by.ends_with(&format!(" {}", listener.short()))
        });
        let mut of: Vec<(&str, Option<&str>)> =
            meant.filter_map(|listener| unit::for_socket(&sockets, listener)).collect();
        of.dedup();
        if !of.is_empty() {
            let units: Vec<&str> = of.iter().map(|(socket, _)| *socket).collect();
            one.by = format!("{}, for {}", one.by, units.join(" and "));
            one.procedure = plan::activated(&of);
        }
    }
}

/// Names that are most like the word, each with what it is the name of.
fn nearest(word: &str, host: Option<&HostFacts>, deadline: Deadline) -> Vec<String> {
    let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut add = |name: String, note: String| {
        known.entry(name).or_default().extend((!note.is_empty()).then_some(note));
    };
    for service in host.into_iter().flat_map(|host| &host.services) {
        if let Some(folder) = service_lookup::folder(service) {
            add(folder, format!("the folder of {}", service.title()));
        }
        service_lookup::names(service).into_iter().for_each(|(_, name)| add(name, service.title()));
    }
    systemd::names(deadline.left()).unwrap_or_default().into_iter().for_each(|name| add(name, String::new()));
    let names = service_lookup::nearest(word, known.keys().cloned());
    let described = |name: String| {
        let notes: Vec<&str> = known[&name].iter().map(String::as_str).collect();
        if notes.is_empty() { name } else { format!("{name}: {}", notes.join("; ")) }
    };
    names.into_iter().map(described).collect()
}

fn refusal(
    word: &str,
    asked: &Asked,
    host: &Known<HostFacts>,
    found: Vec<FoundService>,
    unit: Option<Named>,
    deadline: Deadline,
) -> Refusal {
    let exists = unit.as_ref().is_some_and(|unit| unit.exists);
    let exact = found.iter().any(|one| one.fit == Fit::Exact);
    let mut why: Vec<String> = unit.iter().map(|unit| unit.sentence.clone()).collect();
    why.extend(told(asked, host.seen(), &found));
    why.push("haguard restarts no service for you: it says who does.".to_owned());
    let mut unseen: Vec<String> = host.why().map(str::to_owned).into_iter().collect();
    if let Known::Seen(host) = host {
        unseen.extend(unseen_of(host, asked, exact));
    }
    let look = Advice {
        when: "see every service of this host, with who keeps it running:".to_owned(),
        command: "haguard inspect".to_owned(),
    };
    let nearest = match (exists || exact, asked) {
        (false, Asked::Name(name)) => nearest(name, host.seen(), deadline),
        _ => Vec::new(),
    };
    Refusal {
        title: format!("restart of `{word}` on {}", linux::hostname()),
        why: why.join(" "),
        unseen,
        compared_with: None,
        alternatives: vec![look],
        emergency: None,
        by_hand: Vec::new(),
        others: if exact { Vec::new() } else { haproxies(host) },
        asked: Some(Box::new(AskedService {
            word: word.to_owned(),
            unit: unit.map(|unit| unit.name),
            found,
            nearest,
        })),
    }
}

/// Who was found, and how that fits what was asked; a number is looked up in both of its meanings.
fn told(asked: &Asked, host: Option<&HostFacts>, found: &[FoundService]) -> Vec<String> {
    let mut said = Vec::new();
    if let Asked::Number(pid) = asked
        && !found.iter().any(|one| one.service.pids().any(|own| own == *pid))
    {
        said.push(format!("No process has PID {pid}."));
    }
    match asked {
        Asked::At(at) if !found.iter().any(|one| one.fit == Fit::Exact) => {
            said.push(format!("Nobody who can be seen listens on {at}."));
        }
        _ => {
            // Who is meant may be behind the one that listens.
            let here =
                host.into_iter().flat_map(|host| &host.services).filter(|service| !service.elsewhere());
            let mut all = here.chain(found.iter().map(|one| &one.service));
            let port = asked.port().filter(|port| !all.any(|service| service.on_port(*port)));
            said.extend(port.map(|port| format!("Nobody who can be seen listens on port {port}.")));
        }
    }
    let titles = |fit: Fit| {
        let all = found.iter().filter(|one| one.fit == fit);
        all.map(|one| format!("{}, controlled by {}", one.service.title(), controlled(&one.service)))
            .collect::<Vec<_>>()
    };
    match (titles(Fit::Exact), titles(Fit::Near), asked) {
        (exact, _, Asked::Port(_) | Asked::At(_)) if exact.len() > 1 => {
            said.push(format!("{} services listen there: {}.", exact.len(), exact.join("; and ")));
        }
        (exact, _, _) if !exact.is_empty() => said.push(format!("What is meant is {}.", exact.join("; or "))),
        (_, near, Asked::At(_) | Asked::Port(_) | Asked::Number(_)) if !near.is_empty() => {
            said.push(format!(
                "That port at another address, or in another network, has {}.",
                near.join("; and ")
            ));
        }
        (_, near, _) if !near.is_empty() => {
            said.push(format!(
                "Nothing that runs is called so; what comes nearest is {}.",
                near.join("; or ")
            ));
        }
        (_, _, Asked::Name(_)) => said.push("Nothing that runs here is called so.".to_owned()),
        _ => {}
    }
    said
}

fn controlled(service: &Service) -> String {
    let control = &service.control;
    match control.named() {
        Some(controller) => format!("{} ({})", controller.words(), control.certainty()),
        None => format!("nobody who is known ({})", control.certainty()),
    }
}

/// The HAProxies of this host, in case that one of them was meant.
fn haproxies(host: &Known<HostFacts>) -> Vec<String> {
    let all = host.seen().into_iter().flat_map(|host| &host.services);
    let haproxy = all.filter(|service| service.role == Some(Role::Haproxy));
    haproxy
        .map(|one| {
            let files = one.process.args().files.join(" ");
            format!("PID {}, {}, {files}, {}", one.process.pid, one.user_words(), controlled(one))
        })
        .collect()
}

/// What may hide what was asked for.
fn unseen_of(host: &HostFacts, asked: &Asked, exact: bool) -> Vec<String> {
    let mut unseen = Vec::new();
    let port = asked.port();
    let of_port = host.unowned.iter().filter(|one| one.listener.socket().map(|at| at.port()) == port);
    unseen.extend(of_port.filter(|_| port.is_some()).map(|one| host.unowned_words(one)));
    unseen.extend(host.hidden_words().filter(|_| !exact));
    unseen
}

/// Each process that was found is what it was.
fn proof(before: Vec<(u32, String)>, after: Vec<(u32, String)>) -> Vec<Proof> {
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
