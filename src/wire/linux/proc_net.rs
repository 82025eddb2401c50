//! The tables of sockets in /proc/PID/net, of the network namespace that PID lives in.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::listener::Listener;

/// A socket that holds an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketEntry {
    /// What it holds.
    pub listener: Listener,
    /// It waits for clients; a connection holds its own address too.
    pub listening: bool,
    /// Its number among the open files of a process; 0 for a connection that has none any more.
    pub inode: u64,
    /// Who made it; not shown for unix sockets.
    pub uid: Option<u32>,
}

/// Which of the four tables of addresses it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketTable {
    /// `tcp` and `tcp6`
    Tcp,
    /// `udp` and `udp6`
    Udp,
}

/// State of a TCP socket that listens.
const TCP_LISTEN: &str = "0A";

/// Every socket of a table that keeps an address from others. With `connections` also those of the open connections, of
/// which a busy host has many.
pub fn inet_sockets(table: SocketTable, text: &str, connections: bool) -> Vec<SocketEntry> {
    text.lines().skip(1).filter_map(|line| parse_inet_row(table, line, connections)).collect()
}

fn parse_inet_row(table: SocketTable, line: &str, connections: bool) -> Option<SocketEntry> {
    let mut words = line.split_ascii_whitespace().skip(1);
    let (local, remote, state) = (words.next()?, words.next()?, words.next()?);
    let listening = match table {
        SocketTable::Tcp => state == TCP_LISTEN,
        SocketTable::Udp => remote.rsplit_once(':')?.1 == "0000",
    };
    if !listening && !connections {
        return None;
    }
    let (ip, port) = local.rsplit_once(':')?;
    let (ip, port) = (parse_ip(ip)?, u16::from_str_radix(port, 16).ok()?);
    if port == 0 {
        return None;
    }
    let (uid, inode) = (words.nth(3)?.parse().ok()?, words.nth(1)?.parse().ok()?);
    let listener = match table {
        SocketTable::Tcp => Listener::tcp(ip, port),
        SocketTable::Udp => Listener::udp(ip, port),
    };
    Some(SocketEntry { listener, listening, inode, uid: Some(uid) })
}

/// Words of 32 bits as this machine stores them.
fn parse_ip(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| u32::from_str_radix(hex.get(at * 8..at * 8 + 8)?, 16).ok().map(u32::to_ne_bytes);
    match hex.len() {
        8 => Some(IpAddr::V4(Ipv4Addr::from(word(0)?))),
        32 => {
            let mut bytes = [0; 16];
            for (at, chunk) in bytes.chunks_exact_mut(4).enumerate() {
                chunk.copy_from_slice(&word(at)?);
            }
            Some(IpAddr::V6(Ipv6Addr::from(bytes)))
        }
        _ => None,
    }
}

/// Length of the address of a unix socket, and thus of an abstract name with its leading zero.
const SUN_PATH_LEN: usize = 108;

/// Every unix socket with a name that is not one end of a connection.
pub fn unix_sockets(text: &str) -> Vec<SocketEntry> {
    text.lines().skip(1).filter_map(parse_unix_row).collect()
}

fn parse_unix_row(line: &str) -> Option<SocketEntry> {
    // The path is the rest of the line, so that it may hold spaces.
    let mut rest = line;
    let mut word = || {
        rest = rest.trim_start_matches(' ');
        let (word, after) = rest.split_once(' ')?;
        rest = after;
        Some(word)
    };
    let (_slot, _users, _protocol, _flags, _type) = (word()?, word()?, word()?, word()?, word()?);
    // A listener is unconnected; the connections that it accepted carry its path too.
    let (state, inode) = (word()?, word()?.parse().ok()?);
    let listener = match rest.strip_prefix('@') {
        // The kernel shows each zero of an abstract name as an @.
        Some(name) if rest.len() >= SUN_PATH_LEN => {
            Listener::Abstract { name: name.trim_end_matches('@').to_owned(), padded: true }
        }
        Some(name) => Listener::Abstract { name: name.to_owned(), padded: false },
        None => Listener::Unix(bound_path(rest).to_owned()),
    };
    (state == "01" && !rest.is_empty()).then_some(SocketEntry { listener, listening: true, inode, uid: None })
}

/// The path that clients use. HAProxy binds `PATH.PID.tmp` and renames it; the kernel goes on showing the first name.
fn bound_path(shown: &str) -> &str {
    let stem = shown.strip_suffix(".tmp").and_then(|rest| rest.rsplit_once('.'));
    match stem {
        Some((path, pid)) if !pid.is_empty() && pid.bytes().all(|b| b.is_ascii_digit()) => path,
        _ => shown,
    }
}

