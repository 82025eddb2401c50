//! For each address that a reload would add: whether it is free, and who holds it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::configured::ConfiguredListener;
use super::unix_paths;
use crate::clients::linux::bind_probe::{self, BindProbe};
use crate::clients::linux::{self, BindPrivileges};
use crate::facts::binds::subtract_listeners;
use crate::facts::{
    BindState, Known, Listener, NewBind, Overlap, OwnerProcess, Provenance, SocketOwner, WorkerState,
};
use crate::gather::DiscoveredInstance;
use crate::gather::haproxy::paths;
use crate::wire::haproxy::config::BindOptions;
use crate::wire::linux::proc_net::SocketEntry;

/// Looks at every bind of the next worker that this one does not have.
pub(in crate::gather) fn find_new_binds(
    found: &DiscoveredInstance,
    live: &WorkerState,
    next: &WorkerState,
    declared: &Known<Vec<ConfiguredListener>>,
) -> Known<Vec<NewBind>> {
    let listens = match &live.listeners {
        Known::Unknown { why } => return Known::unknown(why.clone()),
        Known::Seen(listens) => listens,
    };
    let asked = declared.seen().map(Vec::as_slice).unwrap_or_default();
    let wanted = match (&next.listeners, declared) {
        (Known::Seen(wanted), _) => wanted.clone(),
        (Known::Unknown { why }, Known::Unknown { .. }) => return Known::unknown(why.clone()),
        (Known::Unknown { .. }, Known::Seen(_)) => certain_listeners(asked),
    };
    let lines: BTreeMap<&Listener, &ConfiguredListener> =
        asked.iter().filter_map(|one| Some((one.listener.seen()?, one))).collect();
    let mut binds = check_addresses(found, &subtract_listeners(&wanted, listens), &lines);
    // /proc does not show v6only, so that an IPv6 wildcard that stays may begin to take IPv4 and meet another listener.
    let unchanged = lines
        .iter()
        .filter(|(listener, line)| may_widen_to_ipv4(listener, line) && listens.contains(listener));
    let unchanged: Vec<Listener> = unchanged.map(|(listener, _)| (*listener).clone()).collect();
    let widened = check_addresses(found, &unchanged, &lines).into_iter();
    binds.extend(widened.filter(|bind| matches!(bind.state, BindState::Taken { .. })));
    if next.how == Provenance::Read {
        binds.extend(asked.iter().filter_map(unknown_bind));
    }
    Known::Seen(binds)
}

/// It would take IPv4 as well, unless the host's own setting forbids it.
fn may_widen_to_ipv4(listener: &Listener, line: &ConfiguredListener) -> bool {
    let six = listener.socket_addr().is_some_and(|at| at.is_ipv6() && at.ip().is_unspecified());
    six && line.options.v6only != Some(true) && line.options.namespace.is_none()
}

fn certain_listeners(asked: &[ConfiguredListener]) -> Vec<Listener> {
    let here = asked.iter().filter(|one| one.options.namespace.is_none());
    let all: BTreeSet<Listener> = here.filter_map(|one| one.listener.seen().cloned()).collect();
    all.into_iter().collect()
}

/// A line whose listener, or whose network, is not known.
fn unknown_bind(one: &ConfiguredListener) -> Option<NewBind> {
    let why = match (&one.listener, &one.options.namespace) {
        (Known::Unknown { why }, _) => why.clone(),
        (Known::Seen(_), Some(name)) => {
            format!("it is in network namespace {name}, which is not looked into")
        }
        (Known::Seen(_), None) => return None,
    };
    Some(NewBind {
        listener: None,
        address: one.listener.seen().map_or_else(|| one.text.clone(), Listener::short),
        at: Some(one.at.clone()),
        state: BindState::Unknown { why },
    })
}

