//! The services of this host: what listens, as which user, from which folder, with which files, and who keeps it running.

use core::net::{IpAddr, SocketAddr};
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::plural::plural;

use super::binds::in_ranges;
use super::{Control, Evidence, Known, Listener, Process, Server};
use crate::wire::containers::docker::Proxied;
pub use crate::wire::linux::command_line::Role;

/// What runs on this host beside and behind HAProxy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostFacts {
    /// Every process that listens, and those that are a part of what surrounds HAProxy; a master with its children is one.
    pub services: Vec<Service>,
    /// Listeners of ours that no process could be found for.
    pub unowned: Vec<Unowned>,
    /// The network namespace that the HAProxy which is meant lives in; that of haguard where none is known.
    pub network: Known<String>,
    /// The addresses of that namespace.
    pub addresses: Known<Vec<IpAddr>>,
    /// The servers of HAProxy whose address is one of this host's, each with who serves it.
    pub local: Vec<LocalServer>,
    /// How many processes there are.
    pub processes: usize,
    /// How many of them keep their open files from us, so that they may listen unseen.
    pub hidden: usize,
    /// Root looked, so that nobody sees more from here.
    #[serde(default)]
    pub as_root: bool,
}

/// One service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Its program, or what the interpreter runs.
    pub name: String,
    /// What it is for HAProxy.
    pub role: Option<Role>,
    /// What the role is told by.
    pub role_by: Vec<Evidence>,
    /// Its first process; what may be secret in its arguments is taken out.
    pub process: Process,
    /// Its other processes.
    pub members: Vec<u32>,
    /// The name of its user.
    pub user: Option<String>,
    /// Who keeps it running.
    pub control: Control,
    /// What it listens on, sorted, each once.
    pub listens: Known<Vec<Listener>>,
    /// The network namespace it lives in, as the kernel names it.
    pub network: Known<String>,
    /// That namespace is ours.
    pub same_network: Known<bool>,
    /// The configuration files and folders that its arguments name and that exist.
    pub files: Vec<String>,
}

/// A server of HAProxy on this host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalServer {
    /// Its backend.
    pub backend: String,
    /// Its name.
    pub server: String,
    /// Its address.
    pub address: String,
    /// The first processes of the services that listen there; more than one where they share the port.
    pub served_by: Vec<u32>,
    /// Why nobody is named.
    pub unserved: Option<String>,
}

impl LocalServer {
    /// `backend/server`, as HAProxy writes it.
    pub fn path(&self) -> String {
        format!("{}/{}", self.backend, self.server)
    }
}

/// A listener whose process could not be found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unowned {
    /// What it is.
    pub listener: Listener,
    /// Who made it.
    pub uid: Option<u32>,
    /// The name of that user.
    pub user: Option<String>,
}

impl Unowned {
    /// In words.
    pub fn words(&self) -> String {
        format!("{} of {}", self.listener.short(), self.whose())
    }

    fn whose(&self) -> String {
        let who = match (&self.user, self.uid) {
            (Some(name), _) => format!("a process of {name}"),
            (None, Some(uid)) => format!("a process of uid {uid}"),
            (None, None) => "a process".to_owned(),
        };
        format!("{who} that could not be seen")
    }
}

impl Service {
    /// Its user as people write it.
    pub fn user_words(&self) -> String {
        self.user.clone().unwrap_or_else(|| format!("uid {}", self.process.uid))
    }

    /// What a pin calls it.
    pub fn pinned_as(&self) -> &str {
        self.role.map_or(self.name.as_str(), |role| role.key())
    }

    /// How messages call it.
    pub fn title(&self) -> String {
        format!("{} (PID {}, {})", self.name, self.process.pid, self.user_words())
    }

    /// Its command line, which may be shown.
    pub fn command(&self) -> String {
        self.process.argv.join(" ")
    }

    /// All of its processes.
    pub fn pids(&self) -> impl Iterator<Item = u32> + '_ {
        std::iter::once(self.process.pid).chain(self.members.iter().copied())
    }

    /// The TCP and UDP addresses that it listens on.
    pub fn sockets(&self) -> Vec<SocketAddr> {
        self.listens.seen().into_iter().flatten().filter_map(Listener::socket).collect()
    }

    /// It listens on a network address.
    pub fn on_network(&self) -> bool {
        self.listens.seen().is_some_and(|all| all.iter().any(|listener| listener.socket().is_some()))
    }

    /// It takes TCP connections to this address.
    pub fn takes(&self, at: &SocketAddr) -> bool {
        self.has(&Listener::Tcp(*at))
    }

    /// It listens on this address, with TCP or UDP.
    pub fn listens_at(&self, at: &SocketAddr) -> bool {
        self.has(&Listener::Tcp(*at)) || self.has(&Listener::Udp(*at))
    }

    fn has(&self, wanted: &Listener) -> bool {
        let mut all = self.listens.seen().into_iter().flatten();
        all.any(|listener| listener.overlap(wanted) != super::Overlap::No)
    }

    /// It listens on this port, with TCP or UDP.
    pub fn on_port(&self, port: u16) -> bool {
        self.sockets().iter().any(|at| at.port() == port)
    }

    /// Where Docker's proxy passes on what comes to the port that it holds; none of any other program.
    pub fn passes_on_to(&self) -> Option<SocketAddr> {
        let proxied = Proxied::of(&self.process.argv).filter(|_| self.process.comm == "docker-proxy");
        proxied.map(|proxied| proxied.container)
    }

    /// It lives in a network namespace that is known not to be ours.
    pub fn elsewhere(&self) -> bool {
        self.same_network == Known::Seen(false)
    }
}

