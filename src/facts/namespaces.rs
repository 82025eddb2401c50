//! The namespaces of a HAProxy that are not those of haguard, and single files that are bind-mounted into it.

use serde::{Deserialize, Serialize};

use super::Known;

/// What a process has that is not the host's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Namespaces {
    /// Kinds of its own, in the kernel's words: mnt, pid, net, ipc, uts, user.
    pub own: Vec<String>,
    /// Why they cannot be entered, where that is so: nothing can be tested or rehearsed in them then.
    pub closed: Option<String>,
    /// Its configuration files that are mounted one by one.
    pub mounted: Vec<MountedFile>,
}

/// A single file that is bind-mounted. Such a mount is of an inode: an editor that writes a new file and renames it over the old
/// one leaves the old file mounted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountedFile {
    /// Its path where HAProxy lives.
    pub path: String,
    /// Its path here, as the kernel tells where the mount came from.
    pub source: Known<String>,
    /// What HAProxy reads.
    pub inside: Known<FileIdentity>,
    /// What stands here under that path.
    pub outside: Known<FileIdentity>,
}

/// Which file it is, and what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileIdentity {
    /// The number of its file system and its own.
    pub inode: (u64, u64),
    /// The MD5 of its bytes, in hex.
    pub md5: String,
}

/// Snapshots of older versions do not have it.
pub(super) fn not_in_snapshot() -> Known<Namespaces> {
    Known::unknown("the snapshot does not say")
}