fn check_addresses(
    found: &DiscoveredInstance,
    new: &[Listener],
    lines: &BTreeMap<&Listener, &ConfiguredListener>,
) -> Vec<NewBind> {
    if new.is_empty() {
        return Vec::new();
    }
    let pid = found.instance.main.pid;
    let plain = BindOptions::default();
    let judged: Vec<BindCheck> = match linux::bound_sockets(pid, false) {
        Err(error) => {
            new.iter().map(|_| BindCheck::Decided(BindState::Unknown { why: format!("{error:#}") })).collect()
        }
        Ok(rows) => {
            let look = |there: Known<()>| -> Vec<BindCheck> {
                let checker = BindChecker::new(found, &rows, there);
                new.iter()
                    .map(|one| checker.check(one, lines.get(one).map_or(&plain, |d| &d.options)))
                    .collect()
            };
            // Where it has a network of its own, that is where an address is free or not.
            linux::in_network_namespace(pid, || look(Known::Seen(())))
                .unwrap_or_else(|error| look(Known::unknown(format!("{error:#}"))))
        }
    };
    let held = judged.iter().flat_map(|judged| match judged {
        BindCheck::Decided(_) => &[][..],
        BindCheck::InUse { rows, .. } => rows,
    });
    let owners =
        SocketOwnerLookup::from_inodes(held.map(|row| row.inode).filter(|inode| *inode != 0).collect());
    let bind = |(listener, judged): (&Listener, BindCheck)| NewBind {
        address: listener.short(),
        at: lines.get(listener).map(|declared| declared.at.clone()),
        listener: Some(listener.clone()),
        state: match judged {
            BindCheck::Decided(state) => state,
            BindCheck::InUse { rows, silently } => {
                BindState::Taken { by: rows.into_iter().map(|row| owners.owner(row)).collect(), silently }
            }
        },
    };
    new.iter().zip(judged).map(bind).collect()
}

enum BindCheck {
    Decided(BindState),
    InUse { rows: Vec<SocketEntry>, silently: bool },
}

fn unknown_check(why: impl Into<String>) -> BindCheck {
    BindCheck::Decided(BindState::Unknown { why: why.into() })
}

/// What is needed to judge, gathered once.
struct BindChecker<'a> {
    found: &'a DiscoveredInstance,
    rights: Known<BindPrivileges>,
    /// We are in its network, where addresses can be tried.
    in_target_network: Known<()>,
    /// What holds for an IPv6 wildcard whose line does not say; none where that is set in another network.
    ipv6_only_default: Option<bool>,
    /// By port, or by 0 for what has none.
    rows: HashMap<u16, Vec<&'a SocketEntry>>,
    own: Known<BTreeSet<u64>>,
}

impl<'a> BindChecker<'a> {
    fn new(found: &'a DiscoveredInstance, rows: &'a [SocketEntry], there: Known<()>) -> Self {
        let pid = found.instance.main.pid;
        let mut by_port: HashMap<u16, Vec<&SocketEntry>> = HashMap::new();
        for row in rows.iter().filter(|row| row.listening) {
            by_port.entry(row.listener.socket_addr().map_or(0, |at| at.port())).or_default().push(row);
        }
        BindChecker {
            found,
            rights: linux::bind_privileges(pid).into(),
            ipv6_only_default: there.seen().and_then(|()| linux::ipv6_only_by_default()),
            in_target_network: there,
            rows: by_port,
            own: own_sockets(found),
        }
    }

