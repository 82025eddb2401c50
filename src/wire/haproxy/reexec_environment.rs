//! What a master that has executed itself again carries in its environment: how its last reload went, where it has no
//! socket to say so.

use std::collections::BTreeMap;

/// The state that a master hands to its next self.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReexecEnvironment {
    /// Reloads asked of the master so far.
    pub reloads: u32,
    /// It only waits: up to 3.0 a master does after it has loaded, or failed to.
    pub waits: bool,
    /// Failed reloads that each worker has lived through, by PID.
    pub failed: BTreeMap<u32, u32>,
}

/// Reads the environment of a master; a first start of 3.2 and later has no such state yet.
pub fn parse(environment: &BTreeMap<String, String>) -> ReexecEnvironment {
    let mut state = ReexecEnvironment {
        waits: environment.contains_key("HAPROXY_MWORKER_WAIT_ONLY"),
        ..ReexecEnvironment::default()
    };
    let list = environment.get("HAPROXY_PROCESSES").map(String::as_str).unwrap_or_default();
    for process in list.split('|').filter(|text| !text.is_empty()) {
        let fields: BTreeMap<&str, &str> =
            process.split(';').filter_map(|field| field.split_once('=')).collect();
        let number = |name: &str| fields.get(name).and_then(|text| text.parse::<u32>().ok());
        match (fields.get("type"), number("pid")) {
            (Some(&"m"), _) => state.reloads = number("reloads").unwrap_or_default(),
            (Some(&"w"), Some(pid)) => {
                state.failed.insert(pid, number("failedreloads").unwrap_or_default());
            }
            _ => {}
        }
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn as_read_from_a_master_of_2_6_after_a_failed_reload() {
        let list = "|type=w;fd=4;pid=11366;reloads=1;failedreloads=1;timestamp=1795262705;id=;version=2.6.12\
                    |type=m;fd=-1;pid=11360;reloads=2;failedreloads=0;timestamp=1795262700;id=;version=";
        let environment = [("HAPROXY_MWORKER_WAIT_ONLY", "1"), ("HAPROXY_PROCESSES", list)];
        let state = parse(&environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        assert_eq!(state, ReexecEnvironment { reloads: 2, waits: true, failed: [(11366, 1)].into() });
        assert_eq!(parse(&BTreeMap::new()), ReexecEnvironment::default());
    }

    proptest! {
        #[test]
        fn never_panics(list in "[|;=a-z0-9]{0,80}") {
            let _ = parse(&[("HAPROXY_PROCESSES".to_owned(), list)].into());
        }
    }
}
