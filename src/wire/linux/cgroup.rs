//! `/proc/PID/cgroup`: the control group that a process lives in, and what its path names. A path is a claim and no
//! proof: a guest's units have paths that look like the host's own.

/// Whom the path of a control group names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CgroupOwner {
    /// A unit of a system's systemd.
    Service {
        /// The unit.
        unit: String,
    },
    /// A unit of a user's own systemd.
    UserService {
        /// The unit.
        unit: String,
        /// The user.
        uid: u32,
    },
    /// A scope: something that was started elsewhere and only put there, such as a login session.
    Scope {
        /// The scope.
        name: String,
    },
    /// A container of Docker's.
    Docker {
        /// Its id.
        id: String,
    },
    /// A container of Podman's.
    Podman {
        /// Its id.
        id: String,
        /// The user whose systemd it runs under, where it is no system container.
        uid: Option<u32>,
    },
    /// A container of Kubernetes'.
    Kubernetes {
        /// Its id.
        container: String,
        /// Its pod's uid.
        pod: Option<String>,
    },
    /// A task of a Nomad allocation.
    Nomad {
        /// The allocation.
        allocation: String,
        /// The task.
        task: String,
    },
    /// A whole system in namespaces of its own: nspawn, LXC.
    SystemContainer {
        /// The path as the guest sees it.
        inside: Option<String>,
    },
    /// No controller.
    NoOwner,
}

/// The path that tells the most: on version 2 the only one; a host with both versions has the managers in one of
/// several hierarchies.
pub fn most_specific_path(text: &str) -> Option<&str> {
    let paths = || text.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    let unified = text.lines().find_map(|line| line.strip_prefix("0::"));
    let named = text.lines().find_map(|line| line.split_once(":name=systemd:").map(|(_, path)| path));
    let telling = |path: &&str| owner(path) != CgroupOwner::NoOwner;
    let first = unified.into_iter().chain(named).chain(paths()).find(telling);
    first.or_else(|| unified.into_iter().chain(named).find(|path| *path != "/")).or(unified).or(named)
}

/// The path of the group that counts memory, and whether it is one of version 1, which has a hierarchy for each resource.
pub fn memory_path(text: &str) -> Option<(&str, bool)> {
    let first = text.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        controllers.split(',').any(|name| name == "memory").then_some((path, true))
    });
    first.or_else(|| text.lines().find_map(|line| Some((line.strip_prefix("0::")?, false))))
}

/// Whom this path names.
pub fn owner(path: &str) -> CgroupOwner {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    for (at, part) in parts.iter().enumerate() {
        let (above, below) = (&parts[..at], &parts[at + 1..]);
        let found = system_container(above, part, below).or_else(|| container_or_task(above, part));
        if let Some(found) = found {
            return found;
        }
    }
    unit_owner(&parts)
}

/// The rest of the path is a guest's own.
fn system_container(above: &[&str], part: &str, below: &[&str]) -> Option<CgroupOwner> {
    let inside = |below: &[&str]| match below {
        [] => None,
        more => Some(format!("/{}", more.join("/"))),
    };
    let machine = above.contains(&"machine.slice")
        && (part.starts_with("systemd-nspawn@")
            || (part.starts_with("machine-") && part.ends_with(".scope")));
    match (part, below) {
        ("payload", _) => Some(CgroupOwner::SystemContainer { inside: inside(below) }),
        _ if part.starts_with("lxc.payload.") => Some(CgroupOwner::SystemContainer { inside: inside(below) }),
        ("lxc.payload" | "lxc", [_, more @ ..]) => {
            Some(CgroupOwner::SystemContainer { inside: inside(more) })
        }
        // The program that keeps the guest, not the guest.
        (_, [] | ["supervisor", ..]) if machine && part.ends_with(".service") => None,
        (_, ["supervisor", ..]) if machine => Some(CgroupOwner::Scope { name: part.to_owned() }),
        (_, ["payload", more @ ..]) if machine => Some(CgroupOwner::SystemContainer { inside: inside(more) }),
        _ if machine => Some(CgroupOwner::SystemContainer { inside: inside(below) }),
        _ => None,
    }
}

