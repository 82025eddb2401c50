//! The services of this host, from one pass over /proc, each with its controller.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::clients::linux::{self, ProcessScan, ScannedProcess};
use crate::config::Settings;
use crate::facts::services::{HostFacts, Role, Service, UnownedListener};
use crate::facts::{Evidence, Facts, Instance, Known, Listener, Process};
use crate::gather::controllers::ControllerQueries;
use crate::time::Deadline;
use crate::wire::linux::command_line;

/// All services of this host; with `facts` also which of them are servers of that HAProxy.
pub fn services(settings: &Settings, facts: Option<&Facts>) -> Known<HostFacts> {
    let instance = facts.and_then(|facts| facts.instance.seen());
    let queries = ControllerQueries::new(Deadline::after(settings.timeout.value), &settings.environment);
    match linux::scan_processes() {
        Err(error) => Known::unknown(format!("{error:#}")),
        Ok(scan) => {
            let mut host = host_facts(scan, &queries, instance);
            // The servers that run; where those are unknown, the ones of the files.
            let servers = facts.and_then(|facts| facts.live.servers.seen().or(facts.next.servers.seen()));
            host.find_local_servers(servers.map(Vec::as_slice).unwrap_or_default());
            Known::Seen(host)
        }
    }
}

/// One process, whatever it is; none where there is no such process.
pub fn service_by_pid(settings: &Settings, pid: u32) -> Option<Service> {
    let process = linux::process(pid).ok()?;
    let queries = ControllerQueries::new(Deadline::after(settings.timeout.value), &settings.environment);
    let listens = linux::listeners(pid).map(|all| (0..).zip(all).collect()).into();
    let scanned = ScannedProcess { process, listens, network: linux::network_namespace(&pid.to_string()) };
    Some(service(scanned, &[], &linux::network_namespace("self"), &queries, &mut UserNames::default()))
}

/// What a process that does not listen listens on.
pub const NO_LISTENERS: &str = "nothing";

/// What these processes listen on now, for a proof that they were left alone.
pub fn describe_listeners(pids: &[u32]) -> Vec<(u32, String)> {
    let shown = |pid: u32| match (linux::process(pid), linux::listeners(pid)) {
        (Err(error), _) => format!("{error:#}"),
        (Ok(process), listens) => {
            let since = process.start_ticks.map_or("unknown".to_owned(), |ticks| ticks.to_string());
            let listens = match listens {
                Ok(all) if all.is_empty() => NO_LISTENERS.to_owned(),
                Ok(all) => all.iter().map(Listener::short).collect::<Vec<_>>().join(" "),
                Err(error) => format!("unknown: {error:#}"),
            };
            format!("started at tick {since}, listens on {listens}")
        }
    };
    pids.iter().map(|pid| (*pid, shown(*pid))).collect()
}

fn host_facts(scan: ProcessScan, queries: &ControllerQueries, instance: Option<&Instance>) -> HostFacts {
    let ours = linux::network_namespace("self");
    // The worker is the one that connects to servers, and it lives where its master lives.
    let about = instance.map_or(std::process::id(), |instance| instance.main.pid);
    let network = linux::network_namespace(&about.to_string());
    let addresses = linux::namespace_addresses(about).into();
    let ProcessScan { mut processes, parents, unowned, count, hidden } = scan;
    drop_activated_sockets(&mut processes);
    queries.prefetch_units(processes.iter().map(|one| &one.process));
    let mut users = UserNames::default();
    let mut services: Vec<Service> = group_processes(processes, &parents)
        .into_iter()
        .map(|(first, members)| service(first, &members, &ours, queries, &mut users))
        .collect();
    services.sort_by_key(|service| (service.role.is_none(), service.role, service.process.pid));
    let unowned = unowned
        .into_iter()
        .map(|(listener, uid)| UnownedListener { listener, uid, user: uid.and_then(|uid| users.name(uid)) })
        .collect();
    let as_root = linux::effective_uid() == 0;
    HostFacts { services, unowned, network, addresses, local: Vec::new(), processes: count, hidden, as_root }
}

/// systemd keeps a descriptor of each socket that it opened for a service; the listener is the service's.
fn drop_activated_sockets(processes: &mut Vec<ScannedProcess>) {
    let manages = |one: &ScannedProcess| one.process.comm == "systemd";
    let taken: BTreeSet<u64> = processes
        .iter()
        .filter(|one| !manages(one))
        .flat_map(|one| one.listens.seen().into_iter().flat_map(BTreeMap::keys).copied())
        .collect();
    for one in processes.iter_mut().filter(|one| manages(one)) {
        if let Known::Seen(listens) = &mut one.listens {
            listens.retain(|inode, _| !taken.contains(inode));
        }
    }
    processes.retain(|one| !manages(one) || one.listens.seen().is_some_and(|all| !all.is_empty()));
}

