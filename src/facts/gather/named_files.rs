//! The files that the configuration names, as the user that loads them would open them.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::files::on_host;
use crate::clients::host;
use crate::facts::files::NamedFiles;
use crate::facts::{Known, Process};
use crate::wire::haproxy_cfg::{At, Model};

/// Looks at each of them once. HAProxy opens them before it gives up its first user.
pub(super) fn of(main: &Process, model: &Model) -> Known<NamedFiles> {
    if model.settings.default_path.is_some() {
        return Known::unknown(
            "default-path moves what relative names start from, which haguard does not follow",
        );
    }
    let who = match (host::uid(), main.uid) {
        (ours, theirs) if ours == theirs => Who::Ourselves,
        (0, theirs) => match host::gid(main.pid) {
            Some(gid) => Who::Other { uid: theirs, gid },
            None => return Known::unknown(format!("the group of PID {} is not known", main.pid)),
        },
        (_, theirs) => {
            return Known::unknown(format!("only root or uid {theirs} can tell what uid {theirs} can read"));
        }
    };
    let patterns = model.patterns.iter().filter(|def| def.certain);
    let patterns = patterns.filter_map(|def| Some((def.path()?, &def.at)));
    let certificates = model.certificates.iter().filter(|def| def.certain);
    let certificates = certificates.map(|def| (def.path.as_str(), &def.at));
    let mut named: BTreeMap<&str, &At> = BTreeMap::new();
    for (path, at) in patterns.chain(certificates) {
        if let Some(path) = must_exist(path) {
            named.entry(path).or_insert(at);
        }
    }
    let bad = |(path, at): (&&str, &&At)| {
        let why = who.cannot_read(&on_host(main, path))?;
        Some(format!("{}:{} {path}: {why}", at.file, at.line))
    };
    Known::Seen(NamedFiles { count: named.len(), unreadable: named.iter().filter_map(bad).collect() })
}

/// A name that stands for a file which must be there: no alias, no list that lives in memory only.
fn must_exist(name: &str) -> Option<&str> {
    let elsewhere = ["opt@", "virt@", "@"].iter().any(|prefix| name.starts_with(prefix));
    (!elsewhere).then(|| name.strip_prefix("file@").unwrap_or(name))
}

/// Who opens them.
enum Who {
    Ourselves,
    Other { uid: u32, gid: u32 },
}

impl Who {
    fn cannot_read(&self, path: &Path) -> Option<String> {
        let meta = match std::fs::metadata(path) {
            // A certificate may be given without the extension that HAProxy adds.
            Err(error) => return Some(error.to_string()),
            Ok(meta) => meta,
        };
        match self {
            // A pipe or a device may wait for somebody when it is opened.
            Who::Ourselves if meta.is_file() => {
                std::fs::File::open(path).err().map(|error| error.to_string())
            }
            Who::Ourselves => None,
            Who::Other { uid, gid } => {
                let closed = |folder: &Path| {
                    std::fs::metadata(folder).is_ok_and(|meta| !allows(&meta, *uid, *gid, 0o1))
                };
                let folder = path.ancestors().skip(1).find(|folder| closed(folder));
                let shown = |folder: &Path| format!("uid {uid} may not go through {}", folder.display());
                let file = || (!allows(&meta, *uid, *gid, 0o4)).then(|| format!("uid {uid} may not read it"));
                folder.map(shown).or_else(file)
            }
        }
    }
}

/// The classes of the mode; access lists and further groups are not looked at.
fn allows(meta: &Metadata, uid: u32, gid: u32, bit: u32) -> bool {
    let class = match (meta.uid() == uid, meta.gid() == gid) {
        (true, _) => 6,
        (false, true) => 3,
        (false, false) => 0,
    };
    uid == 0 || meta.mode() >> class & bit != 0
}