/// A container or a task.
fn container_or_task(above: &[&str], part: &str) -> Option<CgroupOwner> {
    let name = part.strip_suffix(".scope").unwrap_or(part);
    let under = |start: &str| above.iter().any(|part| part.starts_with(start));
    if under("nomad")
        && let Some((allocation, task)) = name.split_at_checked(36)
    {
        let task = task.strip_prefix('.').filter(|task| !task.is_empty());
        if let Some(task) = task.filter(|_| is_uuid(allocation)) {
            return Some(CgroupOwner::Nomad { allocation: allocation.to_owned(), task: task.to_owned() });
        }
    }
    let (engine, id) = match name.rsplit_once('-') {
        Some((engine, id)) => (engine, id),
        None => ("", name),
    };
    if !is_container_id(id) || engine.ends_with("conmon") {
        return None;
    }
    let id = id.to_owned();
    if under("kubepods") || matches!(engine, "crio" | "cri-containerd") {
        return Some(CgroupOwner::Kubernetes {
            container: id,
            pod: above.iter().rev().find_map(|part| pod_uid(part)),
        });
    }
    match engine {
        // A bare id is what Docker's own driver of control groups makes, below whatever group it was given.
        "docker" | "" => Some(CgroupOwner::Docker { id }),
        // Where a unit runs it, Podman may split the unit's own group.
        "libpod" | "libpod-payload" => {
            Some(CgroupOwner::Podman { id, uid: above.iter().find_map(|part| user_manager_uid(part)) })
        }
        _ => None,
    }
}

fn unit_owner(parts: &[&str]) -> CgroupOwner {
    let slices = parts.iter().take_while(|part| part.ends_with(".slice")).count();
    let (Some(first), below) = (parts.get(slices), parts.get(slices + 1..).unwrap_or_default()) else {
        return CgroupOwner::NoOwner;
    };
    if let Some(uid) = user_manager_uid(first) {
        let theirs = below.iter().find(|part| part.ends_with(".service"));
        let scope = below.iter().find(|part| part.ends_with(".scope") && **part != "init.scope");
        return match (theirs, scope) {
            (Some(unit), _) => CgroupOwner::UserService { unit: (*unit).to_owned(), uid },
            (None, Some(name)) => CgroupOwner::Scope { name: (*name).to_owned() },
            (None, None) => CgroupOwner::Service { unit: (*first).to_owned() },
        };
    }
    match (slices, first.rsplit_once('.')) {
        (1.., Some((_, "service"))) => CgroupOwner::Service { unit: (*first).to_owned() },
        (1.., Some((_, "scope"))) => CgroupOwner::Scope { name: (*first).to_owned() },
        _ => CgroupOwner::NoOwner,
    }
}

/// `user_manager_uid@1000.service`, the systemd of a user.
fn user_manager_uid(part: &str) -> Option<u32> {
    part.strip_prefix("user@")?.strip_suffix(".service")?.parse().ok()
}

/// systemd allows no hyphens in there, so that a pod's uid has low lines in their place.
fn pod_uid(part: &str) -> Option<String> {
    let name = part.strip_suffix(".slice").unwrap_or(part);
    let uid = match name.strip_prefix("pod") {
        Some(uid) => uid,
        None => name.strip_prefix("kubepods")?.rsplit_once("-pod")?.1,
    };
    Some(uid.replace('_', "-")).filter(|uid| !uid.is_empty())
}

