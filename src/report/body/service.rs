//! Services of the host in a report: the one that was asked for, and how each is restarted.

use serde::Serialize;

use crate::facts::{HostFacts, Service};
use crate::plan::service_lookup::MatchQuality;
use crate::plan::{self, ServiceRunbook};

/// The lookup of a service by the word that the operator typed.
#[derive(Debug, Serialize)]
pub struct ServiceLookup {
    /// The word.
    pub word: String,
    /// The unit of that name, where the word can be one.
    pub unit: Option<String>,
    /// Services that match.
    pub found: Vec<MatchedService>,
    /// The most similar names.
    pub nearest: Vec<String>,
}

/// A service that matches.
#[derive(Debug, Serialize)]
pub struct MatchedService {
    /// The service.
    pub service: Service,
    /// How well it matches.
    pub fit: MatchQuality,
    /// Which of its properties matches the word.
    pub by: String,
    /// How it is restarted, and what must not be done.
    pub procedure: ServiceRunbook,
}

/// How a service that was seen is restarted.
#[derive(Debug, Serialize)]
pub struct ServiceProcedure {
    /// Its first process, which is its number among the facts.
    pub pid: u32,
    /// Its name.
    pub service: String,
    /// How it is restarted, and what must not be done.
    #[serde(flatten)]
    pub procedure: ServiceRunbook,
}

impl ServiceProcedure {
    /// The procedure of each service of a host.
    pub fn from_host(host: &HostFacts) -> Vec<Self> {
        let one = |service: &Service| ServiceProcedure {
            pid: service.process.pid,
            service: service.name.clone(),
            procedure: plan::service_runbook(service),
        };
        host.services.iter().map(one).collect()
    }
}
