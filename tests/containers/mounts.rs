//! What a container sees of this host's files, and what it does not.

use serde_json::json;

use super::{ContainerBench, TEXT, every};
use crate::support::configs;
use crate::support::docker::Dockerd;
use crate::support::document::finding;
use crate::support::haproxy::Branch;
use crate::support::requires::requires;

const ALONE: &str = "{dir}/etc/haproxy.cfg:/usr/local/etc/haproxy/haproxy.cfg:ro";

#[test]
fn a_file_that_is_mounted_alone_and_renamed_over_is_found_stale() {
    requires!(Docker, Haproxy(Branch::V32));
    let dockerd = Dockerd::start();
    let image = dockerd.haproxy(Branch::V32);
    let edge = ContainerBench::with(&dockerd, &image, json!({"NetworkMode": "none"}), &[ALONE]);
    let check = |edge: &ContainerBench| finding(&edge.json(&["check"]), "arch.config-inode").clone();
    let said = check(&edge);
    assert_eq!(said["level"], "pass", "{said}");
    assert!(said["evidence"].to_string().contains("mounted alone: one file"), "{said}");

    // In place it is the same file, there and here.
    edge.write(&(TEXT.to_owned() + "backend in-place\n"));
    assert_eq!(check(&edge)["level"], "pass");
    assert!(edge.json(&["rehearse"])["rehearsal"].to_string().contains("in-place"));

    std::fs::write(edge.host_path("etc/new"), TEXT.to_owned() + "backend renamed\n").unwrap();
    std::fs::rename(edge.host_path("etc/new"), edge.host_path("etc/haproxy.cfg")).unwrap();
    let said = check(&edge);
    assert_eq!(said["level"], "warn", "{said}");
    let path = edge.host_path("etc/haproxy.cfg").display().to_string();
    assert!(said["text"].to_string().contains(&path), "{said}");
    assert!(said["mend"].to_string().contains("mount the folder"), "{said}");
    // A reload would load what the container sees, and so does the rehearsal.
    let rehearsed = edge.json(&["rehearse"])["rehearsal"].to_string();
    assert!(rehearsed.contains("in-place") && !rehearsed.contains("renamed"), "{rehearsed}");
}

#[test]
fn a_folder_that_is_mounted_follows_every_edit() {
    requires!(Docker, Haproxy(Branch::V32));
    let dockerd = Dockerd::start();
    let image = dockerd.haproxy(Branch::V32);
    let edge = ContainerBench::start(&dockerd, &image);
    let document = edge.json(&["check"]);
    assert_eq!(finding(&document, "arch.config-inode")["level"], "pass", "{document:#}");
    let place = finding(&document, "arch.namespace");
    assert_eq!(place["level"], "pass", "{place}");
    assert!(place["text"].to_string().contains("mnt, net, pid"), "{place}");
}

#[test]
fn a_name_that_only_the_container_knows_is_resolved_there() {
    requires!(Docker, Haproxy(Branch::V26), Haproxy(Branch::V30), Haproxy(Branch::V32), Haproxy(Branch::V34));
    every(|dockerd, image, branch| {
        let host = json!({"NetworkMode": "none", "ExtraHosts": ["only-in-there:192.0.2.44"]});
        let edge = ContainerBench::with(dockerd, image, host, &["{dir}/etc:/usr/local/etc/haproxy:ro"]);
        edge.write(&TEXT.replace("127.0.0.1:9", "only-in-there:9"));
        // As the files are read, and as they are rehearsed.
        let read = edge.json(&["inspect"])["facts"]["next"]["servers"].to_string();
        assert!(read.contains("192.0.2.44"), "{branch}: {read}");
        let document = edge.json(&["rehearse"]);
        assert_eq!(document["rehearsal"]["came_up"], true, "{branch}: {document:#}");
        assert!(
            document["rehearsal"]["difference"].to_string().contains("192.0.2.44"),
            "{branch}: {document:#}"
        );
    });
}

#[test]
fn the_rehearsal_may_do_what_the_container_may_and_no_more() {
    requires!(Docker, Haproxy(Branch::V26), Haproxy(Branch::V30), Haproxy(Branch::V32), Haproxy(Branch::V34));
    every(|dockerd, image, branch| {
        // Root without the capability; a port below 1024 that everybody may bind by the network's own setting is no port.
        let host = json!({"NetworkMode": "none", "CapDrop": ["ALL"], "ReadonlyRootfs": true,
                          "Sysctls": {"net.ipv4.ip_unprivileged_port_start": "80"}});
        let edge = ContainerBench::with(dockerd, image, host, &["{dir}/etc:/usr/local/etc/haproxy:ro"]);
        let document = edge.json(&["rehearse"]);
        assert_eq!(document["rehearsal"]["came_up"], true, "{branch}: {document:#}");
        let tried = |port: u16| {
            edge.write(&(TEXT.to_owned() + &configs::more_of_app(format!("127.0.0.1:{port}"))));
            edge.json(&["rehearse"])["rehearsal"]["came_up"].clone()
        };
        assert_eq!(tried(81), true, "{branch}");
        assert_eq!(tried(79), false, "{branch}: it needs what was dropped");
        // The root is read-only in there, and so it is in the copy.
        edge.write(&(TEXT.to_owned() + &configs::more_of_app("unix@/var/lib/haproxy/s.sock")));
        let document = edge.json(&["rehearse"]);
        assert_eq!(document["rehearsal"]["came_up"], false, "{branch}: {document:#}");
    });
}