fn is_container_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_uuid(text: &str) -> bool {
    let hyphens = [8, 13, 18, 23];
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match hyphens.contains(&at) {
            true => byte == b'-',
            false => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const ALLOCATION: &str = "5b1ab8ac-0a3c-4c4a-8c5c-2f4a5f0d6c11";

    #[test]
    fn memory_is_counted_in_a_hierarchy_of_its_own_where_there_is_one() {
        let hybrid = "4:cpu,cpuacct:/a\n3:memory:/b/c\n1:name=systemd:/d\n0::/e\n";
        assert_eq!(memory_path(hybrid), Some(("/b/c", true)));
        assert_eq!(memory_path("2:cpu,memory:/x:y\n0::/e\n"), Some(("/x:y", true)));
        assert_eq!(
            memory_path("0::/system.slice/haproxy.service\n"),
            Some(("/system.slice/haproxy.service", false))
        );
        assert_eq!(memory_path("1:name=systemd:/d\n"), None);
    }

    proptest! {
        #[test]
        fn no_path_makes_it_panic(
            text in "\\PC{0,160}",
            parts in prop::collection::vec("[a-z0-9@.:-]{0,70}|nomad|payload|lxc|machine.slice|docker-[0-9a-f]{64}.scope|é{36}", 0..6),
        ) {
            let joined = format!("0::/{}\n1:name=systemd:/{text}", parts.join("/"));
            let _ = (owner(&text), owner(&joined), most_specific_path(&text), most_specific_path(&joined));
        }

        #[test]
        fn what_is_below_a_guests_payload_is_never_the_hosts(below in "(/[a-z0-9@.-]{1,20}){0,4}") {
            let guests = matches!(owner(&format!("/system.slice/x.service/payload{below}")), CgroupOwner::SystemContainer { .. });
            prop_assert!(guests);
        }
    }

    fn service(unit: &str) -> CgroupOwner {
        CgroupOwner::Service { unit: unit.into() }
    }

    #[test]
    fn units_of_the_system_and_of_users() {
        assert_eq!(owner("/system.slice/haproxy.service"), service("haproxy.service"));
        assert_eq!(
            owner("/system.slice/system-haproxy.slice/haproxy@a.service"),
            service("haproxy@a.service")
        );
        assert_eq!(owner("/edge.slice/edge-web.slice/haproxy.service/deep"), service("haproxy.service"));
        let user = "/user.slice/user-1000.slice/user@1000.service";
        assert_eq!(
            owner(&format!("{user}/app.slice/web.service")),
            CgroupOwner::UserService { unit: "web.service".into(), uid: 1000 }
        );
        assert_eq!(owner(&format!("{user}/init.scope")), service("user@1000.service"));
        assert_eq!(
            owner(&format!("{user}/tmux-spawn-1.scope")),
            CgroupOwner::Scope { name: "tmux-spawn-1.scope".into() }
        );
        let session = "/user.slice/user-0.slice/session-12.scope";
        assert_eq!(owner(session), CgroupOwner::Scope { name: "session-12.scope".into() });
        for path in ["/", "", "/init.scope", "/system.slice", "/a/haproxy.service", "haproxy.service"] {
            assert_eq!(owner(path), CgroupOwner::NoOwner, "{path}");
        }
    }

    #[test]
    fn containers_by_every_driver() {
        let docker = CgroupOwner::Docker { id: ID.into() };
        for path in [
            format!("/system.slice/docker-{ID}.scope"),
            format!("/docker/{ID}"),
            format!("/edge/docker/{ID}"),
            format!("/edge/{ID}"),
            format!("/docker/{ID}/system.slice/haproxy.service"),
            format!("/nomad.slice/docker-{ID}.scope"),
        ] {
            assert_eq!(owner(&path), docker, "{path}");
        }
        let podman = |uid| CgroupOwner::Podman { id: ID.into(), uid };
        assert_eq!(owner(&format!("/machine.slice/libpod-{ID}.scope/container")), podman(None));
        let rootless = "/user.slice/user-1000.slice/user@1000.service/user.slice";
        assert_eq!(owner(&format!("{rootless}/libpod-{ID}.scope")), podman(Some(1000)));
        assert_eq!(owner(&format!("/libpod_parent/libpod-{ID}")), podman(None));
        assert_eq!(owner(&format!("/system.slice/edge.service/libpod-payload-{ID}")), podman(None));
        assert_eq!(
            owner(&format!("/machine.slice/libpod-conmon-{ID}.scope")),
            CgroupOwner::Scope { name: format!("libpod-conmon-{ID}.scope") }
        );
        assert_eq!(owner("/docker/0123"), CgroupOwner::NoOwner);
        let pod = "kubepods-besteffort-pod5b1ab8ac_0a3c_4c4a_8c5c_2f4a5f0d6c11.slice";
        let kubernetes = CgroupOwner::Kubernetes { container: ID.into(), pod: Some(ALLOCATION.into()) };
        for path in [
            format!("/kubepods.slice/kubepods-besteffort.slice/{pod}/cri-containerd-{ID}.scope"),
            format!("/kubepods.slice/kubepods-besteffort.slice/{pod}/docker-{ID}.scope"),
            format!("/kubepods/besteffort/pod{ALLOCATION}/{ID}"),
            format!("/kubepods.slice/{pod}/crio-{ID}.scope"),
        ] {
            assert_eq!(owner(&path), kubernetes, "{path}");
        }
    }

    #[test]
    fn tasks_of_nomad() {
        let task = CgroupOwner::Nomad { allocation: ALLOCATION.into(), task: "web.1".into() };
        for path in [
            format!("/nomad.slice/share.slice/{ALLOCATION}.web.1.scope"),
            format!("/nomad/{ALLOCATION}.web.1"),
            format!("/nomad/reserve/{ALLOCATION}.web.1"),
        ] {
            assert_eq!(owner(&path), task, "{path}");
        }
        assert_eq!(owner(&format!("/nomad/{ALLOCATION}")), CgroupOwner::NoOwner);
    }

    #[test]
    fn a_guests_units_are_the_guests() {
        let inside = |path: &str| CgroupOwner::SystemContainer { inside: Some(path.into()) };
        let haproxy = inside("/system.slice/haproxy.service");
        for path in [
            "/payload/system.slice/haproxy.service",
            "/machine.slice/machine-edge.scope/payload/system.slice/haproxy.service",
            "/machine.slice/systemd-nspawn@edge.service/payload/system.slice/haproxy.service",
            "/machine.slice/machine-edge.scope/system.slice/haproxy.service",
            "/lxc.payload.edge/system.slice/haproxy.service",
            "/lxc/edge/system.slice/haproxy.service",
            "/system.slice/box.service/payload/system.slice/haproxy.service",
        ] {
            assert_eq!(owner(path), haproxy, "{path}");
        }
        assert_eq!(owner("/payload"), CgroupOwner::SystemContainer { inside: None });
        let keeper = "/machine.slice/systemd-nspawn@edge.service";
        assert_eq!(owner(&format!("{keeper}/supervisor")), service("systemd-nspawn@edge.service"));
    }

    #[test]
    fn of_several_hierarchies_the_one_that_names_an_owner() {
        assert_eq!(most_specific_path("0::/system.slice/a.service\n"), Some("/system.slice/a.service"));
        let hybrid = "9:name=systemd:/payload/system.slice/a.service\n4:memory:/x\n0::/\n";
        assert_eq!(most_specific_path(hybrid), Some("/payload/system.slice/a.service"));
        assert_eq!(most_specific_path("9:name=systemd:/\n4:memory:/elsewhere\n0::/\n"), Some("/"));
        assert_eq!(
            most_specific_path(&format!("9:name=systemd:/\n4:memory:/docker/{ID}\n0::/\n")),
            Some(&*format!("/docker/{ID}"))
        );
        assert_eq!(most_specific_path("9:name=systemd:/deep\n0::/\n"), Some("/deep"));
        assert_eq!(most_specific_path(""), None);
    }
}
