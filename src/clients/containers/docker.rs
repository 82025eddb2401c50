//! Docker's API over its unix socket, which Podman's service also speaks. Read-only but for `restart`, which only `act` calls.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Method;

use crate::clearance::Clearance;
use crate::clients::http::{HttpClient, HttpEndpoint, HttpError};
use crate::wire::containers::docker::{self, ContainerInspect, ContainerSummary};

/// The default sockets of the daemons.
pub const DEFAULT_SOCKETS: &[&str] = &["/var/run/docker.sock", "/run/podman/podman.sock"];

/// A daemon.
#[derive(Debug)]
pub struct Docker {
    http: HttpClient,
    socket: String,
}

impl Docker {
    /// A client for this socket; nothing is sent yet. `limit` holds for each call.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn new(socket: &str, limit: Duration) -> Result<Self, HttpError> {
        let url = format!("unix:{socket}");
        let http = HttpClient::new(HttpEndpoint { url, credentials: None, ca_file: None, timeout: limit })?;
        Ok(Docker { http, socket: socket.to_owned() })
    }

    /// The socket's path.
    pub fn socket(&self) -> &str {
        &self.socket
    }

    /// The containers that run.
    ///
    /// # Errors
    /// When the daemon does not answer, or may not be asked.
    pub fn containers(&self) -> Result<Vec<ContainerSummary>, HttpError> {
        self.read("/containers/json", docker::parse_list)
    }

    /// One container, by its id or name.
    ///
    /// # Errors
    /// When the daemon does not answer, may not be asked, or knows no such container ([`HttpError::NotFound`]).
    pub fn inspect(&self, id: &str) -> Result<ContainerInspect, HttpError> {
        self.read(&format!("/containers/{}/json", path_segment(id)), docker::parse_inspect)
    }

    /// The last lines that a container has written since a moment, to either stream.
    ///
    /// # Errors
    /// When the daemon does not answer, may not be asked, or keeps no log of it.
    pub fn logs(&self, id: &str, since: Timestamp, lines: u32) -> Result<String, HttpError> {
        let since = since.as_second();
        let path =
            format!("/containers/{}/logs?stdout=1&stderr=1&tail={lines}&since={since}", path_segment(id));
        let reply = self.http.get(&path)?;
        Ok(docker::parse_log(&reply.require_success(docker::parse_error_message)?.body))
    }

    /// Has the daemon restart a container; after `grace` it kills what has not ended by itself. For `act` alone.
    ///
    /// # Errors
    /// When the daemon does not confirm it; whether it restarted the container is then unknown.
    pub fn restart(&self, id: &str, grace: Duration, _clearance: &Clearance) -> Result<(), HttpError> {
        let path = format!("/containers/{}/restart?t={}", path_segment(id), grace.as_secs());
        // The daemon answers when the container runs again.
        let reply = self.http.send(Method::POST, &path, |request| request)?;
        reply.require_success(docker::parse_error_message).map(drop)
    }

    fn read<T>(&self, path: &str, parse: fn(&str) -> anyhow::Result<T>) -> Result<T, HttpError> {
        let text = self.http.get(path)?.json_text(docker::parse_error_message)?;
        parse(&text).map_err(|error| HttpError::Unreadable {
            what: format!("GET {path} of {}", self.socket),
            why: format!("{error:#}"),
        })
    }
}

/// Ids and names hold letters, digits and `_.-`; anything else would change the path of the call.
fn path_segment(id: &str) -> String {
    id.chars().filter(|c| c.is_ascii_alphanumeric() || "_.-".contains(*c)).collect()
}

/// The sockets to ask, in the order of their preference: the one that `DOCKER_HOST` names, the usual ones, and those
/// of this user. Only what is there is named.
pub fn candidate_sockets(docker_host: Option<&str>, user: u32) -> Vec<String> {
    let named = docker_host.and_then(|url| url.strip_prefix("unix://")).map(str::to_owned);
    let own = ["docker.sock", "podman/podman.sock"].map(|name| format!("/run/user/{user}/{name}"));
    let mut found: Vec<String> = named.into_iter().collect();
    for socket in DEFAULT_SOCKETS.iter().map(|socket| (*socket).to_owned()).chain(own) {
        // A folder that this user may not read may hold it.
        let there = Path::new(&socket).try_exists().unwrap_or(true);
        if there && !found.contains(&socket) {
            found.push(socket);
        }
    }
    found
}

/// Those of them at which a container of Podman's may be known: Docker's daemon knows its own only.
pub fn podman_sockets(docker_host: Option<&str>, user: u32) -> Vec<String> {
    let links = |socket: &str| std::fs::canonicalize(socket).is_ok_and(|path| path.ends_with("podman.sock"));
    let mut found = candidate_sockets(docker_host, user);
    found.retain(|socket| !socket.ends_with("/docker.sock") || links(socket));
    found
}

/// Why a daemon could not be asked, with what would be needed.
pub fn explain_error(error: &HttpError) -> String {
    match error {
        HttpError::Unreachable { why, url } if why.to_lowercase().contains("permission denied") => {
            format!("{url}: permission denied (run as root, or as a member of group docker)")
        }
        error => error.why(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_never_changes_the_question() {
        assert_eq!(path_segment("web_1.a-b"), "web_1.a-b");
        assert_eq!(path_segment("../info?x=1#/"), "..infox1");
    }

    #[test]
    fn a_daemon_that_is_named_is_asked_first_and_only_over_a_socket() {
        assert_eq!(candidate_sockets(Some("unix:///tmp/mine.sock"), 0)[0], "/tmp/mine.sock");
        assert!(
            !candidate_sockets(Some("tcp://10.0.0.1:2375"), 0).iter().any(|socket| socket.contains("2375"))
        );
    }
}
