//! For each address that a reload would add: can it be had, and who holds it?

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::configured::Declared;
use super::unix_paths;
use crate::clients::linux::bind_probe::{self, Trial};
use crate::clients::linux::{self, Rights};
use crate::facts::binds::minus;
use crate::facts::{BindState, Holder, How, Known, Listener, NewBind, Overlap, Owner, Picture};
use crate::gather::Found;
use crate::gather::haproxy::paths;
use crate::wire::haproxy::config::BindOptions;
use crate::wire::linux::proc_net::Row;

/// Looks at every bind of the next worker that this one does not have.
pub(in crate::gather) fn of(
    found: &Found,
    live: &Picture,
    next: &Picture,
    declared: &Known<Vec<Declared>>,
) -> Known<Vec<NewBind>> {
    let listens = match &live.listeners {
        Known::Unknown { why } => return Known::unknown(why.clone()),
        Known::Seen(listens) => listens,
    };
    let asked = declared.seen().map(Vec::as_slice).unwrap_or_default();
    let wanted = match (&next.listeners, declared) {
        (Known::Seen(wanted), _) => wanted.clone(),
        (Known::Unknown { why }, Known::Unknown { .. }) => return Known::unknown(why.clone()),
        (Known::Unknown { .. }, Known::Seen(_)) => certain(asked),
    };
    let lines: BTreeMap<&Listener, &Declared> =
        asked.iter().filter_map(|one| Some((one.listener.seen()?, one))).collect();
    let mut binds = addresses(found, &minus(&wanted, listens), &lines);
    // The same listener to /proc, but not to a neighbour on IPv4: the line may have said `v6only` until now.
    let kept = lines.iter().filter(|(listener, line)| widens(listener, line) && listens.contains(listener));
    let kept: Vec<Listener> = kept.map(|(listener, _)| (*listener).clone()).collect();
    let widened = addresses(found, &kept, &lines).into_iter();
    binds.extend(widened.filter(|bind| matches!(bind.state, BindState::Taken { .. })));
    if next.how == How::Read {
        binds.extend(asked.iter().filter_map(untold));
    }
    Known::Seen(binds)
}

/// It would take IPv4 as well, unless the host's own setting forbids it.
fn widens(listener: &Listener, line: &Declared) -> bool {
    let six = listener.socket().is_some_and(|at| at.is_ipv6() && at.ip().is_unspecified());
    six && line.options.v6only != Some(true) && line.options.namespace.is_none()
}

fn certain(asked: &[Declared]) -> Vec<Listener> {
    let here = asked.iter().filter(|one| one.options.namespace.is_none());
    let all: BTreeSet<Listener> = here.filter_map(|one| one.listener.seen().cloned()).collect();
    all.into_iter().collect()
}

/// A line whose listener, or whose network, is not known.
fn untold(one: &Declared) -> Option<NewBind> {
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

fn addresses(found: &Found, new: &[Listener], lines: &BTreeMap<&Listener, &Declared>) -> Vec<NewBind> {
    if new.is_empty() {
        return Vec::new();
    }
    let pid = found.instance.main.pid;
    let plain = BindOptions::default();
    let judged: Vec<Judged> = match linux::table(pid, false) {
        Err(error) => {
            new.iter().map(|_| Judged::Told(BindState::Unknown { why: format!("{error:#}") })).collect()
        }
        Ok(rows) => {
            let look = |there: Known<()>| -> Vec<Judged> {
                let bench = Bench::new(found, &rows, there);
                new.iter()
                    .map(|one| bench.judge(one, lines.get(one).map_or(&plain, |d| &d.options)))
                    .collect()
            };
            // Where it has a network of its own, that is where an address is free or not.
            linux::in_network_of(pid, || look(Known::Seen(())))
                .unwrap_or_else(|error| look(Known::unknown(format!("{error:#}"))))
        }
    };
    let held = judged.iter().flat_map(|judged| match judged {
        Judged::Told(_) => &[][..],
        Judged::Held { rows, .. } => rows,
    });
    let owners = Holders::of(held.map(|row| row.inode).filter(|inode| *inode != 0).collect());
    let bind = |(listener, judged): (&Listener, Judged)| NewBind {
        address: listener.short(),
        at: lines.get(listener).map(|declared| declared.at.clone()),
        listener: Some(listener.clone()),
        state: match judged {
            Judged::Told(state) => state,
            Judged::Held { rows, silently } => {
                BindState::Taken { by: rows.into_iter().map(|row| owners.owner(row)).collect(), silently }
            }
        },
    };
    new.iter().zip(judged).map(bind).collect()
}

enum Judged {
    Told(BindState),
    Held { rows: Vec<Row>, silently: bool },
}

fn unknown(why: impl Into<String>) -> Judged {
    Judged::Told(BindState::Unknown { why: why.into() })
}

/// What is needed to judge, gathered once.
struct Bench<'a> {
    found: &'a Found,
    rights: Known<Rights>,
    /// We are in its network, where addresses can be tried.
    there: Known<()>,
    /// What holds for an IPv6 wildcard whose line does not say; none where that is set in another network.
    six_only: Option<bool>,
    /// By port, or by 0 for what has none.
    rows: HashMap<u16, Vec<&'a Row>>,
    own: Known<BTreeSet<u64>>,
}

