//! Folders that pile up, run after run: of each HAProxy the newest stay.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::loaded_configs;
use crate::facts::{Controller, Instance};
use crate::plan::restart::NEWEST;

/// The file that says which HAProxy a folder is about.
const OF: &str = "of";

/// A HAProxy by what outlives its processes.
pub fn of(instance: &Instance) -> String {
    let by = match instance.control.named() {
        Some(Controller::Systemd { unit }) => unit.clone(),
        Some(Controller::Docker { container } | Controller::Podman { container }) => container.words(),
        _ => String::new(),
    };
    let args = instance.main.args();
    let folder = instance.main.cwd.seen().map_or("", String::as_str);
    format!("{by}\n{folder}\n{:?}\n{:?}\n", args.files, args.master_socket)
}

/// Notes which HAProxy a new folder is about, and gives up the oldest of the same beside it.
pub(crate) fn keep(folder: &Path, of: &str) -> Result<()> {
    loaded_configs::write(&folder.join(OF), of.as_bytes())?;
    let beside = folder.parent().and_then(|parent| std::fs::read_dir(parent).ok());
    let same = |path: &PathBuf| std::fs::read_to_string(path.join(OF)).is_ok_and(|text| text == of);
    let mut all: Vec<PathBuf> =
        beside.into_iter().flatten().flatten().map(|entry| entry.path()).filter(same).collect();
    // Their names begin with the time.
    all.sort();
    for path in all.iter().take(all.len().saturating_sub(NEWEST)) {
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
            loaded_configs::lay_out(&folder, &[], || keep(&folder, of)).unwrap();
            folder
        };
        let (other, stranger) = (make("1000-1".into(), "b"), dir.path().join("0"));
        std::fs::create_dir(&stranger).unwrap();
        let all: Vec<PathBuf> =
            (0..NEWEST + 2).map(|number| make(format!("{}-9", 1000 + number), "a")).collect();
        let there: Vec<bool> = all.iter().map(|path| path.is_dir()).collect();
        assert!(!there[0] && !there[1] && there[2..].iter().all(|there| *there), "{there:?}");
        assert!(other.is_dir() && stranger.is_dir());
    }

    #[test]
    fn a_haproxy_is_the_same_after_a_restart_and_another_one_is_not() {
        let mut facts = test_facts::healthy();
        let before = of(test_facts::instance(&mut facts));
        test_facts::instance(&mut facts).main.pid = 4242;
        assert_eq!(of(test_facts::instance(&mut facts)), before);
        test_facts::instance(&mut facts).control =
            test_facts::control(Controller::Systemd { unit: "other.service".into() });
        assert_ne!(of(test_facts::instance(&mut facts)), before);
    }
}
