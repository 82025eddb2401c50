//! Every form of a bind, in every branch.

use std::os::unix::net::UnixListener;

use super::{address, facts, listeners, new_binds, quic};
use crate::support::haguard::Haguard;
use crate::support::handed;
use crate::support::haproxy::{Branch, Instance, binary};
use crate::support::process::self_signed;
use crate::support::requires::requires;
use crate::support::wait::wait_for;

const FORMS: &str = r#"
frontend wildcards
    bind *:{port:star}
    bind :{port:colon}
    bind 0.0.0.0:{port:zero}
    bind :::{port:six}
    bind :::{port:both} v4v6
    bind :::{port:only} v6only
    bind [::]:{port:bracket}
    bind ipv4@:{port:four}
    bind ipv6@:{port:sixth}
    bind ipv6@*:{port:starsix}
frontend addresses
    bind ADDR:1010-1012,ADDR:1013
    bind ADDR:20000-20099
    bind localhost:{port:name}
    bind ipv4@ADDR:1015
    bind ipv6@::1:{port:v6}
    bind [::1]:{port:v6b}
    bind tcp4@ADDR:1018
    bind tcp6@::1:{port:tcp6}
    bind tcp@ADDR:1028
    bind ::ffff:ADDR:1024
    bind ADDR:1025 transparent
    bind ADDR:1026 interface lo
    bind "ADDR:${PORT}"
    bind ADDR:1030 accept-proxy mss 1400 backlog 10 maxconn 5
    bind "fd@${FD}"
frontend paths
    bind unix@/one
    bind /two.sock mode 600 user root
    bind uxst@/three
    bind "/with space"
    bind abns@haguard-{port:abstract}
frontend logs
    bind 127.0.0.1:{port:web}
    log 127.0.0.1:{port:log} local0
    option httplog
    http-request return status 200
frontend off
    disabled
    bind ADDR:1040
log-forward lf
    dgram-bind ADDR:1050
    dgram-bind udp4@ADDR:1051
    dgram-bind unix@/datagrams
    bind ADDR:1052
peers first
    peer here ADDR:1060
peers second
    bind ADDR:1061
    server here
peers third
    bind ADDR:1062
    server other ADDR:1063
"#;

const QUIC: &str = "
frontend quic
    bind quic4@ADDR:1070 ssl crt CERT alpn h3
    bind quic6@:{port:quic} ssl crt CERT alpn h3
    bind quic6@::1:{port:quic6} ssl crt CERT alpn h3
    bind ADDR:1070 ssl crt CERT
";

/// As root only: others may not take a low port or make a socket transparent.
fn for_this_user(text: &str) -> String {
    if rustix::process::geteuid().is_root() {
        return text.to_owned();
    }
    let text = text.replace("ADDR:10", "ADDR:110").replace("-1012", "-11012").replace(" user root", "");
    text.replace(" transparent", "").replace(" interface lo", "")
}

/// The worker has a UDP socket on no address in particular, as none of its binds of IPv4 is.
fn sends_logs(worker: u32) -> bool {
    let open = std::fs::read_dir(format!("/proc/{worker}/fd")).unwrap().flatten();
    let open: Vec<String> = open
        .filter_map(|fd| std::fs::read_link(fd.path()).ok())
        .map(|target| target.to_string_lossy().into_owned())
        .collect();
    let table = std::fs::read_to_string(format!("/proc/{worker}/net/udp")).unwrap();
    table
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .any(|row| row[1].starts_with("00000000:") && open.contains(&format!("socket:[{}]", row[9])))
}

/// In a sealed copy every one of them is bound too, and nothing else.
fn rehearsed_alike(haproxy: &Instance) {
    let branch = haproxy.branch();
    let document = Haguard::new().json(&["rehearse"], haproxy.master_socket().unwrap());
    let rehearsal = &document["rehearsal"];
    assert_eq!(rehearsal["came_up"], true, "{branch}: {rehearsal:#}");
    let changes = rehearsal["difference"]["changes"].as_array().unwrap().iter();
    // The sender of logs took its port when it had something to send.
    let binds: Vec<_> = changes.filter(|change| change["what"] == "bind").collect();
    assert!(binds.is_empty(), "{branch}: {binds:?}");
    assert!(rehearsal["difference"]["unknown"].as_array().unwrap().is_empty(), "{branch}: {rehearsal:#}");
}

#[test]
fn what_the_files_ask_for_is_what_the_worker_listens_on() {
    requires!(Program("perl"));
    let folder = tempfile::tempdir().unwrap();
    let certificate = self_signed(folder.path());
    for branch in Branch::here() {
        let given = address().to_string();
        let mut text = FORMS.to_owned();
        if quic(branch) {
            text += QUIC;
        }
        if branch >= Branch::V32 {
            text += "frontend unpadded\n    bind abnsz@haguard-{port:abstract}\n";
        }
        if branch >= Branch::V34 {
            text += "frontend mptcp\n    bind mptcp4@ADDR:1042\n";
        }
        let text = for_this_user(&text);
        let text =
            text.replace("ADDR", &address().to_string()).replace("CERT", certificate.to_str().unwrap());
        let program = handed::listener(&binary(branch), folder.path(), (&given, 24100));
        let haproxy = Instance::builder(branch)
            .program(&program)
            .global("unix-bind prefix {dir}")
            // The library that 3.0 was built with does QUIC only so.
            .global(if branch == Branch::V30 { "limited-quic" } else { "" })
            .config(&text)
            .arg("-L")
            .arg("here")
            .env("PORT", "11029")
            .start();
        // From its first line on, the sender of logs has a port of its own.
        let worker = haproxy.worker_pid();
        wait_for("a line of log is sent", || {
            assert!(haproxy.get("web", "/").contains(" 200 "), "{branch}");
            sends_logs(worker).then_some(())
        });
        let facts = facts(&haproxy);
        let (live, next) = (listeners(&facts, "live"), listeners(&facts, "next"));
        assert_eq!(live, next, "{branch}\n{}", haproxy.log());
        assert!(live.contains(&format!("tcp {given}:24100")), "{branch}: {live:?}");
        assert!(!live.iter().any(|one| one.contains(":1040") || one.contains(":1062")), "{branch}: {live:?}");
        if rustix::process::geteuid().is_root() {
            rehearsed_alike(&haproxy);
        }
    }
}

#[test]
fn a_path_that_starts_nowhere_starts_where_haproxy_does() {
    for branch in Branch::here() {
        let config = "frontend f\n    bind unix@near.sock\n";
        let mut haproxy = Instance::builder(branch).config(config).arg("-C").arg("{dir}").start();
        let seen = facts(&haproxy);
        assert!(listeners(&seen, "live").contains(&"unix near.sock".to_owned()), "{branch}");
        assert_eq!(listeners(&seen, "live"), listeners(&seen, "next"), "{branch}");
        let theirs = UnixListener::bind(haproxy.dir().join("theirs.sock")).unwrap();
        haproxy.write_config(&(haproxy.config() + "    bind unix@theirs.sock\n    bind unix@no/a.sock\n"));
        let states: Vec<String> =
            new_binds(&facts(&haproxy)).into_iter().map(|(_, state, _)| state).collect();
        assert_eq!(states, ["denied", "taken"], "{branch}");
        drop(theirs);
    }
}