/// The sockets that an epoll instance watches, as descriptors: the lines `tfd:` of its /proc/PID/fdinfo.
pub fn epoll_targets(fdinfo: &str) -> impl Iterator<Item = u32> + '_ {
    let rows = fdinfo.lines().filter_map(|line| line.strip_prefix("tfd:"));
    rows.filter_map(|row| row.split_ascii_whitespace().next()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TCP: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
        0: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000    33        0 4711 1 0 100 0 0 10 0\n   \
        1: 0100007F:9C40 0100007F:0050 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 20 4 30 10 -1\n";
    const TCP6: &str = "header\n   0: 0000000000000000FFFF00000100007F:0400 00000000000000000000000000000000:0000 0A \
        00000000:00000000 00:00000000 00000000     0        0 9 1 0 100 0 0 10 0\n";
    const UDP: &str = "header\n 1: 0100007F:01BB 00000000:0000 07 00000000:00000000 00:00000000 00000000 0 0 77 2 0 0\n \
        2: 0100007F:01BC 0100007F:0035 01 00000000:00000000 00:00000000 00000000 0 0 78 2 0 0\n";

    fn summarize(rows: &[SocketEntry]) -> Vec<(String, bool, u64)> {
        rows.iter().map(|row| (row.listener.to_string(), row.listening, row.inode)).collect()
    }

    #[test]
    fn a_listener_is_distinguished_from_a_connection() {
        assert_eq!(
            summarize(&inet_sockets(SocketTable::Tcp, TCP, false)),
            [("tcp 127.0.0.1:80".into(), true, 4711)]
        );
        let all = inet_sockets(SocketTable::Tcp, TCP, true);
        assert_eq!(summarize(&all)[1], ("tcp 127.0.0.1:40000".into(), false, 4712));
        assert_eq!(all[0].uid, Some(33));
        let mapped = inet_sockets(SocketTable::Tcp, TCP6, false);
        assert_eq!(summarize(&mapped), [("tcp [::ffff:127.0.0.1]:1024".into(), true, 9)]);
        assert_eq!(
            summarize(&inet_sockets(SocketTable::Udp, UDP, false)),
            [("udp 127.0.0.1:443".into(), true, 77)]
        );
    }

    #[test]
    fn unix_sockets_have_paths_with_spaces_and_names_that_are_filled_up() {
        let padded = format!("@name{}", "@".repeat(103));
        let text = format!(
            "Num       RefCount Protocol Flags    Type St Inode Path\n\
             0000000000000000: 00000002 00000000 00010000 0001 01    11 /run/a b.sock.42.tmp\n\
             0000000000000000: 00000003 00000000 00000000 0001 03    12 /run/a b.sock\n\
             0000000000000000: 00000002 00000000 00000000 0002 01    13\n\
             0000000000000000: 00000002 00000000 00010000 0001 01    14 {padded}\n\
             0000000000000000: 00000002 00000000 00010000 0001 01    15 @name\n"
        );
        let expected = [
            ("unix /run/a b.sock".to_owned(), true, 11),
            ("abns name".into(), true, 14),
            ("abnsz name".into(), true, 15),
        ];
        assert_eq!(summarize(&unix_sockets(&text)), expected);
    }

    #[test]
    fn the_name_that_haproxy_bound_first_is_not_shown() {
        assert_eq!(bound_path("/run/a.sock.123.tmp"), "/run/a.sock");
        assert_eq!(bound_path("/run/a.sock"), "/run/a.sock");
        assert_eq!(bound_path("/run/a.x.tmp"), "/run/a.x.tmp");
    }

    #[test]
    fn an_epoll_instance_names_what_it_watches() {
        let text =
            "pos:\t0\nflags:\t02\ntfd:       10 events:       19 data:  a  pos:0 ino:1 sdev:8\ntfd: 7 x\n";
        assert_eq!(epoll_targets(text).collect::<Vec<_>>(), [10, 7]);
    }

    proptest! {
        #[test]
        fn no_table_makes_it_panic(text in "[\\PC\n]{0,300}") {
            inet_sockets(SocketTable::Tcp, &text, true);
            inet_sockets(SocketTable::Udp, &text, false);
            unix_sockets(&text);
            epoll_targets(&text).count();
        }

        #[test]
        fn no_row_makes_it_panic(words in proptest::collection::vec("[0-9A-F:@é.]{0,40}", 0..14)) {
            let text = format!("header\n{}\n", words.join(" "));
            inet_sockets(SocketTable::Tcp, &text, true);
            inet_sockets(SocketTable::Udp, &text, true);
            unix_sockets(&text);
        }
    }
}
