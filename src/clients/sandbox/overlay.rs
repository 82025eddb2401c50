//! The file systems of a sealed copy: an overlay over each that could be written, bound read-only where that fails.
//!
//! Nothing is written through the copy's root before it *is* the root: an absolute symlink in it would still lead to
//! the host. Only the tmpfs that holds the upper layers is written to.

use std::ffi::CString;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::mount::{
    MountFlags, MountPropagationFlags, mount, mount_bind, mount_bind_recursive, mount_change, mount_remount,
};

use super::ProcFolder;
use crate::wire::linux::mountinfo::Mount;

/// File systems that are no place for files: the kernel's own, and what would wake up when it is touched.
const SKIPPED_FILE_SYSTEMS: &[&str] = &[
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "efivarfs",
    "fusectl",
    "hugetlbfs",
    "mqueue",
    "nsfs",
    "proc",
    "pstore",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "sysfs",
    "tracefs",
];

/// The largest single file that is copied into memory, in bytes.
const MAX_COPIED_FILE: u64 = 256 << 20;

/// Layers of other containers: there can be hundreds, and no HAProxy of this host reads from them.
const CONTAINER_STORAGE: &[&str] =
    &["/var/lib/docker/", "/var/lib/containers/", "/var/lib/kubelet/", "/run/containerd/", "/run/docker/"];

/// A copy that is laid out and can still be written everywhere.
pub(super) struct SandboxRoot {
    /// Its root.
    pub(super) root: PathBuf,
    /// Places in it that are to be read only, as they are where it was made from; innermost first.
    read_only: Vec<String>,
}

impl SandboxRoot {
    /// Makes read-only what shall be, once the copy is the root.
    pub(super) fn make_read_only(&self) -> Result<()> {
        for point in &self.read_only {
            mount_remount(point.as_str(), MountFlags::BIND | MountFlags::RDONLY, "")
                .with_context(|| format!("making {point} read-only, as it is outside"))?;
        }
        Ok(())
    }
}

/// Lays the copy out in our own mount namespace.
pub(super) fn build_root(proc: &ProcFolder) -> Result<SandboxRoot> {
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .context("keeping mounts to ourselves")?;
    let all = proc.mounts()?;
    let mounts = visible_mounts(all.clone());
    let staging = staging_folder(&mounts).context("no folder of the root file system can be covered")?;
    mount("tmpfs", &staging, "tmpfs", MountFlags::empty(), None)
        .with_context(|| format!("mounting a tmpfs over {} in our own namespace", staging.display()))?;
    let root = staging.join("root");
    fs::create_dir(&root)?;
    let mut read_only = Vec::new();
    for (number, mount) in mounts.iter().enumerate() {
        let layer = staging.join(number.to_string());
        match overlay_or_bind(mount, &layer, &root) {
            Ok(true) if mount.read_only => read_only.insert(0, mount.point.clone()),
            Ok(_) => {}
            Err(error) if mount.point == "/" => return Err(error),
            // What cannot be copied is left out; a program that needs it will say so.
            Err(error) => tracing::debug!(point = mount.point, "left out of the sealed copy: {error:#}"),
        }
    }
    bind_devices(&root);
    bind_sys(&root, &all);
    Ok(SandboxRoot { root, read_only })
}

/// Mounts that carry files, outermost first; of several at one place only the last can be seen.
fn visible_mounts(all: Vec<Mount>) -> Vec<Mount> {
    let below = |point: &str, top: &str| Path::new(point).starts_with(top);
    let mut visible: Vec<Mount> = Vec::new();
    for mount in all {
        let skip = SKIPPED_FILE_SYSTEMS.contains(&mount.kind.as_str())
            || below(&mount.point, "/proc")
            || below(&mount.point, "/sys")
            || (below(&mount.point, "/dev") && mount.point != "/dev")
            || CONTAINER_STORAGE.iter().any(|top| mount.point.starts_with(top));
        visible.retain(|other| other.point != mount.point);
        if !skip {
            visible.push(mount);
        }
    }
    visible.sort_by_key(|mount| Path::new(&mount.point).components().count());
    visible
}