/// Puts each process under the listed ancestor that it is a part of.
fn group_processes(
    processes: Vec<ScannedProcess>,
    parents: &BTreeMap<u32, u32>,
) -> Vec<(ScannedProcess, Vec<ScannedProcess>)> {
    let by_pid: BTreeMap<u32, &ScannedProcess> = processes.iter().map(|one| (one.process.pid, one)).collect();
    let mut head: BTreeMap<u32, u32> = BTreeMap::new();
    for one in &processes {
        // The nearest listed ancestor; what stands in between (a shell) may be no part of it.
        let above = ancestors(one.process.pid, parents).find(|pid| *pid <= 1 || by_pid.contains_key(pid));
        let of = above.and_then(|pid| by_pid.get(&pid)).filter(|above| is_worker_of(one, above));
        head.extend(of.map(|above| (one.process.pid, above.process.pid)));
    }
    let first_of = |pid: u32| ancestors(pid, &head).last().unwrap_or(pid);
    let mut groups: BTreeMap<u32, (Option<ScannedProcess>, Vec<ScannedProcess>)> = BTreeMap::new();
    let order: Vec<u32> = processes.iter().map(|one| first_of(one.process.pid)).collect();
    for (one, first) in processes.into_iter().zip(order) {
        let group = groups.entry(first).or_default();
        match one.process.pid == first {
            true => group.0 = Some(one),
            false => group.1.push(one),
        }
    }
    groups.into_values().filter_map(|(first, members)| Some((first?, members))).collect()
}

/// The parents of a process. PIDs may be reused while /proc is read, so that there may seem to be a circle.
fn ancestors(pid: u32, parents: &BTreeMap<u32, u32>) -> impl Iterator<Item = u32> {
    std::iter::successors(parents.get(&pid).copied(), |pid| parents.get(pid).copied()).take(MOST_ANCESTORS)
}

/// Parents that are followed at most.
const MOST_ANCESTORS: usize = 64;

/// A worker of a master: the same program with the same arguments or in the same role, or nothing but sockets that it got
/// from there. PostgreSQL's own processes write a sentence over their arguments.
fn is_worker_of(one: &ScannedProcess, above: &ScannedProcess) -> bool {
    if one.process.is_haproxy() && above.process.is_haproxy() {
        return true;
    }
    let inherited = match (&one.listens, &above.listens) {
        (Known::Seen(own), Known::Seen(theirs)) => {
            !own.is_empty() && own.keys().all(|inode| theirs.contains_key(inode))
        }
        _ => false,
    };
    let exe = |one: &ScannedProcess| one.process.exe.seen().cloned();
    let role = |one: &ScannedProcess| command_line::role(exe(one).as_deref(), &one.process.argv);
    let same_role = || role(one).is_some() && role(one) == role(above);
    let same_program = exe(one) == exe(above) && (one.process.argv == above.process.argv || same_role());
    above.process.comm != "systemd" && (inherited || same_program)
}

fn service(
    first: ScannedProcess,
    members: &[ScannedProcess],
    ours: &Known<String>,
    queries: &ControllerQueries,
    users: &mut UserNames,
) -> Service {
    let ScannedProcess { mut process, listens, network } = first;
    let mut all: Known<Vec<Listener>> = listens.map(|own| own.into_values().collect());
    for member in members {
        match (&mut all, &member.listens) {
            (Known::Seen(all), Known::Seen(more)) => all.extend(more.values().cloned()),
            (Known::Seen(_), Known::Unknown { why }) => all = Known::unknown(why.clone()),
            (Known::Unknown { .. }, _) => {}
        }
    }
    if let Known::Seen(all) = &mut all {
        all.sort();
        all.dedup();
    }
    let control = queries.identify(&process);
    let exe = process.exe.seen().map(String::as_str);
    let role = command_line::role(exe, &process.argv);
    let role_by = role.map(|role| role_evidence(role, &process)).unwrap_or_default();
    let name = match command_line::program(exe, &process.argv) {
        name if name.is_empty() => process.comm.clone(),
        name => name,
    };
    let files = existing_files(&process);
    process.argv = command_line::redact_args(&process.argv);
    Service {
        name,
        role,
        role_by,
        members: members.iter().map(|member| member.process.pid).collect(),
        user: users.name(process.uid),
        control,
        listens: all,
        same_network: ours.as_ref().zip(network.as_ref()).map(|(ours, theirs)| ours == theirs),
        network,
        files,
        process,
    }
}