impl<'a> Bench<'a> {
    fn new(found: &'a Found, rows: &'a [Row], there: Known<()>) -> Self {
        let pid = found.instance.main.pid;
        let mut by_port: HashMap<u16, Vec<&Row>> = HashMap::new();
        for row in rows.iter().filter(|row| row.listening) {
            by_port.entry(row.listener.socket().map_or(0, |at| at.port())).or_default().push(row);
        }
        Bench {
            found,
            rights: linux::rights(pid).into(),
            six_only: there.seen().and_then(|()| linux::ipv6_only_by_default()),
            there,
            rows: by_port,
            own: own_sockets(found),
        }
    }

    fn judge(&self, listener: &Listener, options: &BindOptions) -> Judged {
        let port = listener.socket().map_or(0, |at| at.port());
        let near = self.rows.get(&port).into_iter().flatten();
        let (mut own, mut sure, mut perhaps) = (false, Vec::new(), Vec::new());
        let full = self.in_full(listener);
        for row in near {
            match overlap(&full, options.v6only.or(self.six_only), &row.listener) {
                Overlap::No => {}
                _ if self.own.seen().is_some_and(|own| own.contains(&row.inode)) => own = true,
                Overlap::Yes => sure.push((*row).clone()),
                Overlap::IfDualStack => perhaps.push((*row).clone()),
            }
        }
        if let (Known::Unknown { why }, false) = (&self.own, sure.is_empty() && perhaps.is_empty()) {
            return unknown(format!("somebody listens there, perhaps this HAProxy itself: {why}"));
        }
        match listener {
            Listener::Unix(path) => match unix_paths::state(&self.found.instance.main, &self.rights, path) {
                // A path without a socket is held by nobody, whoever listened there before.
                unix_paths::Path::Socket if !sure.is_empty() => Judged::Held { rows: sure, silently: true },
                unix_paths::Path::Socket | unix_paths::Path::Nothing => Judged::Told(BindState::Free),
                unix_paths::Path::Told(state) => Judged::Told(state),
            },
            Listener::Inherited(fd) => unknown(format!("what stands behind descriptor {fd} is not known")),
            _ if !sure.is_empty() => match &options.interface {
                None => Judged::Held { rows: sure, silently: false },
                Some(name) => unknown(format!(
                    "others listen on that port, and whether they do on interface {name} is not shown"
                )),
            },
            Listener::Abstract { .. } => Judged::Told(BindState::Free),
            Listener::Tcp(_) | Listener::Udp(_) => self.tried(listener, options, own, perhaps),
        }
    }

    /// A path as others write it; HAProxy's own may start in its folder.
    fn in_full(&self, listener: &Listener) -> Listener {
        match listener {
            Listener::Unix(path) => {
                Listener::Unix(paths::named(&self.found.instance.main, path).display().to_string())
            }
            other => other.clone(),
        }
    }

