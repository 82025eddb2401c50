//! Gathering: one look at the host. It cannot fail; what it cannot see it records as unknown.

pub mod dataplane;
mod files;
pub mod holdings;
mod identity;
mod instance;
mod live;
pub mod loaded;
mod next;
mod proof;
mod servers;
mod sockets;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use super::{Candidate, ConfigOnDisk, Cost, Facts, How, Instance, Known, Picture, SCHEMA};
use crate::clients::host;
use crate::clients::runtime::{Channel, Socket};
use crate::config::Settings;
use crate::time::{self, Deadline};

/// Which HAProxy is meant, where the settings do not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Aim {
    /// The only one.
    Any,
    /// The one with this master, or this only process.
    Pid(u32),
    /// The one that this unit controls.
    Unit(String),
}

impl Aim {
    /// Reads the name that a person gave: nothing, `haproxy`, a PID, or a unit.
    pub fn parse(name: Option<&str>) -> Self {
        match name {
            None | Some("haproxy") => Aim::Any,
            Some(name) => match name.parse() {
                Ok(pid) => Aim::Pid(pid),
                Err(_) if name.contains('.') => Aim::Unit(name.to_owned()),
                Err(_) => Aim::Unit(format!("{name}.service")),
            },
        }
    }
}

/// What every part of a look shares.
struct Look<'a> {
    settings: &'a Settings,
    deadline: Deadline,
    calls: Arc<AtomicU32>,
    dataplane_calls: AtomicU32,
    prints: Prints,
}

/// The instance, and the way to ask its serving worker.
struct Found {
    instance: Instance,
    channel: Known<Channel>,
    master: Option<Socket>,
}

/// Turns map and ACL entries into keyed prints: entries can be compared within one look, and the snapshot holds
/// none of them, because a map may hold tokens. The key is thrown away with the look.
#[derive(Default)]
struct Prints(RandomState);

impl Prints {
    fn of(&self, text: &str) -> String {
        format!("{:016x}", self.0.hash_one(text))
    }
}

/// Looks at the HAProxy that is meant and at everything around it.
pub fn look(settings: &Settings, aim: &Aim) -> Facts {
    let begun = Instant::now();
    let taken_at = time::now();
    let look = Look {
        settings,
        deadline: Deadline::after(settings.timeout.value),
        calls: Arc::default(),
        dataplane_calls: AtomicU32::default(),
        prints: Prints::default(),
    };
    let candidates: Known<Vec<Candidate>> = host::haproxies().map(Candidate::group).into();
    let mut facts = match instance::find(&look, aim, &candidates) {
        Known::Seen(found) => seen(&look, found),
        Known::Unknown { why } => unseen(&look, &why),
    };
    facts.candidates = candidates;
    facts.taken_at = taken_at;
    facts.cost.dataplane_calls = look.dataplane_calls.load(Ordering::Relaxed);
    facts.cost.runtime_calls = look.calls.load(Ordering::Relaxed);
    facts.cost.ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    facts
}

/// The parts are independent, so they are looked at side by side.
fn seen(look: &Look<'_>, mut found: Found) -> Facts {
    let before = proof::prints(look, &found);
    let (live, read, test, api) = std::thread::scope(|scope| {
        let live = scope.spawn(|| live::picture(look, &found));
        let test = scope.spawn(|| files::test(look, &found));
        let api = scope.spawn(|| dataplane::ask(look, Some(&found.instance.main)));
        let read = files::read(look, &found);
        let lost = |what| format!("{what} could not be looked at: its thread ended early");
        (
            live.join().unwrap_or_else(|_| Picture::unseen(How::Live, &lost("the worker"))),
            read,
            test.join().unwrap_or_else(|_| Known::unknown(lost("the configuration test"))),
            api.join().unwrap_or(None),
        )
    });
    let next = next::picture(look, &found, &read, &live);
    let config = files::on_disk(&found, &read, test);
    found.instance.disk_version = read.built.as_ref().map(|built| built.version.clone());
    let unchanged = proof::compare(before, proof::prints(look, &found));
    Facts {
        live,
        next,
        config,
        dataplane: api,
        unchanged,
        instance: Known::Seen(found.instance),
        ..blank("not looked at")
    }
}

/// The Data Plane API may answer where HAProxy does not.
fn unseen(look: &Look<'_>, why: &str) -> Facts {
    Facts { dataplane: dataplane::ask(look, None), ..blank(why) }
}

/// Nothing was seen, for one reason.
fn blank(why: &str) -> Facts {
    Facts {
        schema: SCHEMA.to_owned(),
        taken_at: time::now(),
        host: host::hostname(),
        uid: host::uid(),
        candidates: Known::unknown(why),
        instance: Known::unknown(why),
        live: Picture::unseen(How::Live, why),
        next: Picture::unseen(How::Read, why),
        config: ConfigOnDisk::unseen(why),
        dataplane: None,
        cost: Cost::default(),
        unchanged: Known::unknown(why),
    }
}
