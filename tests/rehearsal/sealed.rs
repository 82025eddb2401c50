//! Nothing leaves a rehearsal: no packet, no log line, no file, no process, however haguard ends.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::process::Stdio;

use super::{PLAIN, rehearse};
use crate::support::document::finding;
use crate::support::haguard::Haguard;
use crate::support::haproxy::{Branch, Instance};
use crate::support::ports;
use crate::support::requires::requires;
use crate::support::wait::wait_for;

#[test]
fn no_packet_and_no_log_line_leaves_it() {
    requires!(Root);
    for branch in Branch::here() {
        let haproxy = Instance::builder(branch).config(PLAIN).start();
        let peer = ports::free();
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let path = haproxy.dir().join("log.sock");
        let unix = UnixDatagram::bind(&path).unwrap();
        tcp.set_nonblocking(true).unwrap();
        udp.set_nonblocking(true).unwrap();
        unix.set_nonblocking(true).unwrap();
        let (tcp_port, udp_port) = (tcp.local_addr().unwrap().port(), udp.local_addr().unwrap().port());
        let file = haproxy.dir().join("candidate.cfg");
        // Starting, it would check a server, greet a peer, and log both ways; a script writes a file.
        let text = haproxy.config().replace(
            "global",
            "global\n    localpeer me\n    pidfile {dir}/pid\n    lua-load {dir}/write.lua",
        ) + "peers mates\n    peer me 127.0.0.1:{port}\n    peer other 127.0.0.1:{tcp}\n\
               backend checked\n    log {dir}/log.sock local0\n    log 127.0.0.1:{udp} local0\n    option log-health-checks\n    \
               server c1 127.0.0.1:{tcp} check inter 10ms\n";
        let dir = haproxy.dir().to_str().unwrap();
        let text = text.replace("{dir}", dir).replace("{udp}", &udp_port.to_string());
        let text = text.replace("{tcp}", &tcp_port.to_string()).replace("{port}", &peer.number.to_string());
        std::fs::write(&file, text).unwrap();
        let written = haproxy.dir().join("written");
        let script = format!(
            "core.register_init(function() local f = io.open('{}', 'w') f:write('x') f:close() end)\n",
            written.display()
        );
        std::fs::write(haproxy.dir().join("write.lua"), script).unwrap();
        let (status, document) =
            rehearse(&Haguard::new(), &haproxy, &["--config-file", file.to_str().unwrap()]);
        assert_eq!(status, 0, "{branch}: {document:#}");
        let silent = |error: std::io::Error| error.kind() == ErrorKind::WouldBlock;
        assert!(tcp.accept().is_err_and(silent), "{branch}: somebody connected");
        assert!(udp.recv(&mut [0; 512]).is_err_and(silent), "{branch}: a log line by UDP");
        assert!(unix.recv(&mut [0; 512]).is_err_and(silent), "{branch}: a log line through a socket");
        assert!(!written.exists(), "{branch}: the script's file is on the host");
        assert!(!haproxy.dir().join("pid").exists(), "{branch}: its PID file is on the host");
    }
}

#[test]
fn no_reading_command_runs_what_the_files_name_outside_the_copy() {
    requires!(Root);
    const TEST: &str = "config.test-same-argv";
    for branch in Branch::here() {
        let mut haproxy = Instance::builder(branch).config(PLAIN).start();
        let written = haproxy.dir().join("written");
        let script = format!("local f = io.open('{}', 'w') f:write('x') f:close()\n", written.display());
        std::fs::write(haproxy.dir().join("write.lua"), script).unwrap();
        // Both run it while the file is read, not when it is in force.
        for keyword in ["lua-load", "lua-load-per-thread"] {
            let plain = haproxy.config();
            haproxy
                .write_config(&plain.replace("global", &format!("global\n    {keyword} {{dir}}/write.lua")));
            let commands: [&[&str]; 5] =
                [&["inspect"], &["check", TEST], &["rehearse"], &["restart"], &["reload", "--plan"]];
            for words in commands {
                let document = Haguard::new().json(words, haproxy.master_socket().unwrap());
                assert!(!written.exists(), "{branch} {keyword} {words:?}: it ran on the host");
                if words[0] == "check" {
                    assert_eq!(finding(&document, TEST)["level"], "pass", "{branch} {keyword}: {document:#}");
                }
            }
            haproxy.write_config(&plain);
        }
    }
}

