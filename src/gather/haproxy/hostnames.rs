//! Names that the configuration uses, resolved as HAProxy does at start.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::Context;

use crate::clients::exec::in_namespaces;
use crate::clients::linux::ProcessNamespaces;
use crate::clients::linux::credentials::ProcessCredentials;
use crate::facts::{Known, Process};

/// Every address of each name.
pub(in crate::gather) type ResolvedHostnames = BTreeMap<String, Known<BTreeSet<IpAddr>>>;

/// Resolves names as this process would: in a container by the resolver that it has there.
pub(in crate::gather) fn resolve(
    main: &Process,
    names: BTreeSet<String>,
    limit: Duration,
) -> ResolvedHostnames {
    if names.is_empty() || main.same_mount_namespace != Known::Seen(false) {
        return resolve_on_host(names, limit);
    }
    let asked = ProcessNamespaces::from_pid(main.pid).and_then(|place| {
        let place = place.context("it lives where we do")?;
        in_namespaces::resolve(
            &place,
            &ProcessCredentials::from_pid(main.pid, place.is_container())?,
            &names,
            limit,
        )
    });
    match asked {
        Ok(found) => {
            found.into_iter().map(|(name, found)| (name, found.map_err(anyhow::Error::msg).into())).collect()
        }
        Err(error) => names.into_iter().map(|name| (name, Known::unknown(format!("{error:#}")))).collect(),
    }
}

/// Resolves names by the host's own resolver, which knows no time limit: one that hangs is left behind in its thread.
fn resolve_on_host(names: BTreeSet<String>, limit: Duration) -> ResolvedHostnames {
    let mut answers: ResolvedHostnames = names
        .iter()
        .map(|name| (name.clone(), Known::unknown(format!("{name} did not resolve in time"))))
        .collect();
    if names.is_empty() {
        return answers;
    }
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        for name in names {
            let found = (name.as_str(), 0).to_socket_addrs();
            let known = match found {
                Ok(found) => Known::Seen(found.map(|address| address.ip()).collect()),
                Err(error) => Known::unknown(format!("{name}: {error}")),
            };
            if send.send((name, known)).is_err() {
                return;
            }
        }
    });
    let deadline = crate::time::Deadline::after(limit);
    while let Ok((name, known)) = receive.recv_timeout(deadline.left()) {
        answers.insert(name, known);
    }
    answers
}

/// The address that HAProxy takes of a name: of the family that was asked for (`six`), else IPv4 where it has both.
pub(in crate::gather) fn select_address(
    resolved: &ResolvedHostnames,
    name: &str,
    six: Option<bool>,
) -> Known<IpAddr> {
    let all = match resolved.get(name) {
        None => return Known::unknown(format!("{name} was not resolved")),
        Some(Known::Unknown { why }) => return Known::unknown(why.clone()),
        Some(Known::Seen(all)) => all,
    };
    let of = |six: bool| all.iter().filter(move |ip| ip.is_ipv6() == six).collect::<Vec<_>>();
    let fitting = match six {
        Some(six) => of(six),
        None if of(false).is_empty() => of(true),
        None => of(false),
    };
    match fitting.as_slice() {
        [ip] => Known::Seen(**ip),
        many => Known::unknown(format!("{name} has {} addresses", many.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_addresses_the_family_decides_and_a_choice_is_unknown() {
        let ips = |all: &[&str]| Known::Seen(all.iter().map(|ip| ip.parse().unwrap()).collect());
        let resolved = ResolvedHostnames::from([
            ("both".to_owned(), ips(&["10.0.0.1", "::1"])),
            ("two".to_owned(), ips(&["10.0.0.1", "10.0.0.2"])),
            ("six".to_owned(), ips(&["::1"])),
        ]);
        let one = |name, six| select_address(&resolved, name, six).seen().map(IpAddr::to_string);
        assert_eq!(one("both", None).as_deref(), Some("10.0.0.1"));
        assert_eq!(one("both", Some(true)).as_deref(), Some("::1"));
        assert_eq!(one("six", None).as_deref(), Some("::1"));
        assert_eq!(one("six", Some(false)), None);
        assert_eq!(one("two", None), None);
        assert_eq!(one("none", None), None);
    }
}
