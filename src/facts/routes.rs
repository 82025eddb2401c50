//! Where requests go: from a host name over a backend to its servers, with their health.

use serde::{Deserialize, Serialize};

use super::Known;

/// All routes of one HAProxy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routes {
    /// The routes, in the order in which they are tried in their frontend.
    pub routes: Vec<Route>,
    /// The backends, with their servers.
    pub backends: Vec<RouteBackend>,
    /// What makes the routes uncertain.
    pub notes: Vec<String>,
}

/// One route from a frontend to a backend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The frontend.
    pub frontend: String,
    /// The host name, or a pattern of it; none for every host.
    pub host: Option<String>,
    /// What else must hold, in words; empty for nothing.
    pub when: String,
    /// The backend, or why it is not known.
    pub backend: Known<String>,
    /// Where that is configured: `FILE:LINE`, or the map's file.
    pub at: String,
}

/// A backend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteBackend {
    /// Its name.
    pub name: String,
    /// Its servers.
    pub servers: Vec<RouteServer>,
}

/// A server and how it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteServer {
    /// Its name.
    pub name: String,
    /// Its address.
    pub address: Known<String>,
    /// As HAProxy shows it: UP, DOWN, MAINT, no check.
    pub status: Known<String>,
}

impl RouteServer {
    /// In words.
    pub fn describe(&self) -> String {
        let seen = |known: &Known<String>| known.seen().cloned().unwrap_or_else(|| "unknown".to_owned());
        format!("{} {} ({})", self.name, seen(&self.address), seen(&self.status))
    }
}

impl Routes {
    /// The servers of a backend as one line, or that it has none.
    pub fn describe_servers(&self, backend: &str) -> String {
        let found = self.backends.iter().find(|one| one.name == backend);
        let words: Vec<String> = found
            .into_iter()
            .flat_map(|one| &one.servers)
            .take(MAX_NAMED_SERVERS)
            .map(RouteServer::describe)
            .collect();
        let more = found.map_or(0, |one| one.servers.len().saturating_sub(MAX_NAMED_SERVERS));
        match (found, words.is_empty(), more) {
            (None, ..) => "no such backend runs".to_owned(),
            (_, true, _) => "no server".to_owned(),
            (_, _, 0) => words.join(", "),
            _ => format!("{} and {more} more", words.join(", ")),
        }
    }
}

/// As many servers are named; the rest is counted.
const MAX_NAMED_SERVERS: usize = 6;