/// Up to 3.0 this section is accepted of a master alone; Data Plane API is often started by it.
#[test]
fn a_program_section_is_tested_with_the_masters_own_arguments() {
    requires!(Root, Haproxy(Branch::V30));
    const TEST: &str = "config.test-same-argv";
    let config = format!("{PLAIN}program idle\n    command sleep 600\n");
    let haproxy = Instance::builder(Branch::V30).config(&config).start();
    let document = Haguard::new().json(&["check", TEST], haproxy.master_socket().unwrap());
    assert_eq!(finding(&document, TEST)["level"], "pass", "{document:#}");
    let command = document.to_string();
    assert!(command.contains(" -c -W -f "), "{document:#}");
}

/// A start that takes long enough to be caught in it: the script waits for a file that the test never makes.
fn slow(branch: Branch) -> Instance {
    let mut haproxy = Instance::builder(branch).config(PLAIN).start();
    let script = "core.register_init(function() while true do local f = io.open('/.hag-never') if f then return end end end)\n";
    std::fs::write(haproxy.dir().join("slow.lua"), script).unwrap();
    let text = haproxy.config().replace("global", "global\n    lua-load {dir}/slow.lua");
    haproxy.write_config(&text);
    haproxy
}

/// PIDs whose command line names this folder, apart from those given.
fn mentioning(folder: &str, but: &[u32]) -> BTreeSet<u32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let named = |pid: &u32| {
        std::fs::read(format!("/proc/{pid}/cmdline"))
            .is_ok_and(|text| String::from_utf8_lossy(&text).contains(folder))
    };
    pids.filter(|pid| !but.contains(pid)).filter(named).collect()
}

/// Mounts that haguard could have left: its own are a tmpfs and overlays, over any place. Folders of other tests are none.
fn mounts(own: &str) -> Vec<String> {
    let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let places = table.lines().filter_map(|line| line.split(' ').nth(4));
    let mut places: Vec<String> =
        places.filter(|at| at.starts_with(own) || !at.contains("/hag")).map(str::to_owned).collect();
    places.sort_unstable();
    places
}

#[test]
fn nothing_stays_running_or_mounted_after_sigkill() {
    requires!(Root);
    for branch in Branch::here() {
        let haproxy = slow(branch);
        let folder = haproxy.dir().to_str().unwrap().to_owned();
        let own = [haproxy.master_pid(), haproxy.worker_pid()];
        let before = mounts(&folder);
        let haguard = Haguard::new();
        let socket = haproxy.master_socket().unwrap();
        let mut command = haguard.std_command();
        command.args(["rehearse", "--master-socket"]).arg(socket).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let inside = |pids: &BTreeSet<u32>| {
            pids.iter().any(|pid| {
                std::fs::read(format!("/proc/{pid}/cmdline"))
                    .is_ok_and(|text| String::from_utf8_lossy(&text).contains("/.haguard/"))
            })
        };
        wait_for("the rehearsed HAProxy runs", || inside(&mentioning(&folder, &own)).then_some(()));
        // Meanwhile nobody else takes it for a HAProxy of this host.
        let document = haguard.json(&["inspect"], socket);
        let mut candidates: Vec<String> = document["facts"]["candidates"]["seen"]
            .as_array()
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect();
        // Other tests have HAProxies of their own.
        candidates.retain(|one| one.contains(&folder));
        assert!(!candidates.is_empty(), "the one that runs is listed on {branch}");
        assert!(!candidates.iter().any(|one| one.contains("/.haguard/")), "{branch}: {candidates:?}");
        child.kill().unwrap();
        child.wait().unwrap();
        wait_for("everything that it started is gone", || mentioning(&folder, &own).is_empty().then_some(()));
        assert_eq!(mounts(&folder), before, "{branch}");
        assert!(!std::path::Path::new("/.haguard").exists(), "{branch}");
        assert_eq!(haproxy.worker_pid(), own[1], "{branch}");
    }
}
