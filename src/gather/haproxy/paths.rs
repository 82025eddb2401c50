//! A path as HAProxy means it, and as we can open it.

use std::path::{Path, PathBuf};

use crate::clients::linux;
use crate::facts::{Known, Process};

/// A path of the master's, in full: relative ones start in its folder, and in `-C` where it has one.
pub(in crate::gather) fn absolute(main: &Process, path: &str) -> PathBuf {
    match main.haproxy_args().folder {
        Some(folder) if !path.starts_with('/') => Path::new(&main.absolute(&folder)).join(path),
        _ => PathBuf::from(main.absolute(path)),
    }
}

/// The same, as we can open it: through the master's own root where it has file systems of its own.
pub(in crate::gather) fn on_host(main: &Process, path: &str) -> PathBuf {
    let named = absolute(main, path);
    match main.same_mount_namespace {
        Known::Seen(false) => linux::proc_root_path(main.pid, &named),
        _ => named,
    }
}
