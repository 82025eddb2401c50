//! Folders that systemd makes anew at a restart: what is in them now is gone then.

use std::os::unix::fs::FileTypeExt;

use crate::clients::linux;
use crate::clients::linux::credentials::Dress;
use crate::facts::Process;
use crate::gather::haproxy::paths;
use crate::plural::plural;
use crate::wire::systemd::exec_settings::Service;

/// The folders, each with whose it will be where systemd says so.
pub(super) fn emptied(service: &Service, dress: &Dress) -> Vec<(String, Option<(u32, u32)>)> {
    let owner = Some((dress.uid(), dress.gid()));
    let runtime = service.runtime.iter().filter(|_| !service.runtime_kept);
    let runtime = runtime.map(|name| (format!("/run/{name}"), owner));
    let private = ["/tmp", "/var/tmp"].into_iter().filter(|_| service.private_tmp);
    runtime.chain(private.map(|folder| (folder.to_owned(), None))).collect()
}

/// What of a folder HAProxy does not make by itself.
pub(super) fn lost(main: &Process, folder: &str) -> Option<String> {
    let own = main.args().pid_file.map(|path| paths::on_host(main, &path));
    let there = paths::on_host(main, folder);
    let mut names = linux::names(&there).ok()?;
    names.retain(|name| {
        let path = there.join(name);
        let socket = linux::link_metadata(&path).is_ok_and(|seen| seen.file_type().is_socket());
        !socket && !own.as_ref().is_some_and(|own| linux::same_file(own, &path))
    });
    names.sort();
    let count = plural(names.len(), "file");
    names.truncate(SHOWN);
    (!names.is_empty()).then(|| format!("{folder}: a restart empties it, of {count} ({})", names.join(", ")))
}

/// Names that are shown; the others are counted.
const SHOWN: usize = 3;
