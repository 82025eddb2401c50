//! What a restart by its unit would start: a start applies the unit's settings, a reload keeps those of the master.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ConfigOnDisk, Facts, Known, NewBind, Rehearsal, WorkerState};

/// What systemd would start for a unit, beside what runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnitStart {
    /// The unit.
    pub unit: String,
    /// In what it differs from what runs, a sentence each. Of variables their names, never a value.
    pub differs: Vec<String>,
    /// What could not be determined, and is taken to be as it runs.
    pub assumed: Vec<String>,
    /// What a plan about it rests on: names, and hashes of what may be secret.
    pub rests_on: BTreeMap<String, String>,
    /// The rehearsal of it; none where a reload would start the same.
    pub tried: Option<Box<RehearsedStart>>,
}

/// What the start of a unit came to that is another one than that of a reload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RehearsedStart {
    /// How it fared in a sealed copy of this host, or why it was not tried.
    pub rehearsal: Known<Rehearsal>,
    /// What it would hold.
    pub next: WorkerState,
    /// What it would listen on and the one that runs does not.
    pub binds: Known<Vec<NewBind>>,
    /// The configuration that it would load.
    pub config: ConfigOnDisk,
}

impl Facts {
    /// These facts with a restart in place of a reload: what comes next is what a restart would start. They are unchanged where
    /// a reload would start the same.
    pub fn after_unit_start(&self) -> Cow<'_, Facts> {
        let Some(Known::Seen(start)) = &self.start else { return Cow::Borrowed(self) };
        let Some(tried) = start.tried.as_deref().cloned() else { return Cow::Borrowed(self) };
        let start = UnitStart { tried: None, ..start.clone() };
        Cow::Owned(Facts {
            next: tried.next,
            rehearsal: Some(tried.rehearsal),
            binds: tried.binds,
            config: tried.config,
            start: Some(Known::Seen(start)),
            ..self.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::test_facts;

    #[test]
    fn a_restart_has_its_own_next() {
        let mut facts = test_facts::healthy();
        assert_eq!(*facts.after_unit_start(), facts);
        let mut tried = test_facts::rehearsed_start(&facts);
        tried.config.files[0].path = "/etc/other.cfg".into();
        test_facts::known_mut(&mut tried.next.servers).clear();
        facts.start = test_facts::unit_start(tried);
        let restarted = facts.after_unit_start().into_owned();
        assert_eq!(restarted.next.servers, Known::Seen(Vec::new()));
        assert_eq!(restarted.config.files[0].path, "/etc/other.cfg");
        assert_eq!(*restarted.after_unit_start(), restarted);
    }
}
