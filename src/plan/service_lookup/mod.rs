//! Finds the service for a word: a unit, a container, a program, a process, a PID, a port.
//!
//! - `container`: a process in front of a container
//! - `found`: a service that was found
//! - `unit`: the state of a unit in systemd

pub(super) mod container;
mod found;
pub mod unit;

use core::net::SocketAddr;

pub use found::{MatchQuality, ServiceMatch};

use crate::facts::{Controller, HostFacts, Listener, Overlap, Service};

/// What was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceQuery {
    /// A number: a PID, or a port, or both.
    Number(u32),
    /// `:5050`
    Port(u16),
    /// `127.0.0.1:5050`
    Address(SocketAddr),
    /// Any other word.
    Name(String),
}

impl ServiceQuery {
    /// Reads the word.
    pub fn parse(text: &str) -> Self {
        let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port != 0);
        if let Ok(at) = text.parse::<SocketAddr>() {
            return ServiceQuery::Address(at);
        }
        let host = text.strip_prefix("localhost:").or(text.strip_prefix("*:")).or(text.strip_prefix(':'));
        match (host.and_then(port), text.parse::<u32>()) {
            (Some(port), _) => ServiceQuery::Port(port),
            (None, Ok(number)) => ServiceQuery::Number(number),
            (None, Err(_)) => ServiceQuery::Name(text.to_owned()),
        }
    }

    /// The port in it, where there is one.
    pub fn port(&self) -> Option<u16> {
        match self {
            ServiceQuery::Number(number) => u16::try_from(*number).ok(),
            ServiceQuery::Port(port) => Some(*port),
            ServiceQuery::Address(at) => Some(at.port()),
            ServiceQuery::Name(_) => None,
        }
    }

    /// The number, which may be a PID.
    pub fn number(&self) -> Option<u32> {
        match self {
            ServiceQuery::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// It names this listener by its port or its address.
    pub fn matches_listener(&self, listener: &Listener) -> bool {
        match self {
            ServiceQuery::Address(at) => [Listener::Tcp(*at), Listener::Udp(*at)]
                .iter()
                .any(|asked| asked.overlap(listener) != Overlap::No),
            _ => listener.socket_addr().is_some_and(|at| self.port() == Some(at.port())),
        }
    }

    /// The unit name that systemctl would make of it.
    pub fn unit_name(&self) -> Option<String> {
        match self {
            // systemctl would expand a pattern to many units.
            ServiceQuery::Name(name) if name.contains(['/', '*', '?', '[']) => None,
            ServiceQuery::Name(name) if is_unit_name(name) => Some(name.clone()),
            ServiceQuery::Name(name) => Some(format!("{name}.service")),
            _ => None,
        }
    }
}

fn is_unit_name(name: &str) -> bool {
    [".service", ".socket", ".target", ".timer", ".scope", ".slice"].iter().any(|end| name.ends_with(end))
}

/// The services that match: exact matches, else near ones.
pub fn find_services<'a>(host: &'a HostFacts, asked: &ServiceQuery) -> Vec<ServiceMatch<'a>> {
    let all = || host.services.iter();
    let found: Vec<ServiceMatch<'_>> = match asked {
        ServiceQuery::Number(number) => all().filter_map(|service| match_number(service, *number)).collect(),
        ServiceQuery::Port(port) => all().filter_map(|service| match_port(service, *port)).collect(),
        ServiceQuery::Address(at) => all().filter_map(|service| match_address(service, at)).collect(),
        ServiceQuery::Name(name) => all().filter_map(|service| match_name(service, name)).collect(),
    };
    let best = found.iter().map(|one| (one.quality, has_no_network_listener(one))).min();
    let as_good = |one: &ServiceMatch<'_>| match best {
        Some((MatchQuality::Near, unlikely)) => {
            one.quality == MatchQuality::Near && has_no_network_listener(one) == unlikely
        }
        best => best.is_some_and(|(quality, _)| quality == one.quality),
    };
    let found: Vec<ServiceMatch<'_>> = found.into_iter().filter(as_good).collect();
    container::resolve_containers(host, found)
}

