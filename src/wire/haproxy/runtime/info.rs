//! `show info` of a worker: who it is and what it carries.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Malformed, first_line, lines};

const COMMAND: &str = "show info";

/// The lines of `show info` that a guard needs; the others are not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Info {
    /// The worker's process id in its own PID namespace.
    pub pid: u32,
    /// Its version, with the packager's suffix.
    pub version: String,
    /// The day on which that version was released.
    pub release_date: Option<Date>,
    /// Seconds since it started.
    pub uptime_sec: u64,
    /// When it started, in seconds since 1970.
    pub start_time_sec: Option<u64>,
    /// Whether it is stopping and only finishes its connections.
    pub stopping: bool,
    /// Connections now.
    pub curr_conns: u64,
    /// Connections it would accept.
    pub max_conn: u64,
    /// Everything that keeps it alive: connections, listeners and the like.
    pub jobs: u64,
    /// Listening sockets.
    pub listeners: u64,
    /// `node` of the configuration, the host's name where it is not set.
    pub node: Option<String>,
    /// What makes its state doubtful to HAProxy's own developers; `0` is nothing.
    pub tainted: Option<String>,
}

impl Info {
    /// Reads the answer of `show info`.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let value = |key: &str| {
            lines(text)
                .find_map(|line| line.split_once(':').filter(|(name, _)| *name == key))
                .map(|(_, v)| v.trim())
        };
        let bad = |why| Malformed::new(COMMAND, why, first_line(text));
        let number = |key: &str, why| value(key).and_then(|v| v.parse::<u64>().ok()).ok_or_else(|| bad(why));
        let text = |key: &str| value(key).filter(|v| !v.is_empty()).map(str::to_owned);
        Ok(Info {
            pid: value("Pid").and_then(|v| v.parse().ok()).ok_or_else(|| bad("no `Pid`"))?,
            version: text("Version").ok_or_else(|| bad("no `Version`"))?,
            release_date: value("Release_date").and_then(|v| v.replace('/', "-").parse().ok()),
            uptime_sec: number("Uptime_sec", "no `Uptime_sec`")?,
            start_time_sec: number("Start_time_sec", "").ok(),
            stopping: number("Stopping", "no `Stopping`")? != 0,
            curr_conns: number("CurrConns", "no `CurrConns`")?,
            max_conn: number("Maxconn", "no `Maxconn`")?,
            jobs: number("Jobs", "no `Jobs`")?,
            listeners: number("Listeners", "no `Listeners`")?,
            node: text("node"),
            tainted: text("Tainted"),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::haproxy::runtime::fixtures;

    #[test]
    fn every_branch_says_who_it_is() {
        for (branch, text) in fixtures::every("show_info") {
            let seen = Info::parse(&text).unwrap();
            assert!(seen.version.starts_with(branch), "{branch}: {seen:?}");
            assert_eq!(seen.node, Some(format!("lab-{branch}")), "{branch}");
            // The 2.8 of the laboratory carries its own libraries, which HAProxy marks.
            let tainted = if branch == "2.8" { "0x100" } else { "0" };
            assert_eq!(seen.tainted.as_deref(), Some(tainted), "{branch}");
            assert!(!seen.stopping && seen.listeners >= 5 && seen.max_conn > 1000, "{branch}: {seen:?}");
            assert!(seen.release_date.is_some_and(|date| date.year() >= 2023), "{branch}: {seen:?}");
            assert!(seen.start_time_sec.is_some_and(|at| at > 1_700_000_000), "{branch}");
        }
    }

    #[test]
    fn a_leaving_worker_says_so() {
        let text = fixtures::read("3.0", "show_info").replace("Stopping: 0", "Stopping: 1");
        assert!(Info::parse(&text).unwrap().stopping);
    }

    #[test]
    fn a_missing_line_is_an_error_that_names_it() {
        let text = fixtures::read("3.0", "show_info").replace("Pid:", "Pidgin:");
        assert_eq!(Info::parse(&text).unwrap_err().why, "no `Pid`");
        assert!(Info::parse("").is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in "(?s).{0,200}") {
            let _ = Info::parse(&text);
        }

        #[test]
        fn numbers_come_back(pid in 1u32.., conns: u64, stopping: bool) {
            let text = format!(
                "Version: x\nPid: {pid}\nUptime_sec: 1\nStopping: {}\nCurrConns: {conns}\nMaxconn: 1\nJobs: 1\nListeners: 1\n",
                u8::from(stopping)
            );
            let seen = Info::parse(&text).unwrap();
            prop_assert_eq!((seen.pid, seen.curr_conns, seen.stopping), (pid, conns, stopping));
        }
    }
}