    /// Nobody is seen to hold it: try.
    fn tried(&self, listener: &Listener, options: &BindOptions, own: bool, perhaps: Vec<Row>) -> Judged {
        let Some(at) = listener.socket() else { return unknown("it has no address") };
        if let Known::Unknown { why } = &self.there {
            return unknown(why.clone());
        }
        let rights = match &self.rights {
            Known::Unknown { why } => return unknown(why.clone()),
            Known::Seen(rights) => rights,
        };
        let attempt = bind_probe::Options { v6only: options.v6only, anywhere: options.transparent };
        // Where our own rights fall short, or where HAProxy itself is in the way, the host alone is asked about.
        let on_host = |otherwise: Judged| match bind_probe::host(at.ip(), attempt) {
            Trial::NotHere => Judged::Told(BindState::NotHere),
            Trial::Bound => otherwise,
            other => unknown(format!("trying to bind {at}: {other:?}")),
        };
        if at.port() < rights.first_free_port && !rights.low_ports {
            let pid = self.found.instance.main.pid;
            let why = format!(
                "port {} needs CAP_NET_BIND_SERVICE, which PID {pid} (uid {}) does not have",
                at.port(),
                rights.uid
            );
            return on_host(Judged::Told(BindState::Denied { why }));
        }
        match bind_probe::address(listener, attempt).unwrap_or(Trial::Denied) {
            Trial::Bound => Judged::Told(BindState::Free),
            Trial::NotHere => Judged::Told(BindState::NotHere),
            Trial::Failed(why) => unknown(format!("trying to bind {at}: {why}")),
            Trial::Denied => on_host(unknown(format!("port {} can be tried by root only", at.port()))),
            Trial::InUse if own && perhaps.is_empty() => on_host(Judged::Told(BindState::Free)),
            Trial::InUse if own => unknown("a listener on the IPv6 wildcard may take IPv4 as well"),
            Trial::InUse if !perhaps.is_empty() => Judged::Held { rows: perhaps, silently: false },
            Trial::InUse => Judged::Held { rows: self.connections(listener), silently: false },
        }
    }

    /// Even an open connection keeps its own port from a listener.
    fn connections(&self, listener: &Listener) -> Vec<Row> {
        let rows = linux::table(self.found.instance.main.pid, true).unwrap_or_default();
        let meets = |row: &Row| !row.listening && row.listener.overlap(listener) != Overlap::No;
        // One that has ended is still in the table for a while, with no process behind it.
        let mut met: Vec<Row> = rows.into_iter().filter(meets).collect();
        met.sort_by_key(|row| row.inode == 0);
        met.truncate(1);
        met
    }
}

/// How a new bind and a listener meet, after what the line says of IPv6.
fn overlap(new: &Listener, v6only: Option<bool>, other: &Listener) -> Overlap {
    let six = new.socket().is_some_and(|at| at.is_ipv6() && at.ip().is_unspecified());
    match (new.overlap(other), six, v6only) {
        (Overlap::IfDualStack, true, Some(true)) => Overlap::No,
        (Overlap::IfDualStack, true, Some(false)) => Overlap::Yes,
        (overlap, _, _) => overlap,
    }
}

/// The sockets of this HAProxy: of its master and of every worker, also of one that is on its way out. They give way
/// to the next worker.
fn own_sockets(found: &Found) -> Known<BTreeSet<u64>> {
    let instance = &found.instance;
    let listed = instance.workers.seen().into_iter().chain(instance.old_workers.seen()).flatten();
    let mut pids: BTreeSet<u32> = listed.map(|worker| worker.pid).collect();
    pids.insert(instance.main.pid);
    pids.extend(instance.serving.seen());
    let children = linux::haproxies().unwrap_or_default().into_iter();
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
struct Holders {
    owners: linux::Owners,
}

impl Holders {
    fn of(inodes: BTreeSet<u64>) -> Self {
        Holders { owners: if inodes.is_empty() { linux::Owners::default() } else { linux::owners(&inodes) } }
    }

    fn owner(&self, row: Row) -> Owner {
        let process = self.owners.of.get(&row.inode).and_then(|pid| holder(*pid));
        let unseen = match (&process, self.owners.hidden) {
            (Some(_), _) => None,
            (None, true) => Some("which one only root can see".to_owned()),
            (None, false) => Some("in the kernel, or where no process is seen from here".to_owned()),
        };
        Owner { process, unseen, listens: row.listening, uid: row.uid, holds: row.listener }
    }
}

fn holder(pid: u32) -> Option<Holder> {
    let process = linux::process(pid).ok()?;
    let mut words = process.argv.iter();
    let program = words.next().cloned().unwrap_or_else(|| process.comm.clone());
    let first = words.next().filter(|word| !word.starts_with('-') && !word.contains('='));
    Some(Holder {
        pid,
        name: process.comm,
        uid: process.uid,
        user: linux::user_name(process.uid),
        command: first.map_or_else(|| program.clone(), |first| format!("{program} {first}")),
    })
}