/// Among near matches a service that listens on the network is preferred, for example to the tmux in which it runs.
fn has_no_network_listener(one: &ServiceMatch<'_>) -> bool {
    !one.service.listens_on_network()
}

fn exact_match(service: &Service, by: String) -> ServiceMatch<'_> {
    ServiceMatch { service, quality: MatchQuality::Exact, reason: by }
}

/// A match by address; the same address in another network namespace is only near.
fn listener_match(service: &Service, by: String) -> ServiceMatch<'_> {
    match service.in_other_network() {
        false => exact_match(service, by),
        true => ServiceMatch {
            service,
            quality: MatchQuality::Near,
            reason: format!("{by}, in its own network namespace"),
        },
    }
}

fn match_number(service: &Service, number: u32) -> Option<ServiceMatch<'_>> {
    let own = service.pids().any(|pid| pid == number);
    let port = u16::try_from(number).ok().filter(|port| service.listens_on_port(*port));
    match (own, port) {
        (true, Some(port)) => {
            Some(exact_match(service, format!("its PID is {number}, and it listens on port {port}")))
        }
        (true, None) => Some(exact_match(service, format!("its PID is {number}"))),
        (false, Some(port)) => match_port(service, port),
        (false, None) => None,
    }
}

/// A service with the same port on another address is a near match.
fn match_address<'a>(service: &'a Service, at: &SocketAddr) -> Option<ServiceMatch<'a>> {
    if service.listens_at(at) {
        return Some(listener_match(service, format!("it listens on {at}")));
    }
    let other = service
        .listens
        .seen()?
        .iter()
        .find(|one| one.socket_addr().is_some_and(|own| own.port() == at.port()))?;
    Some(ServiceMatch {
        service,
        quality: MatchQuality::Near,
        reason: format!("it listens on {}, not on {at}", other.short()),
    })
}

fn match_port(service: &Service, port: u16) -> Option<ServiceMatch<'_>> {
    service.listens_on_port(port).then(|| listener_match(service, format!("it listens on port {port}")))
}

/// A shorter word is found in too many paths.
const MIN_WORD_LENGTH: usize = 3;

fn match_name<'a>(service: &'a Service, name: &str) -> Option<ServiceMatch<'a>> {
    let plain = name.strip_suffix(".service").unwrap_or(name);
    let near = |by: String| Some(ServiceMatch { service, quality: MatchQuality::Near, reason: by });
    let path = name.strip_prefix("unix@").unwrap_or(name);
    let at_path = |listener: &Listener| matches!(listener, Listener::Unix(own) if own == path);
    if service.listens.seen().is_some_and(|all| all.iter().any(at_path)) {
        return Some(exact_match(service, format!("it listens on {path}")));
    }
    let called =
        |(_, called): &(&str, String)| called == name || called.strip_suffix(".service") == Some(plain);
    if let Some((what, called)) = service_names(service).into_iter().find(called) {
        return Some(exact_match(service, format!("{what} {called}")));
    }
    // `.service` asks for a unit; a process with that name need not belong to it.
    if let Some((what, called)) = service_names(service).into_iter().find(|(_, called)| called == plain) {
        return near(format!("{what} {called}"));
    }
    if plain.len() < MIN_WORD_LENGTH {
        return None;
    }
    if let Some(folder) = service.process.cwd.seen().filter(|folder| contains_word(folder, plain)) {
        return near(format!("it runs in {folder}"));
    }
    let word = service.process.argv.iter().find(|word| contains_word(word, plain));
    word.and_then(|word| near(format!("its command line contains {word}")))
}

