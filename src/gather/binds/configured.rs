//! What the files would listen on.

use std::collections::{BTreeMap, BTreeSet};

use crate::clients::linux;
use crate::facts::{Known, Listener, Process};
use crate::gather::GatherContext;
use crate::gather::haproxy::config_files;
use crate::gather::haproxy::hostnames::{self, ResolvedHostnames};
use crate::known::Unknown;
use crate::timeouts;
use crate::wire::haproxy::config::{BindHost, BindOptions, Endpoint, Model, SourceLocation};

/// More listeners than this are not looked at one by one: it is more than every port of one address.
const MAX_LISTENERS: usize = 100_000;

/// One listener that the files ask for.
#[derive(Debug, Clone)]
pub(in crate::gather) struct ConfiguredListener {
    /// What it would be, or why that is not known.
    pub(in crate::gather) listener: Known<Listener>,
    /// The words of the file for it, where it is not known.
    pub(in crate::gather) text: String,
    /// `FILE:LINE`
    pub(in crate::gather) at: String,
    /// What else the line says of its address.
    pub(in crate::gather) options: BindOptions,
}

/// One line that listens.
struct BindLine<'a> {
    text: &'a str,
    endpoints: &'a [Endpoint],
    options: &'a BindOptions,
    at: &'a SourceLocation,
    certain: bool,
}

fn bind_lines(model: &Model) -> impl Iterator<Item = BindLine<'_>> {
    let sockets = model.sockets.iter().map(|socket| BindLine {
        text: &socket.address,
        endpoints: &socket.endpoints,
        options: &socket.options,
        at: &socket.at,
        certain: socket.certain,
    });
    let binds = model.binds.iter().filter(|bind| !bind.idle).map(|bind| BindLine {
        text: &bind.text,
        endpoints: &bind.endpoints,
        options: &bind.options,
        at: &bind.at,
        certain: bind.certain,
    });
    sockets.chain(binds)
}

/// Every listener of the files, stats sockets included.
pub(in crate::gather) fn configured_listeners(
    look: &GatherContext<'_>,
    main: &Process,
    read: &config_files::ParsedConfig,
) -> Known<Vec<ConfiguredListener>> {
    let model = match &read.model {
        Known::Unknown { why } => return Known::unknown(why.clone()),
        Known::Seen(model) => model,
    };
    let names = bind_lines(model).flat_map(|source| source.endpoints).filter_map(|endpoint| match endpoint {
        Endpoint::Ip { at: BindHost::Name { name, .. }, .. } => Some(name.clone()),
        _ => None,
    });
    let resolved = hostnames::resolve(main, names.collect(), look.deadline.at_most(timeouts::RESOLVE));
    let mut inherited = InheritedSockets::new(main);
    let mut found = Vec::new();
    for source in bind_lines(model) {
        for endpoint in source.endpoints {
            found.extend(endpoint_listeners(&source, endpoint, &resolved, &mut inherited).into_iter().map(
                |listener| ConfiguredListener {
                    listener,
                    text: source.text.to_owned(),
                    at: format!("{}:{}", source.at.file, source.at.line),
                    options: source.options.clone(),
                },
            ));
            if found.len() > MAX_LISTENERS {
                return Known::unknown(format!("the files ask for more than {MAX_LISTENERS} listeners"));
            }
        }
    }
    Known::Seen(found)
}

fn endpoint_listeners(
    source: &BindLine<'_>,
    endpoint: &Endpoint,
    resolved: &ResolvedHostnames,
    inherited: &mut InheritedSockets<'_>,
) -> Vec<Known<Listener>> {
    if !source.certain {
        return vec![Known::unknown("its line stands behind something that could not be decided")];
    }
    let one = match endpoint {
        Endpoint::Ip { at, low, high, udp } => {
            let ip = match at {
                BindHost::Ip(ip) => Known::Seen(*ip),
                BindHost::Name { name, six } => hostnames::select_address(resolved, name, *six),
            };
            let made = if *udp { Listener::udp } else { Listener::tcp };
            return match ip {
                Known::Seen(ip) => (*low..=*high).map(|port| Known::Seen(made(ip, port))).collect(),
                Known::Unknown { why } => vec![Known::Unknown { why }],
            };
        }
        Endpoint::Unix(path) => Known::Seen(Listener::Unix(path.clone())),
        Endpoint::Abstract { name, padded } => {
            Known::Seen(Listener::Abstract { name: name.clone(), padded: *padded })
        }
        Endpoint::Descriptor(fd) => inherited.listener(*fd),
        Endpoint::NoAddress => return Vec::new(),
        Endpoint::Unrecognized => Known::unknown("its address could not be read"),
    };
    vec![one]
}

/// What stands behind the descriptors that the master was given; looked at only where a line names one.
struct InheritedSockets<'a> {
    main: &'a Process,
    seen: Option<Known<BTreeMap<u32, Listener>>>,
}

impl<'a> InheritedSockets<'a> {
    fn new(main: &'a Process) -> Self {
        InheritedSockets { main, seen: None }
    }

    fn listener(&mut self, fd: u32) -> Known<Listener> {
        let pid = self.main.pid;
        let sockets = self.seen.get_or_insert_with(|| listeners_by_fd(pid).into()).as_ref();
        let missing = || Unknown::new(format!("descriptor {fd} of PID {pid} is no listener"));
        sockets.and_then(|sockets| sockets.get(&fd).cloned().ok_or_else(missing))
    }
}

pub(in crate::gather) fn listeners_by_fd(pid: u32) -> anyhow::Result<BTreeMap<u32, Listener>> {
    let open = linux::open_sockets(pid)?;
    let rows = linux::bound_sockets(pid, false)?.into_iter();
    Ok(rows.filter_map(|row| Some((*open.get(&row.inode)?, row.listener))).collect())
}

/// All of them as the next worker's part of a picture: sorted, each once, and unknown as soon as one is.
pub(in crate::gather) fn known_listeners(declared: &Known<Vec<ConfiguredListener>>) -> Known<Vec<Listener>> {
    declared.as_ref().and_then(|declared| {
        // The sockets of a worker in another network namespace are not in its tables, so the two sides agree.
        let here = declared.iter().filter(|one| one.options.namespace.is_none());
        let listeners = here.map(|one| one.listener.context(&format!("{} {}", one.at, one.text)).cloned());
        Ok::<_, Unknown>(listeners.collect::<Result<BTreeSet<_>, _>>()?.into_iter().collect())
    })
}
