//! `show servers state`, which is also the format of a server-state file.

use serde::{Deserialize, Serialize};

use super::{Malformed, first_line, lines, none_if_dash};

const COMMAND: &str = "show servers state";

/// Why a server is held back by an operator, the configuration or the resolver: a set of bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AdminState(pub u32);

impl AdminState {
    /// Maintenance asked for at run time (or by a restored state).
    pub fn forced_maint(self) -> bool {
        self.0 & 0x01 != 0
    }
    /// Maintenance taken over from a tracked server.
    pub fn inherited_maint(self) -> bool {
        self.0 & 0x02 != 0
    }
    /// `disabled` in the configuration. HAProxy sets the forced bit beside it.
    pub fn config_maint(self) -> bool {
        self.0 & 0x04 != 0
    }
    /// Drain asked for at run time.
    pub fn forced_drain(self) -> bool {
        self.0 & 0x08 != 0
    }
    /// Drain taken over from a tracked server.
    pub fn inherited_drain(self) -> bool {
        self.0 & 0x10 != 0
    }
    /// Its name does not resolve.
    pub fn resolution_maint(self) -> bool {
        self.0 & 0x20 != 0
    }
}

/// One server as the worker sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerState {
    /// Backend name.
    pub backend: String,
    /// Backend id.
    pub backend_id: u32,
    /// Server name.
    pub server: String,
    /// Server id.
    pub server_id: u32,
    /// Address without port; `None` where it has none (a UNIX socket, a name that never resolved).
    pub address: Option<String>,
    /// Port; 0 where the client's port is kept.
    pub port: u16,
    /// The name its address comes from.
    pub fqdn: Option<String>,
    /// The SRV record it comes from.
    pub srv_record: Option<String>,
    /// 0 stopped, 1 starting, 2 running, 3 stopping.
    pub op_state: u32,
    /// Who holds it back.
    pub admin_state: AdminState,
    /// Weight in force.
    pub uweight: u32,
    /// Weight of the configuration (or of `add server`).
    pub iweight: u32,
    /// Seconds since its state changed.
    pub since_last_change: u64,
    /// Outcome of the last check, HAProxy's number.
    pub check_status: u32,
    /// Verdict of the last check, HAProxy's number.
    pub check_result: u32,
    /// Checks in a row, counted by rise and fall.
    pub check_health: u32,
    /// Whether checks are configured, enabled, paused: bits.
    pub check_state: u32,
    /// The same for the agent check.
    pub agent_state: u32,
    /// Its id was given by hand.
    pub forced_id: bool,
    /// It is reached over TLS.
    pub tls: bool,
    /// Port of its checks where that is another one; 0 is its own.
    pub check_port: u16,
    /// Address of its checks where that is another one.
    pub check_address: Option<String>,
    /// Port of its agent; 0 where it has none.
    pub agent_port: u16,
    /// Address of its agent where that is another one.
    pub agent_address: Option<String>,
}

/// Bits of [`ServerState::check_state`] and [`ServerState::agent_state`].
const CHECK_CONFIGURED: u32 = 2;
const CHECK_ENABLED: u32 = 4;

impl ServerState {
    /// Whether health checks were asked for, and whether they are switched on.
    pub fn health_check_flags(&self) -> (bool, bool) {
        (self.check_state & CHECK_CONFIGURED != 0, self.check_state & CHECK_ENABLED != 0)
    }

    /// The same for the agent check.
    pub fn agent_check_flags(&self) -> (bool, bool) {
        (self.agent_state & CHECK_CONFIGURED != 0, self.agent_state & CHECK_ENABLED != 0)
    }
}

/// Reads the answer of `show servers state`, or a server-state file.
pub fn parse(text: &str) -> Result<Vec<ServerState>, Malformed> {
    let mut header: Option<Vec<&str>> = None;
    let mut rows = Vec::new();
    for line in lines(text) {
        let line = line.trim();
        if let Some(names) = line.strip_prefix('#') {
            header = Some(names.split_whitespace().collect());
        } else if let Some(header) = &header {
            let words: Vec<&str> = line.split_whitespace().collect();
            rows.push(row(header, &words).map_err(|why| Malformed::new(COMMAND, why, line))?);
        } else if line.parse::<u32>().is_err() {
            // Before the header stands only the version of the format.
            return Err(Malformed::new(COMMAND, "no header", line));
        }
    }
    match header {
        Some(_) => Ok(rows),
        None => Err(Malformed::new(COMMAND, "no header", first_line(text))),
    }
}