/// The text contains the word as a whole: `gui` in `/opt/gui-backend`, and not in `guide`.
fn contains_word(text: &str, word: &str) -> bool {
    let inner = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    text.match_indices(word).any(|(at, _)| {
        let (before, after) = (text[..at].chars().next_back(), text[at + word.len()..].chars().next());
        !inner(before) && !inner(after)
    })
}

/// Every name of a service, each with the kind of name.
pub fn service_names(service: &Service) -> Vec<(&'static str, String)> {
    let mut names =
        vec![("its name is", service.name.clone()), ("its command is", service.process.comm.clone())];
    names.extend(service.process.exe.seen().and_then(|exe| {
        Some(("it runs", exe.rsplit('/').next().filter(|name| !name.is_empty())?.to_owned()))
    }));
    names.extend(service.role.map(|role| ("it is the", role.to_string())));
    // Without a controller, because sources disagree, the control group still names the unit of its start.
    let group = service
        .process
        .cgroup
        .seen()
        .and_then(|group| group.rsplit('/').next())
        .filter(|name| name.ends_with(".service"));
    names.extend(group.map(|unit| ("its control group is that of", unit.to_owned())));
    names.extend(service.control.controller().into_iter().flat_map(Controller::names));
    names
}

/// The last part of its working folder, after which units are often named.
pub fn folder_name(service: &Service) -> Option<String> {
    let folder = service.process.cwd.seen()?;
    // The kernel appends this to the path of a deleted folder.
    let folder =
        folder.strip_suffix(" (deleted)").unwrap_or(folder).trim_end_matches('/').rsplit('/').next()?;
    (folder.len() >= MIN_WORD_LENGTH).then(|| folder.to_owned())
}