fn role_evidence(role: Role, process: &Process) -> Vec<Evidence> {
    let program = match &process.exe {
        Known::Seen(exe) => exe.clone(),
        Known::Unknown { why } => format!("unknown: {why}"),
    };
    vec![
        Evidence::new(format!("/proc/{}/exe", process.pid), program),
        Evidence::new(
            format!("/proc/{}/cmdline", process.pid),
            format!("the arguments of a {}", role.display_name()),
        ),
    ]
}

/// The files that its arguments name and that are there, as it would open them.
fn existing_files(process: &Process) -> Vec<String> {
    let named = match process.is_haproxy() {
        true => process.haproxy_args().files,
        false => command_line::config_file_candidates(&process.argv),
    };
    let root = format!("/proc/{}/root", process.pid);
    let is_there = |path: &String| {
        let inside = Path::new(path)
            .strip_prefix("/")
            .is_ok_and(|rest| linux::exists(&Path::new(&root).join(rest)).unwrap_or_default());
        // Its root is closed to us without root, and then a path of our own is the best that can be had.
        inside || (process.exe.seen().is_none() && Path::new(path).exists())
    };
    named.iter().map(|path| process.absolute(path)).filter(is_there).collect()
}

/// Names of users, each looked up once.
#[derive(Default)]
struct UserNames(BTreeMap<u32, Option<String>>);

impl UserNames {
    fn name(&mut self, uid: u32) -> Option<String> {
        self.0.entry(uid).or_insert_with(|| linux::user_name(uid)).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scanned_process(pid: u32, comm: &str, listens: &[u64]) -> ScannedProcess {
        let me = linux::process(std::process::id()).unwrap();
        let at = |inode: &u64| (*inode, Listener::Tcp(([127, 0, 0, 1], 80).into()));
        ScannedProcess {
            process: crate::facts::Process { pid, comm: comm.into(), argv: vec![comm.into()], ..me },
            listens: Known::Seen(listens.iter().map(at).collect()),
            network: Known::Seen("net:[1]".into()),
        }
    }

    #[test]
    fn a_socket_that_systemd_opened_for_a_service_is_the_services() {
        let mut all = vec![
            scanned_process(1, "systemd", &[5, 6]),
            scanned_process(20, "cups", &[5]),
            scanned_process(30, "systemd", &[5]),
        ];
        drop_activated_sockets(&mut all);
        let left: Vec<(u32, Vec<u64>)> = all
            .iter()
            .map(|one| (one.process.pid, one.listens.seen().unwrap().keys().copied().collect()))
            .collect();
        assert_eq!(left, [(1, vec![6]), (20, vec![5])]);
    }

    #[test]
    fn what_postgresql_starts_for_itself_is_one_service_with_it_and_what_a_script_starts_is_not() {
        let postgres = |pid, words: &str, listens: &[u64]| {
            let mut one = scanned_process(pid, "postgres", listens);
            one.process.argv = match words.contains(": ") {
                true => vec![words.to_owned()],
                false => words.split(' ').map(str::to_owned).collect(),
            };
            one.process.exe = Known::Seen("/usr/lib/postgresql/15/bin/postgres".into());
            one
        };
        let all = vec![
            postgres(20, "postgres -D /data", &[5]),
            postgres(21, "postgres: lab: checkpointer ", &[]),
            postgres(22, "postgres: lab: app app 127.0.0.1(1) idle", &[]),
            scanned_process(23, "exporter", &[6]),
        ];
        let groups = group_processes(all, &BTreeMap::from([(20, 1), (21, 20), (22, 20), (23, 20)]));
        let pids = |(first, members): &(ScannedProcess, Vec<ScannedProcess>)| {
            (first.process.pid, members.iter().map(|one| one.process.pid).collect::<Vec<_>>())
        };
        assert_eq!(groups.iter().map(pids).collect::<Vec<_>>(), [(20, vec![21, 22]), (23, vec![])]);
    }

    #[test]
    fn what_seems_a_circle_of_parents_has_an_end() {
        let parents = BTreeMap::from([(20, 30), (30, 20), (40, 1)]);
        let all = vec![scanned_process(20, "a", &[5]), scanned_process(40, "b", &[6])];
        let groups = group_processes(all, &parents);
        let first: Vec<u32> = groups.iter().map(|(one, _)| one.process.pid).collect();
        assert_eq!(first, [20, 40]);
    }
}
