//! `inspect --routes`, the servers that are local processes, and `-o markdown`, against real HAProxies.

use super::*;
use crate::support::haguard::Haguard;
use crate::support::haproxy::{Branch, Instance};
use crate::support::requires::requires;

const CONFIG: &str = "
frontend web
    bind 127.0.0.1:{port:web}
    acl is_api hdr(host) -i api.example
    acl v2 path_beg /v2
    use_backend api if is_api v2
    use_backend api if { hdr_end(host) .api.example }
    use_backend %[req.hdr(host),lower,map({dir}/hosts.map,api)]
    use_backend bk_%[req.hdr(x-pick)]
    use_backend %[path,map_beg({dir}/paths.map)] if { hdr(host) shop.example }
    use_backend %[req.hdr(host),map_end({dir}/ends.map)] if { ssl_fc_sni sni.example }
    default_backend gui
backend gui
    server s1 127.0.0.1:PORT
    server gone 127.0.0.1:{port:gone}
backend api
    server far 192.0.2.1:80
";

#[test]
fn routes_lead_from_hosts_over_live_maps_to_servers_with_their_health() {
    requires!(Program("python3"));
    let web = Web::start(&[], &[]);
    for branch in Branch::here() {
        let builder = Instance::builder(branch)
            .config(&CONFIG.replace("PORT", &web.port.number.to_string()))
            .file("hosts.map", "gui.example gui\nsecret-key secret-value\n")
            .file("paths.map", "/cart gui\n")
            .file("ends.map", ".end.example api\n");
        let haproxy = builder.start();
        haproxy.admin(&format!("add map {}/hosts.map live.example gui", haproxy.dir().display()));
        haproxy.admin("set server gui/gone state maint");
        let socket = haproxy.master_socket().unwrap().to_str().unwrap().to_owned();
        let haguard = Haguard::new();
        let said = haguard.run(["inspect", "--routes", "--master-socket", &socket]);
        assert_eq!(said.status, 0, "{said}");
        let text = unwrapped(&said.stdout);
        for expected in [
            "api.example, when path_beg /v2 (",
            "*.api.example (",
            "gui.example (",
            "live.example (",
            "1 value of ",
            "route unknown: decided for each request by bk_%[req.hdr(x-pick)]",
            "any host, when no other rule fits",
            "shop.example, when path begins with /cart (",
            "*.end.example, when the host is sni.example (",
            &format!(
                "-> gui: s1 127.0.0.1:{} (no check), gone 127.0.0.1:{} (MAINT)",
                web.port.number,
                haproxy.port("gone")
            ),
            "-> api: far 192.0.2.1:80 (no check)",
        ] {
            assert!(text.contains(expected), "{branch}: no `{expected}` in {said}");
        }
        assert!(!text.contains("secret-"), "{said}");
        let document = haguard.json(&["inspect", "--routes"], Path::new(&socket));
        assert_eq!(
            document["facts"]["routes"]["seen"]["routes"].as_array().unwrap().len(),
            10,
            "{document:#}"
        );
    }
}

#[test]
fn a_server_on_this_host_is_traced_to_its_process_and_one_that_nobody_serves_is_said() {
    requires!(Program("python3"), Haproxy(Branch::V30));
    let web = Web::start(&[], &[]);
    let builder =
        Instance::builder(Branch::V30).config(&CONFIG.replace("PORT", &web.port.number.to_string()));
    let builder = builder.file("hosts.map", "").file("paths.map", "").file("ends.map", "");
    let haproxy = builder.start();
    let socket = haproxy.master_socket().unwrap();
    let haguard = Haguard::new();
    let document = haguard.json(&["inspect"], socket);
    let local = document["facts"]["on_host"]["seen"]["local"].as_array().unwrap().clone();
    assert_eq!(local.len(), 2, "the far one is not of this host: {local:#?}");
    assert_eq!(local[0]["served_by"][0], web.pid(), "{local:#?}");
    assert_eq!(local[1]["unserved"], "no process listens there", "{local:#?}");
    assert_eq!(service(&document, haproxy.master_pid())["role"], "haproxy");
    let procedures = document["procedures"].as_array().unwrap();
    let of = |pid: u32| procedures.iter().find(|one| one["pid"] == pid).unwrap();
    assert!(
        of(haproxy.master_pid())["restart"][0]["command"].as_str().unwrap().starts_with("haguard reload")
    );
    assert!(of(web.pid())["restart"].to_string().contains("http.server"), "{procedures:#?}");
    assert!(!of(web.pid())["never"].as_array().unwrap().is_empty(), "{procedures:#?}");
    let said = haguard.run(["inspect", "--master-socket", socket.to_str().unwrap()]);
    let text = unwrapped(&said.stdout);
    assert!(
        text.contains(&format!("gui/s1 at 127.0.0.1:{} http.server (PID {}", web.port.number, web.pid())),
        "{said}"
    );
    assert!(said.stdout.lines().all(|line| line.chars().count() <= 80), "{said}");
    // What was seen can be told on.
    let saved = haguard.home().join("facts.json");
    std::fs::write(&saved, serde_json::to_string(&document).unwrap()).unwrap();
    let again = haguard.run(["inspect", "--facts", saved.to_str().unwrap(), "-o", "markdown"]);
    assert_eq!(again.status, 0, "{again}");
    assert!(
        again.stdout.contains(&format!("| gui/s1 | 127.0.0.1:{} | http.server", web.port.number)),
        "{again}"
    );
}

#[test]
fn markdown_tells_a_stranger_how_each_service_is_restarted_and_no_other_command_has_it() {
    requires!(Program("python3"), Haproxy(Branch::V32));
    let web = Web::start(&[], &[]);
    let builder =
        Instance::builder(Branch::V32).config(&CONFIG.replace("PORT", &web.port.number.to_string()));
    let builder = builder.file("hosts.map", "").file("paths.map", "").file("ends.map", "");
    let haproxy = builder.start();
    let socket = haproxy.master_socket().unwrap().to_str().unwrap();
    let haguard = Haguard::new();
    let said = haguard.run(["inspect", "-o", "markdown", "--master-socket", socket]);
    assert_eq!(said.status, 0, "{said}");
    for expected in [
        "# Deployment of ",
        &format!("| HAProxy (PID {}) |", haproxy.master_pid()),
        &format!("haguard reload --master-socket {socket}"),
        &format!("### http.server ({})", web.pid()),
        "**Never** restart it",
        "## Where requests go",
        "| web | any | no other rule fits | gui |",
        "## How this was determined",
        "## What is unknown",
    ] {
        assert!(said.stdout.contains(expected), "no `{expected}` in {said}");
    }
    for command in [&["restart"][..], &["check"], &["inspect", "--routes"], &["history"]] {
        let said = haguard.run(command.iter().copied().chain(["-o", "markdown"]));
        assert_eq!(said.status, 2, "{said}");
        assert!(said.stderr.contains("fix:"), "{said}");
    }
}