    fn check(&self, listener: &Listener, options: &BindOptions) -> BindCheck {
        let port = listener.socket_addr().map_or(0, |at| at.port());
        let near = self.rows.get(&port).into_iter().flatten();
        let (mut own, mut sure, mut perhaps) = (false, Vec::new(), Vec::new());
        let full = self.with_full_path(listener);
        for row in near {
            match overlap(&full, options.v6only.or(self.ipv6_only_default), &row.listener) {
                Overlap::No => {}
                _ if self.own.seen().is_some_and(|own| own.contains(&row.inode)) => own = true,
                Overlap::Yes => sure.push((*row).clone()),
                Overlap::IfDualStack => perhaps.push((*row).clone()),
            }
        }
        if let (Known::Unknown { why }, false) = (&self.own, sure.is_empty() && perhaps.is_empty()) {
            return unknown_check(format!("another process listens there, or this HAProxy itself: {why}"));
        }
        match listener {
            Listener::Unix(path) => {
                match unix_paths::inspect_path(&self.found.instance.main, &self.rights, path) {
                    // A listener whose socket file was removed does not hold the path.
                    unix_paths::UnixPathState::Socket if !sure.is_empty() => {
                        BindCheck::InUse { rows: sure, silently: true }
                    }
                    unix_paths::UnixPathState::Socket | unix_paths::UnixPathState::Vacant => {
                        BindCheck::Decided(BindState::Free)
                    }
                    unix_paths::UnixPathState::Decided(state) => BindCheck::Decided(state),
                }
            }
            Listener::Inherited(fd) => {
                unknown_check(format!("what stands behind descriptor {fd} is not known"))
            }
            _ if !sure.is_empty() => match &options.interface {
                None => BindCheck::InUse { rows: sure, silently: false },
                Some(name) => unknown_check(format!(
                    "others listen on that port, and whether they do on interface {name} is not shown"
                )),
            },
            Listener::Abstract { .. } => BindCheck::Decided(BindState::Free),
            Listener::Tcp(_) | Listener::Udp(_) => self.probe(listener, options, own, perhaps),
        }
    }

    /// A path as others write it; HAProxy's own may start in its folder.
    fn with_full_path(&self, listener: &Listener) -> Listener {
        match listener {
            Listener::Unix(path) => {
                Listener::Unix(paths::absolute(&self.found.instance.main, path).display().to_string())
            }
            other => other.clone(),
        }
    }

    /// No visible socket holds it: try to bind it.
    fn probe(
        &self,
        listener: &Listener,
        options: &BindOptions,
        own: bool,
        perhaps: Vec<SocketEntry>,
    ) -> BindCheck {
        let Some(at) = listener.socket_addr() else { return unknown_check("it has no address") };
        if let Known::Unknown { why } = &self.in_target_network {
            return unknown_check(why.clone());
        }
        let rights = match &self.rights {
            Known::Unknown { why } => return unknown_check(why.clone()),
            Known::Seen(rights) => rights,
        };
        let attempt = bind_probe::ProbeOptions { v6only: options.v6only, anywhere: options.transparent };
        // Where our own rights fall short, or where HAProxy itself is in the way, the host alone is asked about.
        let on_host = |otherwise: BindCheck| match bind_probe::probe_ip(at.ip(), attempt) {
            BindProbe::NotLocal => BindCheck::Decided(BindState::AddressNotAvailable),
            BindProbe::Available => otherwise,
            other => unknown_check(format!("trying to bind {at}: {other:?}")),
        };
        if at.port() < rights.first_unprivileged_port && !rights.low_ports {
            let pid = self.found.instance.main.pid;
            let why = format!(
                "port {} needs CAP_NET_BIND_SERVICE, which PID {pid} (uid {}) does not have",
                at.port(),
                rights.uid
            );
            return on_host(BindCheck::Decided(BindState::Denied { why }));
        }
        match bind_probe::probe_listener(listener, attempt).unwrap_or(BindProbe::Denied) {
            BindProbe::Available => BindCheck::Decided(BindState::Free),
            BindProbe::NotLocal => BindCheck::Decided(BindState::AddressNotAvailable),
            BindProbe::Failed(why) => unknown_check(format!("trying to bind {at}: {why}")),
            BindProbe::Denied => {
                on_host(unknown_check(format!("port {} can be tried by root only", at.port())))
            }
            BindProbe::InUse if own && perhaps.is_empty() => on_host(BindCheck::Decided(BindState::Free)),
            BindProbe::InUse if own => unknown_check("a listener on the IPv6 wildcard may take IPv4 as well"),
            BindProbe::InUse if !perhaps.is_empty() => BindCheck::InUse { rows: perhaps, silently: false },
            BindProbe::InUse => {
                BindCheck::InUse { rows: self.blocking_connection(listener), silently: false }
            }
        }
    }

