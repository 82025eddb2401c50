//! Patroni's REST API, whose read-only calls need no password.

use std::time::Duration;

use anyhow::{Result, bail};

use super::http::{HttpClient, HttpEndpoint};
use super::linux;
use crate::wire::linux::listener::Listener;
use crate::wire::patroni::{self, Member, PatroniStatus};

/// What Patroni answers.
#[derive(Debug, Clone)]
pub struct PatroniInfo {
    /// The address that answered.
    pub url: String,
    /// Its cluster, and when its PostgreSQL was started.
    pub status: PatroniStatus,
    /// Which member of the cluster it is, where that is known.
    pub member: Option<Member>,
}

/// Asks the Patroni with this PID on the sockets that it listens on, so that no configuration file is needed.
///
/// # Errors
/// When its sockets cannot be seen, or none of them answers as Patroni does.
pub fn query(pid: u32, limit: Duration) -> Result<PatroniInfo> {
    let mut tried = Vec::new();
    for listener in linux::listeners(pid)? {
        let Listener::Tcp(at) = listener else { continue };
        let address = match at.ip().is_unspecified() {
            true => format!("127.0.0.1:{}", at.port()),
            false => at.to_string(),
        };
        match linux::in_network_namespace(pid, || query_address(&address, limit)).and_then(|info| info) {
            Ok(info) => return Ok(info),
            Err(error) => tried.push(format!("{error:#}")),
        }
    }
    match tried.is_empty() {
        true => bail!("Patroni {pid} listens nowhere"),
        false => bail!("{}", tried.join("; ")),
    }
}

fn query_address(address: &str, limit: Duration) -> Result<PatroniInfo> {
    let url = format!("http://{address}");
    let http =
        HttpClient::new(HttpEndpoint { url: url.clone(), credentials: None, ca_file: None, timeout: limit })?;
    // A member that does not lead, or whose PostgreSQL is down, answers with 503 and says the same.
    let Some(status) = patroni::parse_status(&http.get("/patroni")?.text()) else {
        bail!("{url} does not answer as Patroni does");
    };
    let members = http.get("/cluster").map(|reply| patroni::parse_members(&reply.text())).unwrap_or_default();
    let own = |member: &&Member| match &status.name {
        Some(name) => member.name == *name,
        None => member.is_at(address),
    };
    let member = members.iter().find(own).cloned();
    let named = || status.name.clone().map(|name| Member { name, api_url: String::new(), port: None });
    Ok(PatroniInfo { url, member: member.or_else(named), status })
}
