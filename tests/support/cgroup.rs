//! A control group of a test's own, so that what is started in it can be counted, ended and swept away.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use super::wait::within;
use super::{process, run};

/// Where the hierarchies are that systemd and Docker look at: the only one, or two of the older layout.
const ROOTS: [&str; 3] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd"];

/// How long the groups of processes that were just killed may stay busy.
const GRACE: Duration = Duration::from_secs(10);

/// One group in every hierarchy. Two guests in one group would take each other's services for their own.
#[derive(Debug)]
pub(crate) struct Cgroup {
    name: String,
    folders: Vec<PathBuf>,
}

impl Cgroup {
    /// Makes it, its name an ending for that of this run.
    pub(crate) fn new(name: &str) -> Self {
        Self::made(name).unwrap_or_else(|lacking| panic!("no {lacking}: the test has to require it"))
    }

    fn made(name: &str) -> Result<Self, String> {
        let roots = ROOTS.iter().map(Path::new).filter(|root| root.join("cgroup.procs").exists());
        // by its name the reaper finds it
        let name = format!("{}-{name}", run::name());
        let folders: Vec<PathBuf> = roots.map(|root| root.join(&name)).collect();
        for folder in &folders {
            let made = std::fs::create_dir(folder);
            let lacks =
                |error| format!("control group of a test's own: making {}: {error}", folder.display());
            made.map_err(lacks)?;
        }
        Ok(Cgroup { name, folders })
    }

    /// Its whole name.
    pub(crate) fn name(&self) -> &str {
        &self.name
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

/// Why we may not make any, tried once: in a container even root may not, as a rule.
pub(super) fn lacking() -> Option<String> {
    static LACKING: LazyLock<Option<String>> = LazyLock::new(|| Cgroup::made("tried").err());
    LACKING.clone()
}

/// Whether memory is counted here and may be limited; tried once.
pub(super) fn limits_memory() -> bool {
    static LIMITS: LazyLock<bool> = LazyLock::new(|| MemoryGroup::made("tried").is_some());
    *LIMITS
}

/// A control group whose memory is limited, in the hierarchy that counts memory here.
#[derive(Debug)]
pub(crate) struct MemoryGroup {
    folder: PathBuf,
    limit: &'static str,
}

impl MemoryGroup {
    /// Makes it.
    pub(crate) fn new() -> Self {
        Self::made("memory").expect("the test requires a limit of memory")
    }

    fn made(name: &str) -> Option<Self> {
        let places = [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")];
        let name = format!("{}-{name}", run::name());
        for (root, limit) in places {
            let folder = Path::new(root).join(&name);
            if Path::new(root).join("cgroup.procs").exists() && std::fs::create_dir(&folder).is_ok() {
                let group = MemoryGroup { folder, limit };
                if group.folder.join(limit).exists() {
                    return Some(group);
                }
            }
        }
        None
    }

    /// Moves a process into it.
    pub(crate) fn take(&self, pid: u32) {
        std::fs::write(self.folder.join("cgroup.procs"), pid.to_string()).expect("a group of our own");
    }

    /// Sets the limit, in bytes.
    pub(crate) fn limit(&self, bytes: u64) {
        std::fs::write(self.folder.join(self.limit), bytes.to_string()).expect("a group of our own");
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        let empty =
            || std::fs::read_to_string(self.folder.join("cgroup.procs")).ok()?.is_empty().then_some(());
        let _ = within(GRACE, empty);
        let _ = std::fs::remove_dir(&self.folder);
    }
}
