//! The namespaces of a HAProxy, and whether files that are bind-mounted into it are still those of the host.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use md5::{Digest, Md5};

use crate::clients::linux::{self, ProcessNamespaces};
use crate::facts::namespaces::{FileIdentity, MountedFile, Namespaces};
use crate::facts::{Known, Process};
use crate::gather::haproxy::config_files::hex;
use crate::gather::haproxy::paths::on_host;
use crate::wire::linux::mountinfo::Mount;

/// What the kernel puts behind the name of a file that is gone and still mounted.
const DELETED_SUFFIX: &str = "//deleted";

/// Looks at the namespaces of this process, and at its `files` that are mounted alone.
pub(in crate::gather) fn gather(main: &Process, files: &[String]) -> Known<Namespaces> {
    let own = match linux::foreign_namespaces(main.pid) {
        Ok(own) => own,
        Err(error) => return Known::unknown(format!("{error:#}")),
    };
    let root = linux::effective_uid() == 0;
    let closed = match ProcessNamespaces::from_pid(main.pid) {
        Err(error) => Some(format!("{error:#}")),
        Ok(Some(_)) if !root => Some("only root can enter them".to_owned()),
        Ok(_) => None,
    };
    let mounted = match own.contains_key("mnt") {
        true => mounted_files(main, files),
        false => Ok(Vec::new()),
    };
    mounted.map(|mounted| Namespaces { own: own.into_keys().collect(), closed, mounted }).into()
}

fn mounted_files(main: &Process, files: &[String]) -> Result<Vec<MountedFile>> {
    let (theirs, ours) = (linux::mounts(main.pid)?, linux::mounts("self")?);
    let of = |file: &String| {
        let there = on_host(main, file);
        let inside = Path::new("/").join(there.strip_prefix(format!("/proc/{}/root", main.pid)).ok()?);
        // Of several at one place the last one is seen.
        let mount = theirs.iter().rfind(|mount| Path::new(&mount.point) == inside)?;
        let source = mount_source(mount, &ours);
        let outside = match &source {
            Ok(path) => file_identity(path).into(),
            Err(error) => Known::unknown(format!("{error:#}")),
        };
        let source = source.map(|path| path.display().to_string()).into();
        Some(MountedFile { path: file.clone(), source, inside: file_identity(&there).into(), outside })
    };
    Ok(files.iter().filter_map(of).collect())
}

/// The path here of what is mounted there: the same file system, seen where we have it.
fn mount_source(mount: &Mount, ours: &[Mount]) -> Result<PathBuf> {
    let name = Path::new(mount.root.strip_suffix(DELETED_SUFFIX).unwrap_or(&mount.root));
    let here = ours.iter().filter(|other| other.device == mount.device).filter_map(|other| {
        let rest = name.strip_prefix(&other.root).ok()?;
        let path = Path::new(&other.point).join(rest);
        Some(if rest.as_os_str().is_empty() { PathBuf::from(&other.point) } else { path })
    });
    let all: Vec<PathBuf> = here.collect();
    let there = all.iter().find(|path| path.exists()).or(all.first()).cloned();
    there.with_context(|| format!("{} comes from a file system that is not mounted here", mount.point))
}

fn file_identity(path: &Path) -> Result<FileIdentity> {
    let read = || -> std::io::Result<FileIdentity> {
        let meta = linux::metadata(path)?;
        Ok(FileIdentity {
            inode: (meta.dev(), meta.ino()),
            md5: hex(&Md5::digest(linux::read_regular_file(path)?)),
        })
    };
    read().with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(device: &str, root: &str, point: &str) -> Mount {
        let (device, root, point) = (device.to_owned(), root.to_owned(), point.to_owned());
        Mount { device, root, point, kind: "ext4".to_owned(), read_only: false }
    }

    #[test]
    fn the_source_of_a_mount_is_found_by_its_file_system_also_when_the_file_is_gone() {
        let ours = [mount("8:1", "/", "/"), mount("8:2", "/data", "/srv"), mount("8:2", "/other", "/mnt")];
        let found = |device, root| {
            mount_source(&mount(device, root, "/etc/a.cfg"), &ours)
                .map(|path| path.display().to_string())
                .ok()
        };
        assert_eq!(found("8:1", "/home/a.cfg//deleted").as_deref(), Some("/home/a.cfg"));
        assert_eq!(found("8:2", "/data/etc/a.cfg").as_deref(), Some("/srv/etc/a.cfg"));
        assert_eq!(found("8:3", "/a.cfg"), None);
    }
}
