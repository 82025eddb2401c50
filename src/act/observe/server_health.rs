//! Health before and after: servers that were up and are down now are named, and those without a result are said.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use crate::act::signals::Interrupts;
use crate::clients::haproxy::runtime::{Channel, Socket};
use crate::facts::Instance;
use crate::time::Deadline;
use crate::wire::haproxy::runtime::stats::{self, StatKind, StatRow};

/// The first results of checks are waited for this long: a check every two seconds has had its turn then.
pub const WAIT: Duration = Duration::from_secs(5);
const ONE_ANSWER: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(50);

/// How each server stands, by `backend/server`.
pub type Health = BTreeMap<String, State>;

/// How one server stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is up by the result of a check.
    Up,
    /// It is called up, and no check has had a result yet.
    Unchecked,
    /// It is down.
    Down,
    /// Nothing checks it, or somebody took it out.
    Other,
}

/// Two looks, compared.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// Servers that were up.
    pub up_before: usize,
    /// Servers that are up.
    pub up_after: usize,
    /// Were up, are down.
    pub fell: Vec<String>,
    /// Were up, and no check has had a result yet.
    pub open: Vec<String>,
}

/// The way to ask the serving worker of this look.
pub fn channel(instance: &Instance, calls: &Arc<AtomicU32>) -> Option<Channel> {
    let socket = |path: &str| Socket::new(Path::new(path), ONE_ANSWER, Arc::clone(calls));
    match (instance.own_socket(), instance.master_socket.seen(), instance.serving.seen()) {
        (Some(own), _, _) => Some(Channel::Direct(socket(&own.path))),
        (None, Some(master), Some(pid)) => Some(socket(&master.path).via_master(*pid)),
        _ => None,
    }
}

/// One look.
///
/// # Errors
/// When the worker does not answer, or with something else.
pub fn look(channel: &Channel) -> anyhow::Result<Health> {
    let rows = stats::parse(&channel.ask("show stat")?)?;
    let servers = rows.into_iter().filter(|row| row.kind == StatKind::Server);
    Ok(servers.map(|row| (format!("{}/{}", row.pxname, row.svname), state(&row))).collect())
}

fn state(row: &StatRow) -> State {
    let resultless = match row.check.as_deref() {
        None => true,
        Some(check) => matches!(check.trim_start_matches('*').trim(), "" | "INI"),
    };
    match row.status.split_whitespace().next() {
        Some("UP") if resultless => State::Unchecked,
        Some("UP") => State::Up,
        Some("DOWN") => State::Down,
        _ => State::Other,
    }
}

/// Looks until every server that was up has a result, [`WAIT`] at most.
///
/// # Errors
/// When the worker does not answer.
pub fn wait(channel: &Channel, before: &Health, interrupts: &Interrupts) -> anyhow::Result<Compared> {
    let deadline = Deadline::after(WAIT);
    loop {
        let compared = compare(before, &look(channel)?);
        if compared.open.is_empty() || deadline.left().is_zero() || interrupts.stop().is_some() {
            return Ok(compared);
        }
        std::thread::park_timeout(PAUSE);
    }
}

fn compare(before: &Health, after: &Health) -> Compared {
    let up = |health: &Health| health.values().filter(|state| **state == State::Up).count();
    let mut compared = Compared { up_before: up(before), up_after: up(after), ..Compared::default() };
    for (name, _) in before.iter().filter(|(_, state)| **state == State::Up) {
        match after.get(name) {
            Some(State::Down) => compared.fell.push(name.clone()),
            Some(State::Unchecked) => compared.open.push(name.clone()),
            // One that the files took out, or that nothing checks any more, has not fallen ill.
            Some(State::Up | State::Other) | None => {}
        }
    }
    compared
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(rows: &[(&str, &str, &str)]) -> Health {
        let text: String =
            rows.iter().map(|(name, status, check)| format!("b,{name},0,0,{status},2,{check}\n")).collect();
        let rows =
            stats::parse(&format!("# pxname,svname,scur,stot,status,type,check_status\n{text}")).unwrap();
        rows.iter().map(|row| (row.svname.clone(), state(row))).collect()
    }

    #[test]
    fn only_a_server_that_was_up_by_a_check_can_fall() {
        let before = read(&[
            ("a", "UP", "L4OK"),
            ("b", "UP 1/3", "* L4OK"),
            ("c", "DOWN", "L4CON"),
            ("d", "no check", ""),
            ("e", "UP", "L7OK"),
            ("f", "UP", "L4OK"),
        ]);
        let after = read(&[
            ("a", "DOWN", "L4CON"),
            ("b", "UP", "INI"),
            ("c", "DOWN", "L4CON"),
            ("d", "no check", ""),
            ("e", "MAINT", ""),
        ]);
        let compared = compare(&before, &after);
        assert_eq!(compared.fell, ["a"]);
        assert_eq!(compared.open, ["b"]);
        assert_eq!((compared.up_before, compared.up_after), (4, 0));
    }
}
