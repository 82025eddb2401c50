//! Folders that pile up, run after run: of each HAProxy the newest stay.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::loaded_configs;
use crate::facts::{Controller, Instance};
use crate::plan::restart::MAX_SNAPSHOTS;

/// The file that says which HAProxy a folder is about.
const INSTANCE_KEY_FILE: &str = "of";

/// A HAProxy by what outlives its processes.
pub fn instance_key(instance: &Instance) -> String {
    let by = match instance.control.controller() {
        Some(Controller::Systemd { unit }) => unit.clone(),
        Some(Controller::Docker { container } | Controller::Podman { container }) => container.describe(),
        _ => String::new(),
    };
    let args = instance.main.haproxy_args();
    let folder = instance.main.cwd.seen().map_or("", String::as_str);
    format!("{by}\n{folder}\n{:?}\n{:?}\n", args.files, args.master_socket)
}

/// Notes which HAProxy a new folder is about, and gives up the oldest of the same beside it.
pub(crate) fn tag_and_prune(folder: &Path, of: &str) -> Result<()> {
    loaded_configs::write(&folder.join(INSTANCE_KEY_FILE), of.as_bytes())?;
    let beside = folder.parent().and_then(|parent| std::fs::read_dir(parent).ok());
    let same =
        |path: &PathBuf| std::fs::read_to_string(path.join(INSTANCE_KEY_FILE)).is_ok_and(|text| text == of);
    let mut all: Vec<PathBuf> =
        beside.into_iter().flatten().flatten().map(|entry| entry.path()).filter(same).collect();
    // Their names begin with the time.
    all.sort();
    for path in all.iter().take(all.len().saturating_sub(MAX_SNAPSHOTS)) {
        let _ = std::fs::remove_dir_all(path);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::test_facts;

    #[test]
    fn the_newest_of_each_haproxy_stay_and_a_strangers_folder_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let make = |name: String, of: &str| {
            let folder = dir.path().join(name);
            loaded_configs::write_folder(&folder, &[], || tag_and_prune(&folder, of)).unwrap();
            folder
        };
        let (other, stranger) = (make("1000-1".into(), "b"), dir.path().join("0"));
        std::fs::create_dir(&stranger).unwrap();
        let all: Vec<PathBuf> =
            (0..MAX_SNAPSHOTS + 2).map(|number| make(format!("{}-9", 1000 + number), "a")).collect();
        let there: Vec<bool> = all.iter().map(|path| path.is_dir()).collect();
        assert!(!there[0] && !there[1] && there[2..].iter().all(|there| *there), "{there:?}");
        assert!(other.is_dir() && stranger.is_dir());
    }

    #[test]
    fn a_haproxy_is_the_same_after_a_restart_and_another_one_is_not() {
        let mut facts = test_facts::healthy();
        let before = instance_key(test_facts::instance_mut(&mut facts));
        test_facts::instance_mut(&mut facts).main.pid = 4242;
        assert_eq!(instance_key(test_facts::instance_mut(&mut facts)), before);
        test_facts::instance_mut(&mut facts).control =
            test_facts::proven_control(Controller::Systemd { unit: "other.service".into() });
        assert_ne!(instance_key(test_facts::instance_mut(&mut facts)), before);
    }
}
