//! What Docker, and Podman's service that speaks the same language, answer about containers. Environments are never
//! read: they hold secrets.

use core::net::{IpAddr, SocketAddr};
use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// A container in the list of those that run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ContainerSummary {
    /// Its whole id.
    pub id: String,
    /// Its names, each with a slash before it.
    #[serde(default)]
    pub names: Vec<String>,
    /// The image that it was made from.
    #[serde(default)]
    pub image: String,
    /// Its ports, those that are published and those that are not.
    #[serde(default)]
    pub ports: Option<Vec<ContainerPort>>,
}

/// A port of a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ContainerPort {
    /// The address of the host, where it is published. Daemons have written empty words here, too, and one such port
    /// must not hide the whole list.
    #[serde(default, rename = "IP")]
    pub ip: Option<String>,
    /// In the container.
    pub private_port: u16,
    /// On the host, where it is published.
    #[serde(default)]
    pub public_port: Option<u16>,
    /// tcp, udp or sctp: one port may be published once for each.
    #[serde(default, rename = "Type")]
    pub protocol: String,
}

/// The arguments of docker-proxy: the address that it holds on the host, and that of the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DockerProxy {
    /// tcp, udp or sctp.
    pub protocol: String,
    /// On the host.
    pub host: SocketAddr,
    /// In the container's network.
    pub container: SocketAddr,
}

impl DockerProxy {
    /// Reads the arguments of `docker-proxy`.
    pub fn from_argv(argv: &[String]) -> Option<Self> {
        let value = |name: &str| {
            let at = argv.iter().position(|word| word.trim_start_matches('-') == name)?;
            argv.get(at + 1)
        };
        let at = |ip: &str, port: &str| {
            Some(SocketAddr::new(value(ip)?.parse().ok()?, value(port)?.parse().ok()?))
        };
        let protocol = value("proto")?.clone();
        Some(DockerProxy {
            protocol,
            host: at("host-ip", "host-port")?,
            container: at("container-ip", "container-port")?,
        })
    }
}

impl ContainerSummary {
    /// It is the one that the proxy was started for.
    pub fn publishes(&self, proxied: &DockerProxy) -> bool {
        let is = |port: &ContainerPort| {
            let ip: Option<IpAddr> = port.ip.as_ref().and_then(|ip| ip.parse().ok());
            (ip, port.public_port) == (Some(proxied.host.ip()), Some(proxied.host.port()))
                && port.private_port == proxied.container.port()
                && port.protocol == proxied.protocol
        };
        self.ports.as_ref().is_some_and(|all| all.iter().any(is))
    }
}

/// A container, as it is inspected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContainerInspect {
    /// Its whole id.
    pub id: String,
    /// Its name, without the slash.
    pub name: String,
    /// The image, as the container names it.
    pub image: String,
    /// no, always, unless-stopped or on-failure.
    pub restart_policy: String,
    /// It runs.
    pub running: bool,
    /// Its first process by the number that the daemon's host gives it; none when it does not run.
    pub pid: Option<u32>,
    /// Files and folders from outside.
    pub mounts: Vec<ContainerMount>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

