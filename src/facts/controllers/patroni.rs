//! PostgreSQL below Patroni.

use serde::{Deserialize, Serialize};

use super::{ControllerDetails, PinnedNames};

/// PostgreSQL that Patroni starts, stops and promotes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatroniMember {
    /// The process of Patroni.
    pub patroni: u32,
    /// The cluster.
    pub scope: String,
    /// Which member of it this is, where Patroni says so.
    pub member: Option<String>,
    /// Patroni's configuration file, where its arguments name one.
    pub config: Option<String>,
}

impl ControllerDetails for PatroniMember {
    fn describe(&self) -> String {
        let member = self.member.as_ref().map_or(String::new(), |name| format!("member {name} of "));
        format!("Patroni ({}), {member}cluster {}", self.patroni, self.scope)
    }

    // Where Patroni's own store is down, an older Patroni cannot say which member it is.
    fn pinned_names(&self) -> PinnedNames {
        PinnedNames { name: Some(self.scope.clone()), ..PinnedNames::default() }
    }

    fn names(&self) -> Vec<(&'static str, String)> {
        let member = self.member.iter().map(|member| ("its member is", member.clone()));
        [("its cluster is", self.scope.clone())].into_iter().chain(member).collect()
    }
}
