//! The path of a new unix socket. HAProxy binds beside it and renames over whatever stands there, in every branch: a
//! socket that another process still listens on, a file, a link. Only a folder stops it.

use std::fs::Metadata;
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use rustix::fs::{Access, access};
use rustix::io::Errno;

use crate::clients::linux::{self, BindPrivileges, RootedPath};
use crate::facts::{BindState, Known, Process};
use crate::gather::haproxy::paths;

/// What stands at a path.
pub(in crate::gather) enum UnixPathState {
    /// A socket, in use or left over.
    Socket,
    /// Nothing, and it can be made.
    Vacant,
    /// Something that decides.
    Decided(BindState),
}

fn denied(why: String) -> UnixPathState {
    UnixPathState::Decided(BindState::Denied { why })
}

fn unknown(why: String) -> UnixPathState {
    UnixPathState::Decided(BindState::Unknown { why })
}

/// Looks at the path as the master sees it.
pub(in crate::gather) fn inspect_path(
    main: &Process,
    rights: &Known<BindPrivileges>,
    path: &str,
) -> UnixPathState {
    let (shown, here) = (paths::absolute(main, path), paths::on_host(main, path));
    let folder = match (here.parent(), shown.parent()) {
        (Some(here), Some(shown)) => (here.to_path_buf(), shown.display().to_string()),
        _ => return denied(format!("{path} is no path of a socket")),
    };
    if let Some(why) = folder_denial(&folder.0, &folder.1, rights) {
        return why;
    }
    match linux::link_metadata(&here) {
        Err(error) if error.kind() == ErrorKind::NotFound => UnixPathState::Vacant,
        Err(error) => unknown(format!("{}: {error}", shown.display())),
        Ok(there) if there.file_type().is_socket() => UnixPathState::Socket,
        Ok(there) if there.is_dir() => denied(format!("{} is a folder", shown.display())),
        Ok(there) => {
            let what = if there.is_symlink() { "a link" } else { "a file" };
            denied(format!("{what} stands there, which HAProxy would replace without a word"))
        }
    }
}

/// Why no socket can be made in a folder.
fn folder_denial(
    folder: &std::path::Path,
    shown: &str,
    rights: &Known<BindPrivileges>,
) -> Option<UnixPathState> {
    let held = RootedPath::open(folder).and_then(|held| Ok((std::fs::metadata(held.path())?, held)));
    let (meta, held) = match held {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Some(denied(format!("the folder {shown} does not exist")));
        }
        Err(error) => return Some(unknown(format!("{shown}: {error}"))),
        Ok((meta, _)) if !meta.is_dir() => return Some(denied(format!("{shown} is no folder"))),
        Ok(seen) => seen,
    };
    let rights = match rights {
        Known::Unknown { why } => return Some(unknown(why.clone())),
        Known::Seen(rights) => rights,
    };
    if access(held.path(), Access::WRITE_OK) == Err(Errno::ROFS) {
        return Some(denied(format!("{shown} is on a file system that is read-only")));
    }
    if rights.any_folder || writable(&meta, rights) {
        return None;
    }
    // Supplementary groups and access lists are only known for this very process.
    let asked = rights.uid == linux::effective_uid()
        && access(held.path(), Access::WRITE_OK | Access::EXEC_OK).is_ok();
    (!asked).then(|| denied(format!("uid {} may not write in {shown}", rights.uid)))
}

/// By owner and group alone.
fn writable(meta: &Metadata, rights: &BindPrivileges) -> bool {
    let shift = match (meta.uid() == rights.uid, meta.gid() == rights.gid) {
        (true, _) => 6,
        (false, true) => 3,
        (false, false) => 0,
    };
    (meta.mode() >> shift) & 0o3 == 0o3
}
