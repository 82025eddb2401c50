//! What is given up of things that pile up, run after run: the oldest, and never one that is in use.

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};

use super::store::{FolderFiles, Store};
use crate::facts::controllers::SystemdUnit;
use crate::facts::{Controller, Instance};
use crate::plan::restart::MAX_SNAPSHOTS;
use crate::time;

/// How much stays of one kind of thing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Retention {
    /// So many stay; the oldest go first.
    pub(crate) most: usize,
    /// What is older goes even where there are fewer.
    pub(crate) max_age: Option<SignedDuration>,
}

/// One of the things that pile up.
#[derive(Debug)]
pub(crate) struct StoredItem {
    /// Its name in its folder.
    pub(crate) name: String,
    /// Its time, by which the oldest is found.
    pub(crate) at: Timestamp,
    /// It stays, however old it is.
    pub(crate) in_use: bool,
}

impl Retention {
    /// Removes what is too much or too old of `items`, which are all in this folder, and returns the names. What cannot
    /// be removed is tried again the next time.
    pub(crate) fn prune(&self, store: &Store, folder: &str, items: Vec<StoredItem>) -> Vec<String> {
        let expired = self.expired(items, time::now());
        for name in &expired {
            if let Err(error) = store.remove(&format!("{folder}/{name}")) {
                tracing::debug!("not pruned: {error:#}");
            }
        }
        expired
    }

    fn expired(&self, mut items: Vec<StoredItem>, now: Timestamp) -> Vec<String> {
        items.sort_by(|a, b| (a.at, &a.name).cmp(&(b.at, &b.name)));
        let mut excess = items.len().saturating_sub(self.most);
        let mut goes = |item: &StoredItem| {
            let old = self.max_age.is_some_and(|limit| now.duration_since(item.at) > limit);
            let goes = !item.in_use && (excess > 0 || old);
            excess = excess.saturating_sub(usize::from(goes));
            goes
        };
        items.into_iter().filter(|item| goes(item)).map(|item| item.name).collect()
    }
}

/// The file that says which HAProxy a folder is about.
const INSTANCE_KEY_FILE: &str = "of";
/// Of the folders of each HAProxy.
const RUN_FOLDERS: Retention = Retention { most: MAX_SNAPSHOTS, max_age: None };

/// A HAProxy by what outlives its processes.
pub fn instance_key(instance: &Instance) -> String {
    let by = match instance.control.controller() {
        Some(Controller::Systemd(SystemdUnit { unit })) => unit.clone(),
        Some(Controller::Docker { container } | Controller::Podman { container }) => container.describe(),
        _ => String::new(),
    };
    let args = instance.main.haproxy_args();
    let folder = instance.main.cwd.seen().map_or("", String::as_str);
    format!("{by}\n{folder}\n{:?}\n{:?}\n", args.files, args.master_socket)
}

/// Writes the folder of a run, whose name begins with the time in milliseconds, and gives up older ones in `parent` that
/// are about the same HAProxy.
///
/// # Errors
/// When there is one of this name, or it cannot be written; then no older one is given up.
pub(crate) fn create_run_folder(
    store: &Store,
    parent: &str,
    run: &str,
    instance_key: &str,
    mut files: FolderFiles<'_>,
) -> Result<std::path::PathBuf> {
    files.push((INSTANCE_KEY_FILE.to_owned(), instance_key.as_bytes().to_vec().into()));
    let folder = store.create_folder(&format!("{parent}/{run}"), &files)?;
    let same = |name: &str| {
        let key = store.read(&format!("{parent}/{name}/{INSTANCE_KEY_FILE}")).ok().flatten();
        key.is_some_and(|key| key == instance_key.as_bytes())
    };
    let items = store.list(parent).into_iter().filter(|entry| same(&entry.name)).map(|entry| StoredItem {
        at: begun(&entry.name).unwrap_or(entry.modified),
        // A clock that was set back must not give up the new one.
        in_use: entry.name == run,
        name: entry.name,
    });
    RUN_FOLDERS.prune(store, parent, items.collect());
    Ok(folder)
}

fn begun(run: &str) -> Option<Timestamp> {
    Timestamp::from_millisecond(run.split('-').next()?.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::test_facts;

    #[test]
    fn the_newest_of_each_haproxy_stay_and_a_folder_that_names_none_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path());
        let make = |run: String, of: &str| create_run_folder(&store, "runs", &run, of, Vec::new()).unwrap();
        let (other, unknown) = (make("1000-1".into(), "b"), store.path("runs/0"));
        std::fs::create_dir(&unknown).unwrap();
        let all: Vec<_> =
            (0..MAX_SNAPSHOTS + 2).map(|number| make(format!("{}-9", 1000 + number), "a")).collect();
        let there: Vec<bool> = all.iter().map(|path| path.is_dir()).collect();
        assert!(!there[0] && !there[1] && there[2..].iter().all(|there| *there), "{there:?}");
        assert!(other.is_dir() && unknown.is_dir());
        // After the clock was set back the new one is the oldest, and stays all the same.
        let early = make("900-9".into(), "a");
        assert!(early.is_dir() && !all[2].exists() && all[3].is_dir());
    }

    #[test]
    fn too_many_and_too_old_ones_go_and_one_in_use_stays() {
        let now = Timestamp::from_second(100_000).unwrap();
        let item = |age: i64, in_use| StoredItem {
            name: age.to_string(),
            at: now - SignedDuration::from_secs(age),
            in_use,
        };
        let all = || vec![item(1, false), item(50, true), item(40, false), item(30, false), item(99, false)];
        let expired = |most, limit: Option<i64>| {
            Retention { most, max_age: limit.map(SignedDuration::from_secs) }.expired(all(), now)
        };
        assert_eq!(expired(9, None), Vec::<String>::new());
        assert_eq!(expired(3, None), ["99", "40"], "the one in use counts, and stays");
        assert_eq!(expired(0, None), ["99", "40", "30", "1"]);
        assert_eq!(expired(9, Some(35)), ["99", "40"]);
        assert_eq!(expired(2, Some(35)), ["99", "40", "30"]);
    }

    #[test]
    fn a_haproxy_is_the_same_after_a_restart_and_another_one_is_not() {
        let mut facts = test_facts::healthy();
        let before = instance_key(test_facts::instance_mut(&mut facts));
        test_facts::instance_mut(&mut facts).main.pid = 4242;
        assert_eq!(instance_key(test_facts::instance_mut(&mut facts)), before);
        test_facts::instance_mut(&mut facts).control =
            test_facts::proven_control(Controller::Systemd(SystemdUnit { unit: "other.service".into() }));
        assert_ne!(instance_key(test_facts::instance_mut(&mut facts)), before);
    }
}