fn row(header: &[&str], words: &[&str]) -> Result<ServerState, &'static str> {
    let word = |name: &str| {
        let at = header.iter().position(|column| *column == name).ok_or("a column is missing")?;
        words.get(at).copied().ok_or("a row ends early")
    };
    let number = |name: &str| word(name)?.parse::<u32>().map_err(|_| "a number is expected");
    // Columns that a state file of an older branch does not have.
    let later = |name: &str| word(name).ok().and_then(none_if_dash);
    let port = |name: &str| later(name).and_then(|port| port.parse().ok()).unwrap_or(0);
    Ok(ServerState {
        backend: word("be_name")?.to_owned(),
        backend_id: number("be_id")?,
        server: word("srv_name")?.to_owned(),
        server_id: number("srv_id")?,
        address: none_if_dash(word("srv_addr")?),
        port: word("srv_port")?.parse().map_err(|_| "a port is expected")?,
        fqdn: none_if_dash(word("srv_fqdn")?),
        srv_record: word("srvrecord").ok().and_then(none_if_dash),
        op_state: number("srv_op_state")?,
        admin_state: AdminState(number("srv_admin_state")?),
        uweight: number("srv_uweight")?,
        iweight: number("srv_iweight")?,
        since_last_change: word("srv_time_since_last_change")?.parse().map_err(|_| "a time is expected")?,
        check_status: number("srv_check_status")?,
        check_result: number("srv_check_result")?,
        check_health: number("srv_check_health")?,
        check_state: number("srv_check_state")?,
        agent_state: number("srv_agent_state")?,
        forced_id: later("srv_f_forced_id").is_some_and(|flag| flag == "1"),
        tls: later("srv_use_ssl").is_some_and(|flag| flag == "1"),
        check_port: port("srv_check_port"),
        check_address: later("srv_check_addr"),
        agent_port: port("srv_agent_port"),
        agent_address: later("srv_agent_addr"),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::haproxy::runtime::fixtures;

    fn find_server<'a>(rows: &'a [ServerState], backend: &str, server: &str) -> &'a ServerState {
        rows.iter().find(|row| row.backend == backend && row.server == server).unwrap()
    }

    #[test]
    fn every_branch_tells_runtime_drift() {
        for (branch, text) in fixtures::every("show_servers_state") {
            let rows = parse(&text).unwrap();
            assert_eq!(rows.len(), 7, "{branch}");
            let put_away = find_server(&rows, "web", "s1").admin_state;
            assert!(put_away.forced_maint() && !put_away.config_maint(), "{branch}");
            let disabled = find_server(&rows, "web", "s2").admin_state;
            assert!(disabled.forced_maint() && disabled.config_maint(), "{branch}");
            assert!(find_server(&rows, "web", "t1").admin_state.forced_drain(), "{branch}");
            let weighed = find_server(&rows, "web", "t2");
            assert_eq!((weighed.uweight, weighed.iweight), (0, 1), "{branch}");
            let added = find_server(&rows, "web", "dyn1");
            assert_eq!((added.address.as_deref(), added.iweight), (Some("127.0.0.1"), 7), "{branch}");
            let named = find_server(&rows, "api", "s1");
            assert_eq!(named.fqdn.as_deref(), Some("localhost"), "{branch}");
            assert!(named.port > 24000 && named.op_state == 2, "{branch}: {named:?}");
        }
    }

    #[test]
    fn where_checks_go_and_whether_they_are_on() {
        let header = fixtures::read("3.0", "show_servers_state").lines().nth(1).unwrap().to_owned();
        let row = "3 web 9 d 127.0.0.1 0 1 1 1 0 1 0 0 2 22 0 1 - 9 - 1 12 127.0.0.3 ::1 57";
        let seen = &parse(&format!("1\n{header}\n{row}\n")).unwrap()[0];
        assert_eq!((seen.health_check_flags(), seen.agent_check_flags()), ((true, false), (true, true)));
        assert_eq!((seen.tls, seen.forced_id, seen.check_port, seen.agent_port), (true, true, 12, 57));
        assert_eq!(seen.check_address.as_deref(), Some("127.0.0.3"));
        assert_eq!(seen.agent_address.as_deref(), Some("::1"));
    }

    #[test]
    fn columns_are_found_by_name() {
        let text = fixtures::read("3.4", "show_servers_state");
        let moved: String = text
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(names) => format!("# novelty {names}\n"),
                None if line.contains(' ') => format!("new {line}\n"),
                None => format!("{line}\n"),
            })
            .collect();
        assert_eq!(parse(&moved).unwrap(), parse(&text).unwrap());
    }

    #[test]
    fn another_answer_is_an_error() {
        let text = fixtures::read("3.4", "show_servers_state");
        let cut = &text[..text.rfind(" localhost").unwrap()];
        for text in ["", "\n", "Can't find backend.\n", "1\n", cut, &text.replace("24405", "70000")] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "(?s).{0,200}", tail in "[0-9a-z -]{0,200}") {
            let _ = parse(&text);
            let _ = parse(&format!("1\n# be_id be_name srv_id srv_name srv_addr\n{tail}"));
        }

        #[test]
        fn rows_come_back(backend in "[a-z.:_-]{1,20}", port: u16, bits in 0u32..128, weight in 0u32..257) {
            prop_assume!(!backend.starts_with('#'));
            let header = fixtures::read("3.0", "show_servers_state").lines().nth(1).unwrap().to_owned();
            let text = format!(
                "1\n{header}\n3 {backend} 1 s 10.0.0.1 2 {bits} {weight} 1 1 1 0 2 0 0 0 0 - {port} - 0 0 - - 0\n\n"
            );
            let rows = parse(&text).unwrap();
            prop_assert_eq!((&rows[0].backend, rows[0].port), (&backend, port));
            prop_assert_eq!((rows[0].admin_state, rows[0].uweight), (AdminState(bits), weight));
        }
    }
}
