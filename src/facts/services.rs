//! The services of this host: listeners, user, folder, files and controller.

use core::net::{IpAddr, SocketAddr};
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::plural::plural;

use super::binds::format_port_ranges;
use super::{Control, Evidence, Known, Listener, Process, Server};
use crate::wire::containers::docker::DockerProxy;
pub use crate::wire::linux::command_line::Role;

/// What runs on this host beside and behind HAProxy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostFacts {
    /// Every process that listens, and those that are a part of what surrounds HAProxy; a master with its children is one.
    pub services: Vec<Service>,
    /// Listeners of ours that no process could be found for.
    pub unowned: Vec<UnownedListener>,
    /// The network namespace of the target; that of haguard where there is none.
    pub network: Known<String>,
    /// The addresses of that namespace.
    pub addresses: Known<Vec<IpAddr>>,
    /// The servers of HAProxy whose address is one of this host's, each with who serves it.
    pub local: Vec<LocalServer>,
    /// How many processes there are.
    pub processes: usize,
    /// How many of them keep their open files from us, so that they may listen unseen.
    pub hidden: usize,
    /// Root looked, so that no user of this host sees more.
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
    /// The evidence for the role.
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
    /// Why no process is named.
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
pub struct UnownedListener {
    /// What it is.
    pub listener: Listener,
    /// Who made it.
    pub uid: Option<u32>,
    /// The name of that user.
    pub user: Option<String>,
}

impl UnownedListener {
    /// In words.
    pub fn describe(&self) -> String {
        format!("{} of {}", self.listener.short(), self.describe_owner())
    }

    fn describe_owner(&self) -> String {
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
    pub fn user_label(&self) -> String {
        self.user.clone().unwrap_or_else(|| format!("uid {}", self.process.uid))
    }

    /// What a pin calls it.
    pub fn pin_name(&self) -> String {
        self.role.map_or_else(|| self.name.clone(), |role| role.to_string())
    }

    /// How messages call it.
    pub fn title(&self) -> String {
        format!("{} (PID {}, {})", self.name, self.process.pid, self.user_label())
    }

    /// Its command line, which may be shown.
    pub fn command_line(&self) -> String {
        self.process.argv.join(" ")
    }

    /// All of its processes.
    pub fn pids(&self) -> impl Iterator<Item = u32> + '_ {
        std::iter::once(self.process.pid).chain(self.members.iter().copied())
    }

    /// The TCP and UDP addresses that it listens on.
    pub fn sockets(&self) -> Vec<SocketAddr> {
        self.listens.seen().into_iter().flatten().filter_map(Listener::socket_addr).collect()
    }

    /// It listens on a network address.
    pub fn listens_on_network(&self) -> bool {
        self.listens.seen().is_some_and(|all| all.iter().any(|listener| listener.socket_addr().is_some()))
    }

    /// It takes TCP connections to this address.
    pub fn accepts_tcp(&self, at: &SocketAddr) -> bool {
        self.listens_on(&Listener::Tcp(*at))
    }

    /// It listens on this address, with TCP or UDP.
    pub fn listens_at(&self, at: &SocketAddr) -> bool {
        self.listens_on(&Listener::Tcp(*at)) || self.listens_on(&Listener::Udp(*at))
    }

    fn listens_on(&self, wanted: &Listener) -> bool {
        let mut all = self.listens.seen().into_iter().flatten();
        all.any(|listener| listener.overlap(wanted) != super::Overlap::No)
    }

    /// It listens on this port, with TCP or UDP.
    pub fn listens_on_port(&self, port: u16) -> bool {
        self.sockets().iter().any(|at| at.port() == port)
    }

    /// Where Docker's proxy passes on what comes to the port that it holds; none of any other program.
    pub fn docker_proxy_target(&self) -> Option<SocketAddr> {
        let proxied =
            DockerProxy::from_argv(&self.process.argv).filter(|_| self.process.comm == "docker-proxy");
        proxied.map(|proxied| proxied.container)
    }

    /// It lives in a network namespace that is known not to be ours.
    pub fn in_other_network(&self) -> bool {
        self.same_network == Known::Seen(false)
    }
}

impl HostFacts {
    /// The service that this process belongs to.
    pub fn service_by_pid(&self, pid: u32) -> Option<&Service> {
        self.services.iter().find(|service| service.pids().any(|own| own == pid))
    }

    /// A listener without a process, and what would be needed to see that.
    pub fn describe_unowned(&self, unowned: &UnownedListener) -> String {
        format!("{} ({})", unowned.describe(), self.visibility_hint())
    }

