//! A control group of a test's own, so that what is started in it can be counted, ended and swept away.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::wait::within;
use super::{process, skip};

/// Where the hierarchies are that systemd and Docker look at: the only one, or two of the older layout.
const ROOTS: [&str; 3] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd"];

/// How long the groups of processes that were just killed may stay busy.
const GRACE: Duration = Duration::from_secs(10);

/// One group in every hierarchy. Two guests in one group would take each other's services for their own.
#[derive(Debug)]
pub(crate) struct Cgroup {
    folders: Vec<PathBuf>,
}

impl Cgroup {
    /// Makes it. None, after a visible line, where even root may not: in a container, as a rule.
    pub(crate) fn new(name: &str) -> Option<Self> {
        let roots = ROOTS.iter().map(Path::new).filter(|root| root.join("cgroup.procs").exists());
        let folders: Vec<PathBuf> = roots.map(|root| root.join(name)).collect();
        for folder in &folders {
            if let Err(error) = std::fs::create_dir(folder) {
                skip::missing(&format!(
                    "control group of a test's own: making {}: {error}",
                    folder.display()
                ));
                return None;
            }
        }
        Some(Cgroup { folders })
    }

    /// Shell text that moves the shell into it.
    pub(crate) fn enter(&self) -> String {
        self.folders.iter().map(|folder| format!("echo $$ >{}/cgroup.procs\n", folder.display())).collect()
    }

    /// Everybody in it and below.
    pub(crate) fn members(&self) -> Vec<u32> {
        let mut all: Vec<u32> = self.folders.iter().flat_map(|folder| below(folder)).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

fn below(folder: &Path) -> Vec<u32> {
    let own = std::fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    let own = own.lines().filter_map(|line| line.parse().ok());
    own.chain(inner(folder).iter().flat_map(|folder| below(folder))).collect()
}

fn inner(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}

/// Groups are empty folders with files that nobody can remove: they go from the leaves on.
fn sweep(folder: &Path) -> std::io::Result<()> {
    inner(folder).iter().try_for_each(|folder| sweep(folder))?;
    std::fs::remove_dir(folder)
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let _ = within(GRACE, || {
            self.members().into_iter().for_each(process::kill);
            let left = self.folders.iter().filter(|folder| folder.exists());
            left.map(|folder| sweep(folder)).all(|swept| swept.is_ok()).then_some(())
        });
    }
}
