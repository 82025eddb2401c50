//! Services of the host in a report: the one that was asked for, and how each is restarted.

use serde::Serialize;

use crate::facts::{HostFacts, Service};
use crate::plan::service_lookup::MatchQuality;
use crate::plan::{self, ServiceRunbook};

/// What became of the word that a person gave for a service.
#[derive(Debug, Serialize)]
pub struct ServiceLookup {
    /// The word.
    pub word: String,
    /// The unit that it would be, where it can be one.
    pub unit: Option<String>,
    /// Services that it may mean.
    pub found: Vec<MatchedService>,
    /// Names that are most like it.
    pub nearest: Vec<String>,
}

/// A service that may have been meant.
#[derive(Debug, Serialize)]
pub struct MatchedService {
    /// It.
    pub service: Service,
    /// How sure it is that it was meant.
    pub fit: MatchQuality,
    /// What of it answers to the word.
    pub by: String,
    /// How it is restarted, and how it is not.
    pub procedure: ServiceRunbook,
}

/// How a service that was seen is restarted.
#[derive(Debug, Serialize)]
pub struct ServiceProcedure {
    /// Its first process, which is its number among the facts.
    pub pid: u32,
    /// Its name.
    pub service: String,
    /// How it is restarted, and how it is not.
    #[serde(flatten)]
    pub procedure: ServiceRunbook,
}

impl ServiceProcedure {
    /// That of each service of a host.
    pub fn from_host(host: &HostFacts) -> Vec<Self> {
        let one = |service: &Service| ServiceProcedure {
            pid: service.process.pid,
            service: service.name.clone(),
            procedure: plan::service_runbook(service),
        };
        host.services.iter().map(one).collect()
    }
}