    fn visibility_hint(&self) -> &'static str {
        match self.as_root {
            false => "run as root",
            true => "the kernel's, or of another PID namespace: look from the host",
        }
    }

    /// All listeners without a process, those of one user together.
    pub fn describe_all_unowned(&self) -> Vec<String> {
        let mut of: BTreeMap<String, Vec<Listener>> = BTreeMap::new();
        for one in &self.unowned {
            of.entry(one.describe_owner()).or_default().push(one.listener.clone());
        }
        let words = |(whose, mut listeners): (String, Vec<Listener>)| {
            listeners.dedup();
            format!("{} of {whose} ({})", format_port_ranges(&listeners).join(", "), self.visibility_hint())
        };
        of.into_iter().map(words).collect()
    }

    /// What may listen unseen, and what would be needed to see it.
    pub fn describe_hidden(&self) -> Option<String> {
        let all = plural(self.processes, "process");
        let mend = if self.as_root { "closed even to root here" } else { "run as root" };
        (self.hidden > 0).then(|| format!("what {} of {all} listen on: {mend}", self.hidden))
    }

    /// Finds the services of this host that are these servers.
    pub fn find_local_servers(&mut self, servers: &[Server]) {
        let local = servers.iter().filter_map(|server| {
            let address = server.address.seen()?;
            let (served_by, unserved) = match self.lookup_address(&address.ip, address.port) {
                AddressLookup::OtherHost => return None,
                AddressLookup::Served(all) => (all.iter().map(|service| service.process.pid).collect(), None),
                AddressLookup::HiddenProcess(unowned) => (Vec::new(), Some(self.describe_unowned(unowned))),
                AddressLookup::NoListener => (Vec::new(), Some("no process listens there".to_owned())),
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

    /// Where an address of a server leads: to another host, or to a service here.
    pub fn lookup_address(&self, ip: &str, port: u16) -> AddressLookup<'_> {
        let Ok(ip) = ip.parse::<IpAddr>() else { return AddressLookup::OtherHost };
        let own = match &self.addresses {
            _ if ip.to_canonical().is_loopback() => true,
            Known::Seen(addresses) => addresses.contains(&ip.to_canonical()),
            Known::Unknown { .. } => false,
        };
        if !own {
            return AddressLookup::OtherHost;
        }
        let at = SocketAddr::new(ip, port);
        let beside = self.services.iter().filter(|service| match (&service.network, &self.network) {
            (Known::Seen(theirs), Known::Seen(ours)) => theirs == ours,
            _ => true,
        });
        let served: Vec<&Service> = beside.filter(|service| service.accepts_tcp(&at)).collect();
        if !served.is_empty() {
            return AddressLookup::Served(served);
        }
        let wanted = Listener::Tcp(at);
        let unowned = self.unowned.iter().find(|one| one.listener.overlap(&wanted) != super::Overlap::No);
        match unowned {
            Some(unowned) => AddressLookup::HiddenProcess(unowned),
            None => AddressLookup::NoListener,
        }
    }
}

/// Who serves an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressLookup<'a> {
    /// It is no address of this host's.
    OtherHost,
    /// These do; more than one where they share the port.
    Served(Vec<&'a Service>),
    /// A process that could not be seen.
    HiddenProcess(&'a UnownedListener),
    /// No process listens there.
    NoListener,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::controllers::Unmanaged;
    use crate::facts::{Controller, ServerAddress, test_facts};

    fn at(ip: &str, port: u16) -> Server {
        let address = Known::Seen(ServerAddress { ip: ip.to_owned(), port });
        Server { address, ..test_facts::server("web", "s1", port) }
    }

    #[test]
    fn a_server_on_this_host_is_traced_to_its_process_and_one_elsewhere_is_not_mentioned() {
        let unmanaged = || Controller::Unmanaged(Unmanaged { cgroup: "/".into() });
        let mut wildcard = test_facts::service("api", 8000, unmanaged());
        wildcard.listens = Known::Seen(vec!["tcp 0.0.0.0:8000".parse().unwrap()]);
        let mut guest = test_facts::service("guest", 9000, unmanaged());
        guest.network = Known::Seen("net:[2]".into());
        let mut host =
            test_facts::host_facts(vec![test_facts::service("gui", 5050, unmanaged()), wildcard, guest]);
        host.unowned = vec![UnownedListener {
            listener: "tcp 127.0.0.1:6000".parse().unwrap(),
            uid: Some(7),
            user: None,
        }];
        let servers =
            [("127.0.0.1", 5050), ("10.0.0.1", 8000), ("10.0.0.2", 8000), ("127.0.0.1", 9000), ("::1", 1)];
        let servers = servers.map(|(ip, port)| at(ip, port));
        host.find_local_servers(&[&servers[..], &[at("127.0.0.1", 6000), at("-", 0)]].concat());
        let found: Vec<(&str, usize, &str)> = host
            .local
            .iter()
            .map(|one| (one.address.as_str(), one.served_by.len(), one.unserved.as_deref().unwrap_or("")))
            .collect();
        let unseen = "127.0.0.1:6000 of a process of uid 7 that could not be seen (run as root)";
        let no_listener = "no process listens there";
        assert_eq!(
            found,
            [
                ("127.0.0.1:5050", 1, ""),
                ("10.0.0.1:8000", 1, ""),
                ("127.0.0.1:9000", 0, no_listener),
                ("[::1]:1", 0, no_listener),
                ("127.0.0.1:6000", 0, unseen),
            ]
        );
    }
}
