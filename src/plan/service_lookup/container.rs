//! A query that matches a container's monitor or proxy stands for the service inside the container.

use super::found::ServiceMatch;
use crate::facts::controllers::Container;
use crate::facts::{Controller, HostFacts, Service};

/// Replaces Podman's monitor, which has the name of the container's unit, and Docker's proxy, which holds a port for the
/// container, by the services behind them, where those can be seen.
pub(in crate::plan) fn resolve_containers<'a>(
    host: &'a HostFacts,
    found: Vec<ServiceMatch<'a>>,
) -> Vec<ServiceMatch<'a>> {
    let (proxies, mut targets): (Vec<_>, Vec<_>) =
        without_monitors(found).into_iter().partition(|one| one.service.docker_proxy_target().is_some());
    for proxy in proxies {
        let served = services_behind_proxy(host, proxy.service);
        let by = format!("Docker's proxy {} leads to it ({})", proxy.service.process.pid, proxy.reason);
        if served.is_empty() {
            targets.push(proxy);
            continue;
        }
        // Docker has one proxy for IPv4 and one for IPv6, and the service can match by its own name too.
        for service in served {
            if !targets.iter().any(|other| other.service.process.pid == service.process.pid) {
                targets.push(ServiceMatch { service, quality: proxy.quality, reason: by.clone() });
            }
        }
    }
    targets
}

fn without_monitors(found: Vec<ServiceMatch<'_>>) -> Vec<ServiceMatch<'_>> {
    let ids: Vec<String> =
        found.iter().filter_map(|one| Some(service_container(one.service)?.id.clone())).collect();
    let kept = |one: &ServiceMatch<'_>| {
        let process = &one.service.process;
        process.comm != "conmon" || !process.argv.iter().any(|word| ids.contains(word))
    };
    found.into_iter().filter(kept).collect()
}

/// The services to which a proxy passes connections.
fn services_behind_proxy<'a>(host: &'a HostFacts, proxy: &Service) -> Vec<&'a Service> {
    let Some((to, id)) =
        proxy.docker_proxy_target().zip(service_container(proxy).map(|container| &container.id))
    else {
        return Vec::new();
    };
    let inside =
        host.services.iter().filter(|service| service_container(service).is_some_and(|own| own.id == *id));
    inside.filter(|service| service.listens_at(&to)).collect()
}

fn service_container(service: &Service) -> Option<&Container> {
    match service.control.controller()? {
        Controller::Docker { container } | Controller::Podman { container } => Some(container),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::controllers::SystemdUnit;
    use crate::facts::{Known, test_facts};
    use crate::plan::service_lookup::{ServiceQuery, find_services};

    #[test]
    fn the_unit_of_a_container_stands_for_the_service_in_it_and_not_for_its_monitor() {
        let unit = || "container-edge.service".to_owned();
        let container = Container { id: "0a1b".into(), unit: Some(unit()), ..Container::default() };
        let haproxy = test_facts::service("haproxy", 80, Controller::Podman { container });
        let mut monitor =
            test_facts::service("conmon", 81, Controller::Systemd(SystemdUnit { unit: unit() }));
        monitor.process.comm = "conmon".into();
        monitor.process.argv = ["conmon", "-c", "0a1b"].map(str::to_owned).to_vec();
        let by = |services: Vec<Service>| {
            let host = test_facts::host_facts(services);
            let found = find_services(&host, &ServiceQuery::parse("container-edge"));
            found.into_iter().map(|one| one.reason).collect::<Vec<_>>()
        };
        assert_eq!(by(vec![monitor.clone(), haproxy]), ["its container's unit is container-edge.service"]);
        assert_eq!(by(vec![monitor]), ["its unit is container-edge.service"]);
    }

    #[test]
    fn a_port_that_docker_publishes_leads_to_the_service_in_the_container() {
        let container =
            |name: &str| Container { id: format!("{name}0a1b"), name: name.into(), ..Container::default() };
        let docker = |name: &str| Controller::Docker { container: container(name) };
        let mut haproxy = test_facts::service("haproxy", 80, docker("edge"));
        haproxy.listens = Known::Seen(vec!["tcp 0.0.0.0:80".parse().unwrap()]);
        haproxy.same_network = Known::Seen(false);
        let mut beside = haproxy.clone();
        (beside.name, beside.process.pid) = ("exporter".into(), 7);
        beside.listens = Known::Seen(vec!["tcp 0.0.0.0:9100".parse().unwrap()]);
        let mut other = test_facts::service("nginx", 80, docker("other"));
        other.process.pid = 8;
        let proxies = ["127.0.0.1", "::1"].map(|ip| {
            let mut proxy = test_facts::service("docker-proxy", 8080, docker("edge"));
            let words = format!(
                "docker-proxy -proto tcp -host-ip {ip} -host-port 8080 -container-ip 172.17.0.2 -container-port 80"
            );
            proxy.process.argv = words.split(' ').map(str::to_owned).collect();
            proxy.process.comm = "docker-proxy".into();
            proxy
        });
        let [mut one, mut two] = proxies;
        (one.process.pid, two.process.pid) = (20, 21);
        let seen = |services: Vec<Service>, word: &str| {
            let host = test_facts::host_facts(services);
            let found = find_services(&host, &ServiceQuery::parse(word));
            found.into_iter().map(|one| (one.service.name.clone(), one.reason)).collect::<Vec<_>>()
        };
        let by = "Docker's proxy 20 leads to it (it listens on port 8080)".to_owned();
        let all = vec![haproxy, beside, other.clone(), one.clone(), two.clone()];
        assert_eq!(seen(all.clone(), ":8080"), [("haproxy".to_owned(), by)]);
        let by = || "its container is edge".to_owned();
        let named = [("haproxy".to_owned(), by()), ("exporter".to_owned(), by())];
        assert_eq!(seen(all, "edge"), named, "the proxies have that name, too");
        let names: Vec<String> =
            seen(vec![other, one, two], ":8080").into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["docker-proxy", "docker-proxy"], "what is not seen is not named");
    }
}