/// A folder right below the root, on the root's own file system, with nothing mounted in it: covering it in our
/// namespace hides nothing that the overlays need. An image may have none; /proc is there always, and the copy gets one
/// of its own.
fn staging_folder(mounts: &[Mount]) -> Option<PathBuf> {
    let preferred = ["/mnt", "/media", "/srv", "/home", "/root", "/var", "/opt", "/etc"].map(PathBuf::from);
    let free = |folder: &PathBuf| {
        folder.symlink_metadata().is_ok_and(|seen| seen.is_dir())
            && !mounts.iter().any(|mount| Path::new(&mount.point).starts_with(folder))
            && fs::metadata(folder).ok().map(|seen| seen.dev())
                == fs::metadata("/").ok().map(|seen| seen.dev())
    };
    let last = PathBuf::from("/proc");
    preferred.into_iter().find(free).or_else(|| last.is_dir().then_some(last))
}

/// True where it is copied so that it could be written.
fn overlay_or_bind(mount: &Mount, layer: &Path, root: &Path) -> Result<bool> {
    let from = Path::new(&mount.point);
    let to = root.join(mount.point.trim_start_matches('/'));
    let seen = fs::symlink_metadata(from).with_context(|| mount.point.clone())?;
    if seen.is_dir() {
        let laid = mount_overlay(from, layer, &to).map(|()| true);
        laid.or_else(|error| bind_read_only(from, &to).map(|()| false).with_context(|| format!("{error:#}")))
    } else if seen.is_file() {
        bind_read_only(from, &to).or_else(|_| copy_file(from, layer, &to)).map(|()| false)
    } else {
        // A socket that is bound somewhere would lead out of the copy.
        Ok(false)
    }
}

fn mount_overlay(from: &Path, layer: &Path, to: &Path) -> Result<()> {
    let (upper, work) = (layer.join("upper"), layer.join("work"));
    fs::create_dir_all(&upper)?;
    fs::create_dir(&work)?;
    // The merged folder shows the owner and mode of its upper layer.
    let seen = fs::metadata(from)?;
    chown(&upper, Some(seen.uid()), Some(seen.gid()))?;
    fs::set_permissions(&upper, fs::Permissions::from_mode(seen.mode() & 0o7777))?;
    let options = format!(
        "lowerdir={},upperdir={},workdir={}",
        escape_option(from),
        escape_option(&upper),
        escape_option(&work)
    );
    let options = CString::new(options)?;
    mount("overlay", to, "overlay", MountFlags::empty(), Some(options.as_c_str()))
        .with_context(|| format!("an overlay over {}", from.display()))
}

/// The mount options' own separators.
fn escape_option(path: &Path) -> String {
    let text = path.to_string_lossy();
    text.chars().flat_map(|c| [matches!(c, '\\' | ':' | ',').then_some('\\'), Some(c)]).flatten().collect()
}

fn bind_read_only(from: &Path, to: &Path) -> Result<()> {
    mount_bind(from, to).with_context(|| format!("binding {}", from.display()))?;
    mount_remount(to, MountFlags::BIND | MountFlags::RDONLY, "")
        .with_context(|| format!("binding {} read-only", from.display()))
}

/// A file that was renamed over where it came from, while it is still mounted alone here, cannot be bound once more. It
/// must not be left out: what stands below it is another file.
fn copy_file(from: &Path, layer: &Path, to: &Path) -> Result<()> {
    let seen = fs::metadata(from)?;
    anyhow::ensure!(seen.len() <= MAX_COPIED_FILE, "{} is too large to be copied", from.display());
    fs::create_dir_all(layer)?;
    let file = layer.join("file");
    fs::copy(from, &file).with_context(|| format!("copying {}", from.display()))?;
    chown(&file, Some(seen.uid()), Some(seen.gid()))?;
    fs::set_permissions(&file, fs::Permissions::from_mode(seen.mode() & 0o7777))?;
    bind_read_only(&file, to)
}

