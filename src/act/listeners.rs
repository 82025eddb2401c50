//! Which listeners must still be there after a reload: those of now that the next worker has too.

use std::collections::BTreeSet;
use std::net::{Ipv6Addr, SocketAddrV4, SocketAddrV6};

use crate::facts::Facts;

/// Addresses and paths that the new worker must hold, as the kernel shows them.
///
/// What the configuration gives up is left out, and so is what it writes in a way that cannot be compared; where no
/// file was written since the worker started, everything stays.
pub fn expected(facts: &Facts) -> BTreeSet<String> {
    let now: BTreeSet<String> = facts.live.listeners.seen().into_iter().flatten().cloned().collect();
    let unedited = facts.config.edited_since_load.seen().is_some_and(Vec::is_empty);
    let Some(next) = facts.next.listeners.seen().filter(|_| !unedited) else { return now };
    let mut named: BTreeSet<String> = next.iter().flat_map(|written| as_shown(written)).collect();
    // A command socket stands in the global section, which is no list of binds.
    let instance = facts.instance.seen();
    named.extend(instance.into_iter().flat_map(|i| i.admin_sockets.seen()).flatten().map(|s| s.path.clone()));
    now.intersection(&named).cloned().collect()
}

/// Those of them that take TCP connections.
pub fn tcp(listeners: &BTreeSet<String>) -> BTreeSet<String> {
    let is_tcp = |name: &&String| !name.starts_with("udp ") && !name.starts_with(['/', '@']);
    listeners.iter().filter(is_tcp).cloned().collect()
}

/// An address of a `bind` line as the kernel shows it; none where that takes more than reading.
fn as_shown(written: &str) -> Option<String> {
    let (family, rest) = match written.split_once('@') {
        Some((family, rest)) => (family, rest),
        None => ("", written),
    };
    if family == "unix" || (family.is_empty() && rest.starts_with('/')) {
        return Some(rest.to_owned());
    }
    let before = match family {
        "" | "ipv4" | "ipv6" | "tcp" | "tcp4" | "tcp6" => "",
        "quic4" | "quic6" | "udp" | "udp4" | "udp6" => "udp ",
        _ => return None,
    };
    let (ip, port) = rest.rsplit_once(':')?;
    let port: u16 = port.parse().ok()?;
    let ip = ip.trim_start_matches('[').trim_end_matches(']');
    let six = matches!(family, "ipv6" | "tcp6" | "quic6" | "udp6");
    let address = match (ip, six) {
        ("" | "*", false) => SocketAddrV4::new([0, 0, 0, 0].into(), port).to_string(),
        ("" | "*", true) => SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, port, 0, 0).to_string(),
        (ip, _) => match (ip.parse(), ip.parse()) {
            (Ok(four), _) => SocketAddrV4::new(four, port).to_string(),
            (_, Ok(six)) => SocketAddrV6::new(six, port, 0, 0).to_string(),
            _ => return None,
        },
    };
    Some(format!("{before}{address}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Known, sample};

    #[test]
    fn binds_are_compared_as_the_kernel_shows_them() {
        for (written, shown) in [
            ("127.0.0.1:80", Some("127.0.0.1:80")),
            (":80", Some("0.0.0.0:80")),
            ("*:80", Some("0.0.0.0:80")),
            (":::80", Some("[::]:80")),
            ("[::1]:80", Some("[::1]:80")),
            ("ipv6@:80", Some("[::]:80")),
            ("quic4@10.0.0.1:443", Some("udp 10.0.0.1:443")),
            ("unix@/run/a.sock", Some("/run/a.sock")),
            ("/run/a.sock", Some("/run/a.sock")),
            ("abns@name", None),
            ("fd@3", None),
            ("localhost:80", None),
        ] {
            assert_eq!(as_shown(written).as_deref(), shown, "{written}");
        }
    }

    #[test]
    fn what_the_files_give_up_is_not_expected_and_what_they_keep_is() {
        let mut facts = sample::healthy();
        let both =
            || vec!["127.0.0.1:8000".to_owned(), "127.0.0.1:9000".to_owned(), "/run/admin.sock".to_owned()];
        facts.live.listeners = Known::Seen(both());
        facts.next.listeners = Known::Seen(vec!["127.0.0.1:8000".to_owned()]);
        assert_eq!(expected(&facts).len(), 3, "no file was written");
        facts.config.edited_since_load = Known::Seen(vec!["/etc/haproxy.cfg".to_owned()]);
        let kept = expected(&facts);
        assert_eq!(kept.iter().collect::<Vec<_>>(), ["/run/admin.sock", "127.0.0.1:8000"]);
        assert_eq!(tcp(&kept).into_iter().collect::<Vec<_>>(), ["127.0.0.1:8000"]);
    }
}
