//! An order to a service manager that haguard no longer waits for: cancelled where it has not begun, and reported where
//! it may still be carried out.

use anyhow::Result;

use crate::act::proof::Claim;
use crate::clearance::Clearance;
use crate::clients::systemd::{self, actions};
use crate::facts::controllers::Container;
use crate::timeouts;
use crate::wire::systemd::unit::{Job, Unit};

/// The state of the order in systemd.
struct UnitJobState {
    job: Option<Job>,
    shown: Unit,
    /// The unit still runs the previous process.
    untouched: bool,
}

/// Whether anything more may come of an order to restart a unit whose main process is still `main`. Only a job that waits
/// is cancelled: one that has begun has signalled HAProxy to end, and is what starts it again.
pub(super) fn pending_job_claim(unit: &str, main: u32, clearance: &Clearance) -> Claim {
    let seen = query_unit_job(unit, main).and_then(|seen| match &seen.job {
        Some(job) if seen.untouched && !job.running => {
            let cancelled = actions::cancel_job(job.id, timeouts::SERVICE_QUERY, clearance);
            // It may have begun, or have gone, in this moment.
            let now = query_unit_job(unit, main)?;
            if now.job.is_some() { cancelled.map(|()| now) } else { Ok(now) }
        }
        _ => Ok(seen),
    });
    let (after, broken) = match &seen {
        Ok(UnitJobState { job: None, untouched: true, .. }) => ("no job".to_owned(), None),
        Ok(UnitJobState { job: None, shown, .. }) => {
            let state = describe_state(shown);
            let why = format!("{unit} is {state}, and systemd has no job that would start it again");
            (state, Some(why))
        }
        Ok(UnitJobState { job: Some(job), shown, .. }) => {
            let Job { id, kind, .. } = job;
            let doing = if job.running { "running" } else { "waiting" };
            let why = format!(
                "systemd still has job {id} ({kind}, {doing}) of {unit}, which is {}: systemd will \
                 restart HAProxy, and the runtime state is not put back then",
                describe_state(shown)
            );
            (format!("job {id} ({kind}, {doing})"), Some(why))
        }
        Err(error) => (
            "unknown".to_owned(),
            Some(format!("whether systemd still carries the order out is not known: {error:#}")),
        ),
    };
    let source = format!("systemctl list-jobs, systemctl show {unit}");
    let both = ("no job".to_owned(), after);
    Claim::new("systemd has no job left of the order", both, source, broken.is_none(), || {
        broken.unwrap_or_default()
    })
}

/// The claim about an order that a container's daemon received and did not answer, while HAProxy still runs.
pub(super) fn unanswered_order_claim(container: &Container, why: &str) -> Claim {
    let both = ("answered".to_owned(), "unknown".to_owned());
    Claim::new("the daemon is done with the order", both, container.socket.clone(), false, || {
        format!(
            "the daemon got the order to restart {} and did not answer: HAProxy still runs, and the daemon may \
             still restart it; the runtime state is not put back then ({why})",
            container.describe()
        )
    })
}

fn query_unit_job(unit: &str, main: u32) -> Result<UnitJobState> {
    let mut jobs = systemd::jobs(timeouts::SERVICE_QUERY)?;
    // The state is asked last: a job that is not there any more cannot change it.
    let shown = systemd::show(unit, timeouts::SERVICE_QUERY)?;
    jobs.retain(|job| job.unit == unit || shown.list("Names").contains(&job.unit.as_str()));
    let untouched = shown.get("ActiveState") == "active" && shown.main_pid() == Some(main);
    Ok(UnitJobState { job: jobs.pop(), shown, untouched })
}

fn describe_state(shown: &Unit) -> String {
    format!("{} ({})", shown.get("ActiveState"), shown.get("SubState"))
}