    /// Even an open connection keeps its own port from a listener.
    fn blocking_connection(&self, listener: &Listener) -> Vec<SocketEntry> {
        let rows = linux::bound_sockets(self.found.instance.main.pid, true).unwrap_or_default();
        let meets = |row: &SocketEntry| !row.listening && row.listener.overlap(listener) != Overlap::No;
        // One that has ended is still in the table for a while, with no process behind it.
        let mut met: Vec<SocketEntry> = rows.into_iter().filter(meets).collect();
        met.sort_by_key(|row| row.inode == 0);
        met.truncate(1);
        met
    }
}

/// How a new bind and a listener meet, after what the line says of IPv6.
fn overlap(new: &Listener, v6only: Option<bool>, other: &Listener) -> Overlap {
    let six = new.socket_addr().is_some_and(|at| at.is_ipv6() && at.ip().is_unspecified());
    match (new.overlap(other), six, v6only) {
        (Overlap::IfDualStack, true, Some(true)) => Overlap::No,
        (Overlap::IfDualStack, true, Some(false)) => Overlap::Yes,
        (overlap, _, _) => overlap,
    }
}

/// The sockets of this HAProxy: of its master and of every worker, also of one that is on its way out. They give way
/// to the next worker.
fn own_sockets(found: &DiscoveredInstance) -> Known<BTreeSet<u64>> {
    let instance = &found.instance;
    let listed = instance.workers.seen().into_iter().chain(instance.old_workers.seen()).flatten();
    let mut pids: BTreeSet<u32> = listed.map(|worker| worker.pid).collect();
    pids.insert(instance.main.pid);
    pids.extend(instance.serving.seen());
    let children = linux::haproxy_processes().unwrap_or_default().into_iter();
    pids.extend(children.filter(|process| process.ppid == instance.main.pid).map(|process| process.pid));
    let mut sockets = BTreeSet::new();
    for pid in pids {
        match linux::open_sockets(pid) {
            Ok(open) => sockets.extend(open.into_keys()),
            // A worker may end while it is looked at.
            Err(_) if linux::process(pid).is_err() => {}
            Err(error) => return Known::unknown(format!("{error:#}")),
        }
    }
    Known::Seen(sockets)
}

/// The processes behind the sockets that are in the way.
/// Names the owners of sockets, after one search through all processes.
pub(super) struct SocketOwnerLookup {
    owners: linux::SocketOwners,
}

impl SocketOwnerLookup {
    pub(super) fn from_inodes(inodes: BTreeSet<u64>) -> Self {
        SocketOwnerLookup {
            owners: if inodes.is_empty() {
                linux::SocketOwners::default()
            } else {
                linux::find_socket_owners(&inodes)
            },
        }
    }

    pub(super) fn owner(&self, row: SocketEntry) -> SocketOwner {
        let process = self.owners.pid_by_inode.get(&row.inode).and_then(|pid| owner_process(*pid));
        let unseen = match (&process, self.owners.hidden) {
            (Some(_), _) => None,
            (None, true) => Some("which one only root can see".to_owned()),
            (None, false) => Some("in the kernel, or where no process is seen from here".to_owned()),
        };
        SocketOwner { process, unseen, listens: row.listening, uid: row.uid, holds: row.listener }
    }
}

fn owner_process(pid: u32) -> Option<OwnerProcess> {
    let process = linux::process(pid).ok()?;
    let mut words = process.argv.iter();
    let program = words.next().cloned().unwrap_or_else(|| process.comm.clone());
    let first = words.next().filter(|word| !word.starts_with('-') && !word.contains('='));
    Some(OwnerProcess {
        pid,
        name: process.comm,
        uid: process.uid,
        user: linux::user_name(process.uid),
        command: first.map_or_else(|| program.clone(), |first| format!("{program} {first}")),
    })
}
