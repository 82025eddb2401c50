//! Folders that systemd creates again at a restart, so that their files are lost.

use std::os::unix::fs::FileTypeExt;

use crate::clients::linux;
use crate::clients::linux::credentials::ProcessCredentials;
use crate::facts::Process;
use crate::gather::haproxy::paths;
use crate::plural::plural;
use crate::wire::systemd::exec_settings::ExecSettings;

/// The folders, each with its owner and group where systemd sets them.
pub(super) fn list_emptied(
    service: &ExecSettings,
    credentials: &ProcessCredentials,
) -> Vec<(String, Option<(u32, u32)>)> {
    let owner = Some((credentials.uid(), credentials.gid()));
    let runtime = service.runtime_directories.iter().filter(|_| !service.runtime_kept);
    let runtime = runtime.map(|name| (format!("/run/{name}"), owner));
    let private = ["/tmp", "/var/tmp"].into_iter().filter(|_| service.private_tmp);
    runtime.chain(private.map(|folder| (folder.to_owned(), None))).collect()
}

/// Files in a folder that HAProxy does not create itself.
pub(super) fn describe_lost_files(main: &Process, folder: &str) -> Option<String> {
    let own = main.haproxy_args().pid_file.map(|path| paths::on_host(main, &path));
    let there = paths::on_host(main, folder);
    let mut names = linux::list_folder(&there).ok()?;
    names.retain(|name| {
        let path = there.join(name);
        let socket = linux::link_metadata(&path).is_ok_and(|seen| seen.file_type().is_socket());
        !socket && !own.as_ref().is_some_and(|own| linux::same_file(own, &path))
    });
    names.sort();
    let count = plural(names.len(), "file");
    names.truncate(MAX_NAMED_FILES);
    (!names.is_empty()).then(|| format!("{folder}: a restart empties it, of {count} ({})", names.join(", ")))
}

/// Names that are shown; the others are counted.
const MAX_NAMED_FILES: usize = 3;
