//! What a reload would lose, held over it: read from the old worker, put back into the new one.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use super::replay::{self, Returned};
use crate::act::operation::{Done, Run};
use crate::act::proof::{self, Claim};
use crate::act::rollback::previous_config::Previous;
use crate::config::Settings;
use crate::facts::{Facts, Holdings, Instance, Known, Loaded};
use crate::gather;
use crate::gather::haproxy::loaded_config;
use crate::gather::haproxy::runtime_state::{Keys, holdings, worker_channel};
use crate::plan::replay::{Preview, preview};
use crate::plan::{self, Kind, Ledger};
use crate::state::loaded_configs;
use crate::time::Deadline;

/// Thousands of servers and entries take less than a second; a worker that is busy may take longer.
pub const LIMIT: Duration = Duration::from_secs(30);

/// What is held.
#[derive(Debug)]
pub struct Hold {
    held: Holdings,
    loaded: Loaded,
    certificates: Vec<String>,
    previews: Vec<Preview>,
}

impl Hold {
    /// Reads the worker that serves, and what is known of the configuration that it loaded: `previous` names a copy of
    /// that, file by file, where there is one.
    ///
    /// # Errors
    /// When it is not known which worker that is, or it cannot be asked.
    pub fn read(
        settings: &Settings,
        facts: &Facts,
        ledger: &Ledger,
        previous: &[PathBuf],
    ) -> Result<Self, String> {
        let instance = facts.instance.seen().ok_or("what runs here is not known")?;
        let lost = ledger.lines.iter().filter(|line| line.kind == Kind::Certificate);
        let certificates: Vec<String> = lost.map(|line| line.object.clone()).collect();
        let held = of_serving(settings, instance, &certificates, &Arc::default())?;
        let copy = match previous {
            // A copy that cannot be read tells nothing, like one that is not there.
            [] => loaded_configs::of_serving(&settings.state_dir.value, instance)
                .ok()
                .flatten()
                .map(|kept| kept.files),
            given => Some(Previous::given(facts, given).map_err(|error| format!("{error:#}"))?.files),
        };
        let copy = copy.and_then(|files| gather::model(settings, &instance.main, &files));
        let loaded = loaded_config::loaded(facts, &held, copy.as_ref());
        let previews = preview(ledger, &held, &loaded);
        Ok(Hold { held, loaded, certificates, previews })
    }

    /// The same for a restart, which loses more than a reload.
    #[must_use]
    pub fn over_a_restart(mut self, ledger: &Ledger) -> Self {
        self.previews.extend(plan::restart::beyond_replay(ledger));
        self
    }

    /// What would be put back, and what would not and why: for the plan.
    pub fn previews(&self) -> &[Preview] {
        &self.previews
    }

    /// What was held when the plan was made.
    pub(in crate::act) fn held(&self) -> &Holdings {
        &self.held
    }

    /// The same of this moment: what a connector added since the plan was made is held too.
    pub fn refreshed(&self, settings: &Settings, facts: &Facts, calls: &Arc<AtomicU32>) -> Option<Holdings> {
        of_serving(settings, facts.instance.seen()?, &self.certificates, calls).ok()
    }

    /// The step of a reload: it is taken whatever signal came meanwhile, since without it a server that was taken out of
    /// service would be in service again.
    pub(in crate::act) fn step(
        &self,
        done: &mut Done,
        fresh: Option<&Holdings>,
        instance: &Instance,
        worker: u32,
        run: &Run<'_>,
        calls: &Arc<AtomicU32>,
    ) -> Claim {
        (run.progress)("put back: the new worker gets what only memory held", LIMIT);
        if let Err(error) = run.steps.begin("put-back") {
            done.notes.push(format!("the journal could not be written: {error:#}"));
        }
        let returned = self.put_back(fresh, run.settings, instance, worker, calls);
        let claim = self.claim(&returned, worker);
        run.steps.end("put-back", claim.broken.as_deref().unwrap_or(&claim.proof.after));
        done.returned = returned.unwrap_or_default();
        done.finished.push("put-back");
        claim
    }

    /// Puts everything back into the new worker.
    fn put_back(
        &self,
        fresh: Option<&Holdings>,
        settings: &Settings,
        instance: &Instance,
        worker: u32,
        calls: &Arc<AtomicU32>,
    ) -> Result<Vec<Returned>, String> {
        match worker_channel(settings, instance, worker, Deadline::after(LIMIT), calls) {
            Known::Unknown { why } => Err(why),
            Known::Seen(channel) => Ok(replay::put_back(fresh.unwrap_or(&self.held), &self.loaded, &channel)),
        }
    }

    /// The proof: everything that the plan said would come back is back. What it said cannot come back is no surprise.
    fn claim(&self, returned: &Result<Vec<Returned>, String>, worker: u32) -> Claim {
        let title = "what was lost is put back";
        let source = format!("the sockets of worker {worker}, before and after the replay");
        let returned = match returned {
            Ok(returned) => returned,
            Err(why) => {
                let both = ("known".to_owned(), "unknown".to_owned());
                return Claim::new(title, both, source, false, || format!("nothing was put back: {why}"));
            }
        };
        let foreseen = |one: &&Returned| {
            !self
                .previews
                .iter()
                .any(|told| told.how.is_none() && (told.kind, &told.object) == (one.kind, &one.object))
        };
        let missing: Vec<String> = returned
            .iter()
            .filter(|one| !one.returned)
            .filter(foreseen)
            .map(|one| {
                format!("{} {} ({})", one.kind.name(), one.object, one.why.as_deref().unwrap_or("no reason"))
            })
            .collect();
        let back = returned.iter().filter(|one| one.returned).count();
        let both = (returned.len().to_string(), format!("{back} back"));
        Claim::new(title, both, source, missing.is_empty(), || {
            format!("not put back: {}", proof::listed(&missing))
        })
    }
}

fn of_serving(
    settings: &Settings,
    instance: &Instance,
    certificates: &[String],
    calls: &Arc<AtomicU32>,
) -> Result<Holdings, String> {
    let serving = match &instance.serving {
        Known::Seen(serving) => *serving,
        Known::Unknown { why } => return Err(why.clone()),
    };
    match worker_channel(settings, instance, serving, Deadline::after(LIMIT), calls) {
        Known::Unknown { why } => Err(why),
        Known::Seen(channel) => Ok(holdings(&channel, Keys::Of(certificates))),
    }
}
