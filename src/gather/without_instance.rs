//! What is left to look at where no HAProxy was found: the Data Plane API, the host, or files that were given to be tried.

use super::{GatherContext, binds, config_test, dataplane, haproxy, rehearsal};
use crate::clients::linux;
use crate::facts::{ConfigOnDisk, Cost, Facts, Known, ProcessHealth, Provenance, SCHEMA, WorkerState};
use crate::time;

/// The Data Plane API may answer where HAProxy does not.
pub(super) fn gather_without_instance(look: &GatherContext<'_>, why: &str) -> Facts {
    Facts {
        dataplane: dataplane::gather(look, None),
        vitals: haproxy::process_health::gather_host(look, why),
        ..unknown_facts(why)
    }
}

/// Files were given, and no HAProxy runs that would load them: they are rehearsed as this user would start them.
pub(super) fn gather_files_only(look: &GatherContext<'_>, why: &str) -> Facts {
    let main = match haproxy::config_files::process_from_settings(look) {
        Ok(main) => main,
        Err(error) => return unknown_facts(&format!("{error:#}")),
    };
    let read = haproxy::config_files::read_process(look, &main);
    let tried = rehearsal::rehearse(look, &main, read.model.seen());
    let test = config_test::test(look, &main, &read, None).into();
    let declared = binds::configured::configured_listeners(look, &main, &read);
    let from_files = haproxy::configured_worker::worker_state(
        look,
        &main,
        &read,
        &WorkerState::unknown(Provenance::Live, why),
        &declared,
    );
    let (rehearsal, next) = rehearsal::merge_with_files(Some(tried), from_files);
    Facts {
        rehearsal,
        next,
        config: haproxy::config_files::config_on_disk(&Known::unknown(why), &main, &read, test),
        ..unknown_facts(why)
    }
}

/// Nothing was seen, for one reason.
pub(super) fn unknown_facts(why: &str) -> Facts {
    Facts {
        schema: SCHEMA.to_owned(),
        taken_at: time::now(),
        host: linux::hostname(),
        uid: linux::effective_uid(),
        candidates: Known::unknown(why),
        instance: Known::unknown(why),
        namespaces: Known::unknown(why),
        live: WorkerState::unknown(Provenance::Live, why),
        next: WorkerState::unknown(Provenance::Read, why),
        rehearsal: None,
        start: None,
        shared_listeners: Known::unknown(why),
        binds: Known::unknown(why),
        config: ConfigOnDisk::unknown(why),
        dataplane: None,
        vitals: ProcessHealth::unknown(why),
        guard: None,
        pins: Vec::new(),
        on_host: Known::unknown("not looked at"),
        routes: Known::unknown("not looked at"),
        cost: Cost::default(),
        unchanged: Known::unknown(why),
    }
}