/// The names most like a word, best first.
pub fn nearest_names(word: &str, known: impl IntoIterator<Item = String>) -> Vec<String> {
    let plain = |name: &str| name.strip_suffix(".service").unwrap_or(name).to_ascii_lowercase();
    let wanted = plain(word);
    let score = |name: &String| {
        let name = plain(name);
        let within = wanted.len() >= MIN_WORD_LENGTH
            && (name.contains(&wanted) || wanted.contains(&name))
            && name.len() >= MIN_WORD_LENGTH;
        strsim::jaro_winkler(&wanted, &name).max(if within { 0.9 } else { 0.0 })
    };
    let mut scored: Vec<(f64, String)> =
        known.into_iter().filter(|name| !name.is_empty()).map(|name| (score(&name), name)).collect();
    scored.retain(|(score, _)| *score > 0.75);
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    scored.dedup_by(|a, b| a.1 == b.1);
    scored.into_iter().take(3).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::controllers::{SystemdUnit, Unmanaged};
    use crate::facts::{Known, test_facts};

    #[test]
    fn a_word_is_read_as_number_port_address_or_name() {
        assert_eq!(ServiceQuery::parse("5050"), ServiceQuery::Number(5050));
        assert_eq!(ServiceQuery::parse("70000"), ServiceQuery::Number(70000));
        assert_eq!(ServiceQuery::parse(":5050"), ServiceQuery::Port(5050));
        assert_eq!(ServiceQuery::parse("localhost:5050"), ServiceQuery::Port(5050));
        assert_eq!(
            ServiceQuery::parse("127.0.0.1:5050"),
            ServiceQuery::Address("127.0.0.1:5050".parse().unwrap())
        );
        assert_eq!(ServiceQuery::parse("gui").unit_name().as_deref(), Some("gui.service"));
        assert_eq!(ServiceQuery::parse("gui.socket").unit_name().as_deref(), Some("gui.socket"));
        assert_eq!(ServiceQuery::parse("http.server").unit_name().as_deref(), Some("http.server.service"));
        assert_eq!(
            (ServiceQuery::parse("lab/api").unit_name(), ServiceQuery::parse("post*").unit_name()),
            (None, None)
        );
    }

    #[test]
    fn a_number_is_looked_up_as_a_pid_and_as_a_port() {
        let tmux = Controller::Unmanaged(Unmanaged { cgroup: "/".into() });
        let one = test_facts::service("http.server", 4712, tmux.clone());
        let mut other = test_facts::service("http.server", 4711, tmux);
        other.process.pid = 4712;
        let host = test_facts::host_facts(vec![one, other]);
        let reasons: Vec<String> =
            find_services(&host, &ServiceQuery::Number(4711)).into_iter().map(|one| one.reason).collect();
        assert_eq!(reasons, ["its PID is 4711", "it listens on port 4711"]);
        let elsewhere = ServiceQuery::Address("127.0.0.2:4711".parse().unwrap());
        let elsewhere = &find_services(&host, &elsewhere)[0];
        let by = "it listens on 127.0.0.1:4711, not on 127.0.0.2:4711";
        assert_eq!((elsewhere.quality, elsewhere.reason.as_str()), (MatchQuality::Near, by));
        let mut guest =
            test_facts::service("http.server", 4711, Controller::Unmanaged(Unmanaged { cgroup: "/".into() }));
        guest.same_network = Known::Seen(false);
        let host = test_facts::host_facts(vec![guest]);
        for word in ["127.0.0.1:4711", ":4711"] {
            let found = &find_services(&host, &ServiceQuery::parse(word))[0];
            assert_eq!(found.quality, MatchQuality::Near, "{word}");
            assert!(found.reason.ends_with("4711, in its own network namespace"), "{}", found.reason);
        }
        assert_eq!(find_services(&host, &ServiceQuery::Address("127.0.0.1:4711".parse().unwrap())).len(), 1);
    }

    #[test]
    fn a_path_is_looked_up_among_unix_sockets() {
        let mut service =
            test_facts::service("app", 80, Controller::Unmanaged(Unmanaged { cgroup: "/".into() }));
        service.listens = Known::Seen(vec!["unix /run/app.sock".parse().unwrap()]);
        let host = test_facts::host_facts(vec![service]);
        for word in ["/run/app.sock", "unix@/run/app.sock"] {
            let found = find_services(&host, &ServiceQuery::parse(word));
            assert_eq!(
                (found[0].quality, found[0].reason.as_str()),
                (MatchQuality::Exact, "it listens on /run/app.sock")
            );
        }
        assert!(find_services(&host, &ServiceQuery::parse("/run/other.sock")).is_empty());
    }

    #[test]
    fn a_name_is_looked_up_everywhere_and_an_exact_one_beats_a_folder() {
        let systemd = test_facts::service(
            "http.server",
            80,
            Controller::Systemd(SystemdUnit { unit: "gui.service".into() }),
        );
        let unmanaged =
            test_facts::service("http.server", 81, Controller::Unmanaged(Unmanaged { cgroup: "/".into() }));
        let host = test_facts::host_facts(vec![unmanaged.clone(), systemd]);
        for name in ["gui", "gui.service"] {
            let found = find_services(&host, &ServiceQuery::parse(name));
            assert_eq!((found.len(), found[0].reason.as_str()), (1, "its unit is gui.service"), "{name}");
        }
        let host = test_facts::host_facts(vec![unmanaged]);
        let found = find_services(&host, &ServiceQuery::parse("gui"));
        assert_eq!((found[0].quality, found[0].reason.as_str()), (MatchQuality::Near, "it runs in /opt/gui"));
        for word in ["nothing", "opt/gu", "erver"] {
            assert!(find_services(&host, &ServiceQuery::parse(word)).is_empty(), "{word}");
        }
    }

    #[test]
    fn the_nearest_names_come_best_first_and_far_ones_not_at_all() {
        let known = ["haproxy.service", "ssh.service", "hapxory.service"].map(str::to_owned);
        assert_eq!(nearest_names("haproxi", known.clone())[0], "haproxy.service");
        assert!(nearest_names("zzz", known).is_empty());
    }
}
