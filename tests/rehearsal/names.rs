//! Names resolve in a sealed copy, which has no network to ask: haguard asks on the host first.

use tempfile::TempDir;

use super::changes;
use crate::support::haguard::Haguard;
use crate::support::haproxy::{Branch, Instance};
use crate::support::process::{Process, on_path};
use crate::support::requires::{interface, requires};
use crate::support::wait::wait_for;

/// A name server that knows every name under `hag.test` as 127.1.2.3, and no other; 20 lines, since a real one would
/// have to be installed. It asks for nothing and so cannot be asked wrongly.
const NAME_SERVER: &str = r"
import socket, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(('127.0.0.53', 53))
open(sys.argv[1], 'w').close()
while True:
    query, client = server.recvfrom(512)
    at, labels = 12, []
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]])
        at += 1 + query[at]
    question, kind = query[12:at + 5], query[at + 1:at + 3]
    known = labels[-2:] == [b'hag', b'test']
    answer = b'\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x05\x00\x04\x7f\x01\x02\x03' if known and kind == b'\x00\x01' else b''
    flags = b'\x81\x80' if known else b'\x81\x83'
    head = query[:2] + flags + b'\x00\x01' + (b'\x00\x01' if answer else b'\x00\x00') + b'\x00\x00\x00\x00'
    server.sendto(head + question + answer, client)
";

/// A network and a mount namespace in which that server is the host's resolver.
struct Resolver {
    process: Process,
    _dir: TempDir,
}

impl Resolver {
    fn start() -> Self {
        let dir = TempDir::with_prefix("hag").unwrap();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        write("resolv.conf", "nameserver 127.0.0.53\n");
        write("nsswitch.conf", "hosts: files dns\n");
        write("server.py", NAME_SERVER);
        let script = "ip link set lo up && mount --bind $0/resolv.conf /etc/resolv.conf && \
                      mount --bind $0/nsswitch.conf /etc/nsswitch.conf && exec python3 $0/server.py $0/ready";
        let args = [
            "--net",
            "--mount",
            "--propagation",
            "private",
            "--",
            "sh",
            "-c",
            script,
            dir.path().to_str().unwrap(),
        ];
        let args = args.map(std::ffi::OsString::from);
        let process = Process::start(&on_path("unshare").unwrap(), &args, &[], &dir.path().join("log"));
        let ready = dir.path().join("ready");
        wait_for("the name server listens", || ready.exists().then_some(()));
        Resolver { process, _dir: dir }
    }

    fn prefix(&self) -> Vec<String> {
        let pid = self.process.pid().to_string();
        ["nsenter", "--target", &pid, "--net", "--mount", "--"].map(str::to_owned).into()
    }
}

#[test]
fn servers_logs_and_peers_that_only_the_hosts_resolver_knows() {
    requires!(Root, Program("ip"), Program("python3"), Program("unshare"));
    let resolver = Resolver::start();
    let prefix = resolver.prefix();
    let words: Vec<&str> = prefix.iter().map(String::as_str).collect();
    for branch in Branch::here() {
        let text = "frontend fe\n    bind front.hag.test:{port:fe}\n    log logs.hag.test:514 local0\n    default_backend web\n\
                    backend web\n    server s1 api.hag.test:8080\n    server s2 127.0.0.1:81\n\
                    peers mates\n    peer me 127.0.0.1:{port:peer}\n    peer other peer.hag.test:1000\n";
        let mut haproxy = Instance::builder(branch).config(text).arg("-L").arg("me").through(&words).start();
        let haguard = Haguard::through(&words);
        let socket = haproxy.master_socket().unwrap().to_owned();
        let document = haguard.json(&["rehearse"], &socket);
        assert_eq!(document["rehearsal"]["came_up"], true, "{branch}: {:#}", document["rehearsal"]);
        assert_eq!(changes(&document), Vec::<String>::new(), "{branch}");
        assert!(
            document["rehearsal"]["difference"]["unknown"].as_array().unwrap().is_empty(),
            "{branch}: {document:#}"
        );
        // A name that nobody knows fails here as it would at the reload.
        haproxy.write_config(&haproxy.config().replace("api.hag.test", "api.nowhere.test"));
        let document = haguard.json(&["rehearse"], &socket);
        assert_eq!(document["rehearsal"]["came_up"], false, "{branch}");
        assert!(
            document["rehearsal"]["alerts"].to_string().contains("api.nowhere.test"),
            "{branch}: {document:#}"
        );
    }
}

#[test]
fn an_interface_that_a_bind_names_is_there() {
    requires!(Root, Interface);
    let interface = interface().unwrap();
    for branch in Branch::here() {
        let text = "frontend fe\n    bind 127.0.0.1:{port:fe}\n    timeout client 1s\n";
        let mut haproxy = Instance::builder(branch).config(text).start();
        for (name, warned) in [(interface.as_str(), false), ("hag-none", true)] {
            haproxy.write_config(&format!("{text}    bind 127.0.0.2:{{port:on}} interface {name}\n"));
            let document = Haguard::new().json(&["rehearse"], haproxy.master_socket().unwrap());
            let said = document["rehearsal"].to_string();
            assert_eq!(said.contains("No such device"), warned, "{branch} {name}: {said}");
        }
    }
}