impl HostFacts {
    /// The service that this process belongs to.
    pub fn of_pid(&self, pid: u32) -> Option<&Service> {
        self.services.iter().find(|service| service.pids().any(|own| own == pid))
    }

    /// A listener without a process, and what would be needed to see that.
    pub fn unowned_words(&self, unowned: &Unowned) -> String {
        format!("{} ({})", unowned.words(), self.to_see_it())
    }

    fn to_see_it(&self) -> &'static str {
        match self.as_root {
            false => "run as root",
            true => "the kernel's, or of another PID namespace: look from the host",
        }
    }

    /// All listeners without a process, those of one user together.
    pub fn all_unowned_words(&self) -> Vec<String> {
        let mut of: BTreeMap<String, Vec<Listener>> = BTreeMap::new();
        for one in &self.unowned {
            of.entry(one.whose()).or_default().push(one.listener.clone());
        }
        let words = |(whose, mut listeners): (String, Vec<Listener>)| {
            listeners.dedup();
            format!("{} of {whose} ({})", in_ranges(&listeners).join(", "), self.to_see_it())
        };
        of.into_iter().map(words).collect()
    }

    /// What may listen unseen, and what would be needed to see it.
    pub fn hidden_words(&self) -> Option<String> {
        let all = plural(self.processes, "process");
        let mend = if self.as_root { "closed even to root here" } else { "run as root" };
        (self.hidden > 0).then(|| format!("what {} of {all} listen on: {mend}", self.hidden))
    }

    /// Looks up who serves each of these servers, where that is somebody here.
    pub fn look_up(&mut self, servers: &[Server]) {
        let local = servers.iter().filter_map(|server| {
            let address = server.address.seen()?;
            let (served_by, unserved) = match self.serving(&address.ip, address.port) {
                Local::Elsewhere => return None,
                Local::Served(all) => (all.iter().map(|service| service.process.pid).collect(), None),
                Local::Unseen(unowned) => (Vec::new(), Some(self.unowned_words(unowned))),
                Local::Nobody => (Vec::new(), Some("nobody listens there".to_owned())),
            };
            Some(LocalServer {
                backend: server.backend.clone(),
                server: server.name.clone(),
                address: address.to_string(),
                served_by,
                unserved,
            })
        });
        self.local = local.collect();
    }

    /// Where an address of a server leads: to another host, or to somebody here.
    pub fn serving(&self, ip: &str, port: u16) -> Local<'_> {
        let Ok(ip) = ip.parse::<IpAddr>() else { return Local::Elsewhere };
        let own = match &self.addresses {
            _ if ip.to_canonical().is_loopback() => true,
            Known::Seen(addresses) => addresses.contains(&ip.to_canonical()),
            Known::Unknown { .. } => false,
        };
        if !own {
            return Local::Elsewhere;
        }
        let at = SocketAddr::new(ip, port);
        let beside = self.services.iter().filter(|service| match (&service.network, &self.network) {
            (Known::Seen(theirs), Known::Seen(ours)) => theirs == ours,
            _ => true,
        });
        let served: Vec<&Service> = beside.filter(|service| service.takes(&at)).collect();
        if !served.is_empty() {
            return Local::Served(served);
        }
        let wanted = Listener::Tcp(at);
        let unowned = self.unowned.iter().find(|one| one.listener.overlap(&wanted) != super::Overlap::No);
        match unowned {
            Some(unowned) => Local::Unseen(unowned),
            None => Local::Nobody,
        }
    }
}

/// Who serves an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Local<'a> {
    /// It is no address of this host's.
    Elsewhere,
    /// These do; more than one where they share the port.
    Served(Vec<&'a Service>),
    /// Somebody does who could not be seen.
    Unseen(&'a Unowned),
    /// Nobody listens there.
    Nobody,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Address, Controller, test_facts};

    fn at(ip: &str, port: u16) -> Server {
        let address = Known::Seen(Address { ip: ip.to_owned(), port });
        Server { address, ..test_facts::server("web", "s1", port) }
    }

    #[test]
    fn a_server_on_this_host_is_traced_to_its_process_and_one_elsewhere_is_not_mentioned() {
        let nobody = || Controller::Nobody { cgroup: "/".into() };
        let mut wildcard = test_facts::service("api", 8000, nobody());
        wildcard.listens = Known::Seen(vec!["tcp 0.0.0.0:8000".parse().unwrap()]);
        let mut guest = test_facts::service("guest", 9000, nobody());
        guest.network = Known::Seen("net:[2]".into());
        let mut host = test_facts::on_host(vec![test_facts::service("gui", 5050, nobody()), wildcard, guest]);
        host.unowned =
            vec![Unowned { listener: "tcp 127.0.0.1:6000".parse().unwrap(), uid: Some(7), user: None }];
        let servers =
            [("127.0.0.1", 5050), ("10.0.0.1", 8000), ("10.0.0.2", 8000), ("127.0.0.1", 9000), ("::1", 1)];
        let servers = servers.map(|(ip, port)| at(ip, port));
        host.look_up(&[&servers[..], &[at("127.0.0.1", 6000), at("-", 0)]].concat());
        let said: Vec<(&str, usize, &str)> = host
            .local
            .iter()
            .map(|one| (one.address.as_str(), one.served_by.len(), one.unserved.as_deref().unwrap_or("")))
            .collect();
        let unseen = "127.0.0.1:6000 of a process of uid 7 that could not be seen (run as root)";
        let nobody = "nobody listens there";
        assert_eq!(
            said,
            [
                ("127.0.0.1:5050", 1, ""),
                ("10.0.0.1:8000", 1, ""),
                ("127.0.0.1:9000", 0, nobody),
                ("[::1]:1", 0, nobody),
                ("127.0.0.1:6000", 0, unseen),
            ]
        );
    }
}
