//! The restart: a snapshot is saved first, the order is given once by the verified method, the runtime state is put back
//! into the new HAProxy, and all of it is verified.

mod executor;
mod guard_override;
mod main_process;
mod managed;
mod method;
mod new_process;
mod pending_job;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::consent::ClearedPlan;
use super::observe::downtime::ObservedDowntime;
use super::operation::{OperationContext, OperationResult, Outcome};
use super::runtime_state::preserve::PreservedRuntime;
use super::{recheck, steps};
use crate::config::{Settings, Sourced};
use crate::facts::{Facts, Known};
use crate::gather;
use crate::plan::restart::restart_properties;
use crate::plan::{Basis, BasisChange, Plan};
use crate::timeouts;
use executor::RestartExecutor;

/// The result of a restart beside the [`OperationResult`].
#[derive(Debug, Default)]
pub struct RestartDetails {
    /// The main process now.
    pub main: Option<u32>,
    /// The folder of the snapshot.
    pub snapshot: Option<PathBuf>,
    /// Connections that were open in the last moment.
    pub connections: Option<u64>,
    /// When clients could connect again.
    pub downtime: ObservedDowntime,
    /// From the order until everything was put back.
    pub restored: Option<Duration>,
    /// From the order until everything was proven.
    pub full_service: Option<Duration>,
    /// HAProxy ended, and no other one serves in its place.
    pub outage: Option<String>,
    /// Nothing was ended when haguard gave up, and the manager may carry the order out all the same.
    pub unfinished: bool,
}

/// Restarts, as the steps of the plan say. `before` is what the plan was made from; `hold` is put back into the new
/// HAProxy.
pub fn apply(
    cleared: ClearedPlan<'_>,
    before: &Facts,
    hold: &PreservedRuntime,
    run: &OperationContext<'_>,
) -> (OperationResult, RestartDetails) {
    let calls: Arc<AtomicU32> = Arc::default();
    let not_applied = |outcome| (OperationResult::not_applied(outcome), RestartDetails::default());
    let Known::Seen(instance) = &before.instance else {
        return not_applied(Outcome::StateChanged(Vec::new()));
    };
    let files = recheck::read_config_files(instance, before);
    let mut changes = recheck::changes_since_plan(cleared.plan(), instance, &files, &calls);
    changes.extend(unit_changes_since_plan(cleared.plan(), before, run.settings));
    if !changes.is_empty() {
        return not_applied(Outcome::StateChanged(changes));
    }
    if let Some(signal) = run.interrupts.stop_signal() {
        return not_applied(Outcome::Interrupted(signal));
    }
    let settings = without_proc_sockets(run.settings);
    let run = &OperationContext { settings: &settings, ..*run };
    let mut executor = RestartExecutor::new(&cleared, before, instance, hold, run, Arc::clone(&calls), files);
    steps::execute_plan(cleared.plan(), &mut executor);
    let (mut done, left) = executor.finish();
    done.calls = calls.load(Ordering::Relaxed);
    (done, left)
}

/// A socket path through /proc/PID of the previous process is of no use after the restart; the sockets are found through
/// the new process then.
fn without_proc_sockets(settings: &Settings) -> Settings {
    let lasting = |socket: &Option<Sourced<PathBuf>>| {
        socket.clone().filter(|socket| !socket.value.starts_with("/proc"))
    };
    Settings {
        master_socket: lasting(&settings.master_socket),
        stats_socket: lasting(&settings.stats_socket),
        ..settings.clone()
    }
}

/// What systemd says of the unit in the last moment, where a unit is restarted.
fn unit_changes_since_plan(plan: &Plan, before: &Facts, settings: &Settings) -> Vec<BasisChange> {
    let Some(Known::Seen(guard)) = &before.guard else { return Vec::new() };
    let mut unit = BTreeMap::new();
    if let Ok(now) = gather::guard(&guard.unit, timeouts::SERVICE_QUERY) {
        unit = restart_properties(&now);
        let main = before.instance.seen().map(|instance| &instance.main);
        let start = main.filter(|_| before.start.as_ref().is_some_and(|start| start.seen().is_some()));
        unit.extend(
            start.and_then(|main| gather::unit_start_basis(settings, main, &now).ok()).unwrap_or_default(),
        );
    }
    plan.basis.changes_since(&Basis { unit, ..plan.basis.clone() })
}
