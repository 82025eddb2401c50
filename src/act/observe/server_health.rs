//! Server health before and after: names servers that were up and are down now, and those without a check result.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use crate::act::signals::Interrupts;
use crate::clients::haproxy::runtime::{RuntimeSocket, WorkerChannel};
use crate::facts::Instance;
use crate::time::Deadline;
use crate::timeouts;
use crate::wait;
use crate::wire::haproxy::runtime::stats::{self, StatKind, StatRow};

/// How each server stands, by `backend/server`.
pub type HealthByServer = BTreeMap<String, ServerHealth>;

/// How one server stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerHealth {
    /// It is up by the result of a check.
    Up,
    /// It is called up, and no check has had a result yet.
    Unchecked,
    /// It is down.
    Down,
    /// Nothing checks it, or it was taken out.
    Unmonitored,
}

/// Two looks, compared.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct HealthComparison {
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
pub fn serving_channel(instance: &Instance, calls: &Arc<AtomicU32>) -> Option<WorkerChannel> {
    let socket = |path: &str| RuntimeSocket::new(Path::new(path), timeouts::HEALTH_QUERY, Arc::clone(calls));
    match (instance.serving_admin_socket(), instance.master_socket.seen(), instance.serving.seen()) {
        (Some(own), _, _) => Some(WorkerChannel::Direct(socket(&own.path))),
        (None, Some(master), Some(pid)) => Some(socket(&master.path).via_master(*pid)),
        _ => None,
    }
}

/// One look.
///
/// # Errors
/// When the worker does not answer, or with something else.
pub fn read_health(channel: &WorkerChannel) -> anyhow::Result<HealthByServer> {
    let rows = stats::parse(&channel.ask("show stat")?)?;
    let servers = rows.into_iter().filter(|row| row.kind == StatKind::Server);
    Ok(servers.map(|row| (format!("{}/{}", row.pxname, row.svname), server_health(&row))).collect())
}

fn server_health(row: &StatRow) -> ServerHealth {
    let resultless = match row.check.as_deref() {
        None => true,
        Some(check) => matches!(check.trim_start_matches('*').trim(), "" | "INI"),
    };
    match row.status.split_whitespace().next() {
        Some("UP") if resultless => ServerHealth::Unchecked,
        Some("UP") => ServerHealth::Up,
        Some("DOWN") => ServerHealth::Down,
        _ => ServerHealth::Unmonitored,
    }
}

/// Looks until every server that was up has a result, [`timeouts::FIRST_HEALTH_CHECKS`] at most.
///
/// # Errors
/// When the worker does not answer.
pub fn compare_after_checks(
    channel: &WorkerChannel,
    before: &HealthByServer,
    interrupts: &Interrupts,
) -> anyhow::Result<HealthComparison> {
    let deadline = Deadline::after(timeouts::FIRST_HEALTH_CHECKS);
    let compared = wait::until(deadline, timeouts::HEALTH_POLL, || match read_health(channel) {
        Err(error) => ControlFlow::Break(Err(error)),
        Ok(after) => match compare(before, &after) {
            done if done.open.is_empty() || interrupts.stop_signal().is_some() => {
                ControlFlow::Break(Ok(done))
            }
            open => ControlFlow::Continue(open),
        },
    });
    compared.unwrap_or_else(Ok)
}

fn compare(before: &HealthByServer, after: &HealthByServer) -> HealthComparison {
    let up = |health: &HealthByServer| health.values().filter(|state| **state == ServerHealth::Up).count();
    let mut compared =
        HealthComparison { up_before: up(before), up_after: up(after), ..HealthComparison::default() };
    for (name, _) in before.iter().filter(|(_, state)| **state == ServerHealth::Up) {
        match after.get(name) {
            Some(ServerHealth::Down) => compared.fell.push(name.clone()),
            Some(ServerHealth::Unchecked) => compared.open.push(name.clone()),
            // One that the files took out, or that nothing checks any more, has not fallen ill.
            Some(ServerHealth::Up | ServerHealth::Unmonitored) | None => {}
        }
    }
    compared
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health_of_rows(rows: &[(&str, &str, &str)]) -> HealthByServer {
        let text: String =
            rows.iter().map(|(name, status, check)| format!("b,{name},0,0,{status},2,{check}\n")).collect();
        let rows =
            stats::parse(&format!("# pxname,svname,scur,stot,status,type,check_status\n{text}")).unwrap();
        rows.iter().map(|row| (row.svname.clone(), server_health(row))).collect()
    }

    #[test]
    fn only_a_server_that_was_up_by_a_check_can_fall() {
        let before = health_of_rows(&[
            ("a", "UP", "L4OK"),
            ("b", "UP 1/3", "* L4OK"),
            ("c", "DOWN", "L4CON"),
            ("d", "no check", ""),
            ("e", "UP", "L7OK"),
            ("f", "UP", "L4OK"),
        ]);
        let after = health_of_rows(&[
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
