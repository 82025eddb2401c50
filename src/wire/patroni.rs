//! What Patroni's REST API answers about the PostgreSQL that it runs.

use jiff::Timestamp;
use serde::Deserialize;

/// What `GET /patroni` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatroniStatus {
    /// The name of the cluster.
    pub scope: String,
    /// The name of this member; Patroni says it from 3.1 on.
    pub name: Option<String>,
    /// When its PostgreSQL was started; none where it does not run.
    pub started: Option<Timestamp>,
}

/// One of `GET /cluster`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Where its own REST API is.
    #[serde(default)]
    pub api_url: String,
    /// The port of its PostgreSQL.
    #[serde(default)]
    pub port: Option<u16>,
}

impl Member {
    /// Its REST API is the one at this `HOST:PORT`.
    pub fn is_at(&self, address: &str) -> bool {
        let rest = self.api_url.split_once("://").map_or("", |(_, rest)| rest);
        rest.split('/').next() == Some(address)
    }
}

/// Reads the answer of `GET /patroni`.
pub fn parse_status(text: &str) -> Option<PatroniStatus> {
    #[derive(Deserialize)]
    struct Raw {
        patroni: Own,
        postmaster_start_time: Option<String>,
    }
    #[derive(Deserialize)]
    struct Own {
        scope: String,
        name: Option<String>,
    }
    let raw: Raw = serde_json::from_str(text).ok()?;
    let started = raw.postmaster_start_time.and_then(|time| time.parse().ok());
    Some(PatroniStatus { scope: raw.patroni.scope, name: raw.patroni.name, started })
}

/// Reads the answer of `GET /cluster`.
pub fn parse_members(text: &str) -> Vec<Member> {
    #[derive(Deserialize)]
    struct Raw {
        members: Vec<Member>,
    }
    serde_json::from_str::<Raw>(text).map(|raw| raw.members).unwrap_or_default()
}

/// What Patroni writes on the command line of its PostgreSQL as the name of the cluster.
pub fn cluster_name(argv: &[String]) -> Option<&str> {
    let mut words = argv.iter().filter_map(|word| word.strip_prefix("--cluster_name="));
    words.next().filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_patroni_3_0_and_4_answer() {
        let old = r#"{"state": "running", "postmaster_start_time": "2026-11-21 18:10:21.478049+00:00", "role": "master",
            "patroni": {"version": "3.0.2", "scope": "lab"}}"#;
        let started = Some("2026-11-21T18:10:21.478049Z".parse().unwrap());
        assert_eq!(parse_status(old), Some(PatroniStatus { scope: "lab".into(), name: None, started }));
        let new = r#"{"state": "stopped", "patroni": {"version": "4.0.4", "scope": "lab", "name": "node1"}}"#;
        let name = Some("node1".to_owned());
        assert_eq!(parse_status(new), Some(PatroniStatus { scope: "lab".into(), name, started: None }));
        assert_eq!(parse_status(r#"{"status": "ok"}"#), None);
        let cluster = r#"{"members": [{"name": "node1", "api_url": "http://127.0.0.11:8008/patroni", "port": 5432},
            {"name": "node2", "state": "stopped"}]}"#;
        let of = |address: &str| parse_members(cluster).into_iter().find(|one| one.is_at(address));
        assert_eq!(of("127.0.0.11:8008").map(|one| (one.name, one.port)), Some(("node1".into(), Some(5432))));
        assert_eq!(of("127.0.0.11:80"), None);
        let argv = ["postgres", "--cluster_name=lab"].map(str::to_owned);
        assert_eq!((cluster_name(&argv), cluster_name(&argv[..1])), (Some("lab"), None));
    }

    proptest! {
        #[test]
        fn nothing_that_is_answered_makes_it_panic(text in "\\PC{0,60}", argv in proptest::collection::vec("\\PC{0,20}", 0..4)) {
            let _ = (parse_status(&text), parse_members(&text), cluster_name(&argv));
        }
    }
}