/// Devices that a program counts on. Where /dev is not of the kernel's making they may be mounts of their own.
const DEVICES: &[&str] = &["null", "zero", "full", "random", "urandom", "tty"];

/// /dev/shm holds HAProxy's start-up log. A socket right in /dev, such as a syslog's, must lead nowhere: in an overlay
/// it does not, and where /dev had to be bound it is covered.
fn bind_devices(root: &Path) {
    let shm = root.join("dev/shm");
    if shm.is_dir() {
        let mounted = mount("tmpfs", &shm, "tmpfs", MountFlags::empty(), Some(c"mode=1777"));
        tracing::trace!(?mounted, "a /dev/shm of its own");
    }
    for name in DEVICES {
        let (from, to) = (Path::new("/dev").join(name), root.join("dev").join(name));
        let device =
            |path: &Path| fs::symlink_metadata(path).is_ok_and(|seen| seen.file_type().is_char_device());
        if device(&from) && !device(&to) {
            let bound = mount_bind(&from, &to);
            tracing::trace!(name, ?bound, "a device that was a mount");
        }
    }
    let log = root.join("dev/log");
    if fs::symlink_metadata(&log).is_ok_and(|seen| !seen.is_symlink() && !seen.is_file()) {
        let covered = mount_bind(root.join("dev/null"), &log);
        tracing::trace!(?covered, "/dev/log covered");
    }
}

/// /sys as it is, to be read only: without it threads are counted wrongly.
fn bind_sys(root: &Path, all: &[Mount]) {
    let to = root.join("sys");
    if mount_bind_recursive("/sys", &to).is_err() {
        return;
    }
    for mount in all.iter().filter(|mount| Path::new(&mount.point).starts_with("/sys")) {
        let at = root.join(mount.point.trim_start_matches('/'));
        let sealed = mount_remount(&at, MountFlags::BIND | MountFlags::RDONLY, "");
        tracing::trace!(point = mount.point, ?sealed, "read-only");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(point: &str, kind: &str) -> Mount {
        let (root, device) = ("/".into(), "0:1".into());
        Mount { point: point.into(), kind: kind.into(), read_only: false, root, device }
    }

    #[test]
    fn what_carries_files_outermost_first_and_the_last_of_several() {
        let all = vec![
            mount("/dev/shm", "tmpfs"),
            mount("/proc", "proc"),
            mount("/run/lock", "tmpfs"),
            mount("/", "ext4"),
            mount("/run", "tmpfs"),
            mount("/sys/fs/cgroup", "tmpfs"),
            mount("/dev", "devtmpfs"),
            mount("/data", "ext4"),
            mount("/data", "xfs"),
            mount("/var/lib/docker/overlay2/x/merged", "overlay"),
            mount("/gone", "ext4"),
            mount("/gone", "autofs"),
        ];
        let visible: Vec<String> =
            visible_mounts(all).into_iter().map(|m| format!("{} {}", m.point, m.kind)).collect();
        assert_eq!(visible, ["/ ext4", "/run tmpfs", "/dev devtmpfs", "/data xfs", "/run/lock tmpfs"]);
    }

    #[test]
    fn names_that_the_options_would_split_are_escaped() {
        assert_eq!(escape_option(Path::new("/a:b,c\\d")), "/a\\:b\\,c\\\\d");
    }

    #[test]
    fn a_folder_that_is_a_mount_or_holds_one_is_not_covered() {
        let found = staging_folder(&[mount("/mnt/a", "ext4"), mount("/media", "ext4")]);
        assert!(found.is_some_and(|folder| folder != Path::new("/mnt") && folder != Path::new("/media")));
    }
}
