//! New binds that somebody else holds, or that cannot be had: named before the reload, and proven by one.

use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::Path;

use rustix::net::{AddressFamily, SocketType, bind, socket};
use serde_json::Value;

use super::{address, check, facts, new_binds, quic};
use crate::support::configs;
use crate::support::haproxy::{Branch, Instance};
use crate::support::process::self_signed;

/// A new bind and what it meets.
struct BindCase {
    name: &'static str,
    /// Lines after the base.
    text: String,
    state: &'static str,
    /// Held by the test itself.
    ours: bool,
    /// A word that the check has to say.
    says: String,
}

fn in_use(name: &'static str, text: String) -> BindCase {
    let says = format!("PID {}", std::process::id());
    BindCase { name, text, state: "taken", ours: true, says }
}

fn cannot(name: &'static str, state: &'static str, text: String, says: &str) -> BindCase {
    BindCase { name, text, state, ours: false, says: says.to_owned() }
}

/// Everything that stands in the way, kept until the end.
#[derive(Default)]
struct OccupiedAddresses {
    tcp: Vec<TcpListener>,
    streams: Vec<TcpStream>,
    udp: Vec<UdpSocket>,
    unix: Vec<UnixListener>,
    bound: Vec<OwnedFd>,
}

impl OccupiedAddresses {
    fn listen(&mut self, at: &str) -> u16 {
        let listener = TcpListener::bind((at, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        self.tcp.push(listener);
        port
    }

    fn situations(&mut self, branch: Branch, dir: &Path, certificate: &Path) -> Vec<BindCase> {
        let one = address();
        let same = self.listen(&one.to_string());
        let wild = self.listen("0.0.0.0");
        let dual = self.listen("::");
        let datagrams = UdpSocket::bind((one, 0)).unwrap();
        let udp = datagrams.local_addr().unwrap().port();
        self.udp.push(datagrams);
        let connection = TcpStream::connect((one, same)).unwrap();
        let outgoing = connection.local_addr().unwrap();
        self.streams.push(connection);
        let silent = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        bind(&silent, &std::net::SocketAddr::from((one, 24000))).unwrap();
        self.bound.push(silent);
        let mut name = format!("haguard-taken-{same}").into_bytes();
        let shown = String::from_utf8(name.clone()).unwrap();
        name.resize(107, 0);
        let name = SocketAddr::from_abstract_name(&name).unwrap();
        self.unix.push(UnixListener::bind_addr(&name).unwrap());
        std::fs::create_dir(dir.join("folder")).unwrap();
        let mut all = vec![
            in_use("the same address", format!("    bind {one}:{same}\n")),
            in_use("a wildcard over one address", format!("    bind *:{same}\n")),
            in_use("one address under a wildcard", format!("    bind {one}:{wild}\n")),
            in_use("IPv4 under an IPv6 wildcard", format!("    bind {one}:{dual}\n")),
            in_use("an IPv6 wildcard over an IPv4 wildcard", format!("    bind :::{wild} v4v6\n")),
            in_use("datagrams", format!("log-forward l\n    dgram-bind {one}:{udp}\n")),
            in_use("an abstract name", format!("    bind abns@{shown}\n")),
            in_use("an open connection", format!("    bind {}:{}\n", outgoing.ip(), outgoing.port())),
            cannot("a silent socket", "taken", format!("    bind {one}:24000\n"), "does not listen"),
            cannot("an address elsewhere", "not-here", "    bind 192.0.2.1:24001\n".into(), "no interface"),
            cannot(
                "no folder",
                "denied",
                format!("    bind unix@{}/no/a.sock\n", dir.display()),
                "does not exist",
            ),
            cannot("a folder", "denied", format!("    bind unix@{}/folder\n", dir.display()), "is a folder"),
        ];
        if quic(branch) {
            let text = format!("    bind quic4@{one}:{udp} ssl crt {} alpn h3\n", certificate.display());
            all.push(in_use("QUIC over datagrams", text));
        }
        all
    }
}

#[test]
fn what_is_called_taken_is_named_with_its_owner_and_really_fails() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = self_signed(folder.path());
    // A failing reload takes two seconds, so the branches go side by side.
    std::thread::scope(|scope| {
        for branch in Branch::here() {
            let certificate = &certificate;
            scope.spawn(move || every_situation(branch, certificate));
        }
    });
}

fn every_situation(branch: Branch, certificate: &Path) {
    let limited = if branch == Branch::V30 { "limited-quic" } else { "" };
    let (folder, mut strangers) = (tempfile::tempdir().unwrap(), OccupiedAddresses::default());
    for situation in strangers.situations(branch, folder.path(), certificate) {
        let BindCase { name, text, state, ours, says } = situation;
        // A new one each time: from 3.2 on, nobody answers on its unix sockets after a second failed reload.
        let mut haproxy = Instance::builder(branch).global(limited).config(configs::ANSWERING).start();
        haproxy.write_config(&(haproxy.config() + &text));
        let fresh = new_binds(&facts(&haproxy));
        assert_eq!(fresh.len(), 1, "{branch}, {name}: {fresh:?}");
        assert_eq!(fresh[0].1, state, "{branch}, {name}: {fresh:?}");
        if ours {
            let holder = &fresh[0].2["by"][0]["process"];
            assert_eq!(holder["pid"], std::process::id(), "{branch}, {name}: {fresh:?}");
            assert_eq!(holder["uid"], rustix::process::geteuid().as_raw(), "{branch}, {name}");
        }
        let said = check(&haproxy);
        assert_eq!(said["level"], "fail", "{branch}, {name}: {said}");
        assert!(said["text"].as_str().unwrap().contains(&says), "{branch}, {name}: {said}");
        let line = format!("{}:{}", haproxy.config_path().display(), haproxy.config().lines().count());
        assert!(said["evidence"].to_string().contains(&line), "{branch}, {name}: {said}");
        assert!(said["mend"].is_string(), "{branch}, {name}");
        let reload = haproxy.reload();
        assert!(!reload.success, "{branch}, {name}: {}\n{}", reload.answer, haproxy.log());
    }
}

/// HAProxy would come up and take something away from somebody, which no reload log says.
#[test]
fn what_haproxy_would_take_over_without_a_word_is_called_taken_too() {
    for branch in Branch::here() {
        let mut haproxy = Instance::builder(branch).config(configs::ANSWERING).start();
        let other = Instance::builder(branch).config(configs::FRONTEND).start();
        let base = haproxy.config();
        let path = haproxy.dir().join("theirs.sock");
        let theirs = UnixListener::bind(&path).unwrap();
        theirs.set_nonblocking(true).unwrap();
        let file = haproxy.dir().join("precious");
        std::fs::write(&file, "precious").unwrap();
        let by = |pid: u32| format!("PID {pid}");
        let situations = [
            (format!("unix@{}", path.display()), "taken", by(std::process::id())),
            (format!("unix@{}", file.display()), "denied", "a file stands there".to_owned()),
            (format!("127.0.0.1:{}", other.port("f")), "taken", by(other.master_pid())),
        ];
        for (bind, state, says) in situations {
            haproxy.write_config(&format!("{base}    bind {bind}\n"));
            let fresh = new_binds(&facts(&haproxy));
            assert_eq!(fresh[0].1, state, "{branch}: {fresh:?}");
            let said = check(&haproxy);
            let text: &Value = &said["text"];
            // Of another HAProxy the master, or the worker where the master has closed its copy.
            let worker = by(other.worker_pid());
            let says = [says, worker].into_iter().any(|word| text.as_str().unwrap().contains(&word));
            assert!(said["level"] == "fail" && says, "{branch}: {said}");
            assert!(haproxy.reload().success, "{branch}, {bind}: {}", haproxy.log());
            if bind.starts_with("unix") && state == "taken" {
                UnixStream::connect(&path).unwrap();
                assert!(theirs.accept().is_err(), "{branch}: its clients go to HAProxy now");
            }
        }
        assert!(!file.is_file(), "{branch}: the file is gone");
    }
}

/// To /proc the listener stays the same; what it meets does not. The kernel, which remembers that the port was shared
/// before, lets it come up, but every client of IPv4 goes to the neighbour.
#[test]
fn a_bind_that_shall_take_ipv4_from_now_on_is_taken_where_a_neighbour_has_it() {
    for branch in Branch::here() {
        let neighbour = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = neighbour.local_addr().unwrap().port();
        let bind = |wide: &str| format!("{}    bind :::{port}{wide}\n", configs::ANSWERING);
        let mut haproxy = Instance::builder(branch).config(&bind(" v6only")).start();
        let narrow = haproxy.config();
        assert_eq!(check(&haproxy)["level"], "pass", "{branch}");
        for wider in [" v4v6", ""] {
            haproxy.write_config(&narrow.replace(" v6only", wider));
            let fresh = new_binds(&facts(&haproxy));
            assert_eq!((fresh.len(), fresh[0].1.as_str()), (1, "taken"), "{branch}: {fresh:?}");
            assert_eq!(fresh[0].2["by"][0]["process"]["pid"], std::process::id(), "{branch}: {fresh:?}");
        }
        assert!(haproxy.reload().success, "{branch}: {}", haproxy.log());
        neighbour.set_nonblocking(true).unwrap();
        let client = TcpStream::connect(("127.0.0.1", port)).unwrap();
        neighbour.accept().unwrap_or_else(|error| panic!("{branch}: the neighbour has no client: {error}"));
        drop((client, neighbour, haproxy));
        let mut haproxy = Instance::builder(branch).config(&bind(" v6only")).start();
        haproxy.write_config(&haproxy.config().replace(" v6only", " v4v6"));
        assert_eq!(check(&haproxy)["level"], "pass", "{branch}: nobody is in the way");
        assert!(haproxy.reload().success, "{branch}: {}", haproxy.log());
    }
}