/// A file or folder from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ContainerMount {
    /// bind, volume or tmpfs.
    #[serde(default, rename = "Type")]
    pub kind: String,
    /// The path on the host.
    #[serde(default)]
    pub source: String,
    /// The path in the container.
    pub destination: String,
    /// It may be written.
    #[serde(default, rename = "RW")]
    pub writable: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawContainer {
    id: String,
    name: String,
    state: ContainerState,
    #[serde(default)]
    config: RawConfig,
    #[serde(default)]
    host_config: HostConfig,
    #[serde(default)]
    mounts: Option<Vec<ContainerMount>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ContainerState {
    running: bool,
    pid: i64,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct RawConfig {
    image: String,
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct HostConfig {
    restart_policy: RestartPolicy,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct RestartPolicy {
    name: String,
}

impl From<RawContainer> for ContainerInspect {
    fn from(raw: RawContainer) -> Self {
        let policy = raw.host_config.restart_policy.name;
        ContainerInspect {
            id: raw.id,
            name: raw.name.trim_start_matches('/').to_owned(),
            image: raw.config.image,
            restart_policy: if policy.is_empty() { "no".to_owned() } else { policy },
            running: raw.state.running,
            pid: u32::try_from(raw.state.pid).ok().filter(|pid| *pid != 0),
            mounts: raw.mounts.unwrap_or_default(),
            labels: raw.config.labels.unwrap_or_default(),
        }
    }
}

/// Reads the answer to `GET /containers/json`.
///
/// # Errors
/// When it is something else.
pub fn parse_list(text: &str) -> Result<Vec<ContainerSummary>> {
    serde_json::from_str(text).context("no list of containers")
}

/// Reads the answer to `GET /containers/ID/json`.
///
/// # Errors
/// When it is something else.
pub fn parse_inspect(text: &str) -> Result<ContainerInspect> {
    let raw: RawContainer = serde_json::from_str(text).context("no description of a container")?;
    Ok(raw.into())
}

/// Reads what `podman container inspect` writes of one container: the same in a list.
///
/// # Errors
/// When it is something else, or tells of none.
pub fn parse_podman_inspect(text: &str) -> Result<ContainerInspect> {
    let list: Vec<RawContainer> = serde_json::from_str(text).context("no list of containers")?;
    list.into_iter().next().map(ContainerInspect::from).context("an empty list of containers")
}

/// Reads the answer to `GET /containers/ID/logs`: pieces with eight bytes before each that say where to and how much,
/// or plain text where the container has a terminal.
pub fn parse_log(body: &[u8]) -> String {
    let mut text = Vec::new();
    let mut rest = body;
    while let Some((head, more)) = rest.split_first_chunk::<8>() {
        let [0..=2, 0, 0, 0, size @ ..] = *head else { break };
        let size = usize::try_from(u32::from_be_bytes(size)).unwrap_or(usize::MAX);
        // The last piece may have been cut off.
        let (piece, after) = more.split_at(size.min(more.len()));
        text.extend_from_slice(piece);
        rest = after;
    }
    text.extend_from_slice(rest);
    String::from_utf8_lossy(&text).into_owned()
}

/// The words of an answer that is an error.
pub fn parse_error_message(text: &str) -> Option<String> {
    serde_json::from_str::<serde_json::Value>(text).ok()?.get("message")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_log_makes_it_panic(head in proptest::array::uniform8(0u8..3), more: Vec<u8>) {
            let _ = parse_log(&[&head[..], &more].concat());
        }

        #[test]
        fn no_answer_makes_it_panic(text in "\\PC{0,80}", pid: i64) {
            let _ = (parse_list(&text), parse_inspect(&text), parse_podman_inspect(&text), parse_error_message(&text));
            let odd = format!(r#"{{"Id":"a","Name":"","State":{{"Running":true,"Pid":{pid}}}}}"#);
            prop_assert!(parse_inspect(&odd).unwrap().pid != Some(0));
        }
    }

    #[test]
    fn a_proxy_of_dockers_is_traced_to_the_container_that_publishes_its_port() {
        let argv = "/usr/bin/docker-proxy -proto tcp -host-ip 127.0.0.1 -host-port 8080 -container-ip 172.17.0.2 \
                    -container-port 80";
        let argv: Vec<String> = argv.split_whitespace().map(str::to_owned).collect();
        let proxied = DockerProxy::from_argv(&argv).unwrap();
        assert_eq!(
            (proxied.host.to_string(), proxied.container.to_string()),
            ("127.0.0.1:8080".into(), "172.17.0.2:80".into())
        );
        assert_eq!(DockerProxy::from_argv(&argv[..6]), None);
        let text = r#"[{"Id":"a","Ports":[{"PrivatePort":80,"Type":"tcp"}]},{"Id":"b","Ports":null},
            {"Id":"dns","Ports":[{"IP":"127.0.0.1","PrivatePort":80,"PublicPort":8080,"Type":"udp"}]},
            {"Id":"odd","Ports":[{"IP":"","PrivatePort":80,"PublicPort":8080,"Type":"tcp"}]},
            {"Id":"c","Ports":[{"IP":"127.0.0.1","PrivatePort":80,"PublicPort":8080,"Type":"tcp"}]}]"#;
        let all = parse_list(text).unwrap();
        let found: Vec<&str> =
            all.iter().filter(|one| one.publishes(&proxied)).map(|one| one.id.as_str()).collect();
        assert_eq!(found, ["c"]);
    }

    #[test]
    fn a_log_is_read_with_and_without_frames_and_cut_off() {
        let frames = b"\x01\0\0\0\0\0\0\x04one\n\x02\0\0\0\0\0\0\x04two\n";
        assert_eq!(parse_log(frames), "one\ntwo\n");
        assert_eq!(parse_log(&frames[..frames.len() - 2]), "one\ntw");
        assert_eq!(parse_log(b"plain text of a terminal\n"), "plain text of a terminal\n");
        assert_eq!(parse_log(b""), "");
    }

    #[test]
    fn what_matters_of_a_container_and_no_secret() {
        let text = r#"{"Id":"ab","Name":"/web","State":{"Running":true,"Pid":42,"Health":null},
            "Config":{"Image":"haproxy:3.0","Env":["TOKEN=hunter2"],"Labels":{"com.docker.compose.project":"edge"}},
            "HostConfig":{"RestartPolicy":{"Name":"always","MaximumRetryCount":0}},
            "Mounts":[{"Type":"bind","Source":"/etc/h","Destination":"/usr/local/etc","Mode":"ro","RW":false}]}"#;
        let seen = parse_inspect(text).unwrap();
        assert_eq!((seen.name.as_str(), seen.pid, seen.restart_policy.as_str()), ("web", Some(42), "always"));
        assert_eq!(seen.labels["com.docker.compose.project"], "edge");
        assert_eq!((seen.mounts[0].source.as_str(), seen.mounts[0].writable), ("/etc/h", false));
        assert!(!format!("{seen:?}").contains("hunter2"));
        let bare = r#"{"Id":"ab","Name":"web","State":{"Running":false,"Pid":0},"Mounts":null,"Config":{"Labels":null}}"#;
        let seen = parse_inspect(bare).unwrap();
        assert_eq!((seen.pid, seen.running, seen.restart_policy.as_str()), (None, false, "no"));
        assert_eq!(
            parse_list(r#"[{"Id":"ab","Names":["/web"],"Image":"i","Command":"x"}]"#).unwrap()[0].names,
            ["/web"]
        );
        assert_eq!(parse_podman_inspect(&format!("[{bare}]")).unwrap(), seen);
        assert!(
            parse_list("{}").is_err() && parse_inspect("[]").is_err() && parse_podman_inspect("[]").is_err()
        );
        assert_eq!(
            parse_error_message(r#"{"message":"No such container: x"}"#).as_deref(),
            Some("No such container: x")
        );
    }
}
