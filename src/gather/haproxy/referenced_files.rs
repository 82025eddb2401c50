//! The files that the configuration names, as the user that loads them would open them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::paths::on_host;
use crate::clients::linux::{self, Account};
use crate::facts::config_files::ReferencedFiles;
use crate::facts::{Known, Process};
use crate::wire::haproxy::config::{CertKind, Model, SourceLocation};

/// Looks at each of them once. HAProxy opens them before it gives up its first user.
pub(in crate::gather) fn check_readable(main: &Process, model: &Model) -> Known<ReferencedFiles> {
    if model.settings.default_path.is_some() {
        return Known::unknown(
            "default-path moves what relative names start from, which haguard does not follow",
        );
    }
    let who = match (linux::effective_uid(), main.uid) {
        (ours, theirs) if ours == theirs => ReadingUser::Current,
        (0, theirs) => match linux::process_account(main.pid) {
            Ok(Account { gid, groups, .. }) => {
                ReadingUser::Other { uid: theirs, groups: groups.into_iter().chain([gid]).collect() }
            }
            Err(error) => return Known::unknown(format!("{error:#}")),
        },
        (_, theirs) => {
            return Known::unknown(format!("only root or uid {theirs} can tell what uid {theirs} can read"));
        }
    };
    let patterns = model.patterns.iter().filter(|def| def.certain);
    let patterns = patterns.filter_map(|def| Some((def.path()?, (&def.at, false))));
    let certificates = model.certificates.iter().filter(|def| def.certain);
    let certificates = certificates
        .map(|def| (def.path.as_str(), (&def.at, matches!(def.how, CertKind::Crt | CertKind::CrtStore))));
    let mut named: BTreeMap<&str, (&SourceLocation, bool)> = BTreeMap::new();
    for (path, at) in patterns.chain(certificates) {
        if let Some(path) = required_file(path) {
            named.entry(path).or_insert(at);
        }
    }
    let mut unreadable = Vec::new();
    for (path, (at, bundled)) in &named {
        let there = on_host(main, path);
        let files = if *bundled { certificate_bundle(&there) } else { vec![there] };
        let Some(bad) = files.iter().find_map(|file| who.unreadable_reason(file)) else { continue };
        let reason = format!("{}:{} {path}: {bad}", at.file, at.line);
        if matches!(bad, UnreadableReason::Denied { .. }) && may_have_dropped_privileges(main, model) {
            return Known::unknown(format!(
                "{reason}, but the user that started HAProxy may have been another"
            ));
        }
        unreadable.push(reason);
    }
    Known::Seen(ReferencedFiles { count: named.len(), unreadable })
}

/// What HAProxy loads for a certificate of which there is no file: one for each kind of key.
fn certificate_bundle(path: &Path) -> Vec<PathBuf> {
    let exists = |path: &Path| linux::exists(path).unwrap_or_default();
    if exists(path) {
        return vec![path.to_owned()];
    }
    let kind = |kind: &str| PathBuf::from(format!("{}.{kind}", path.display()));
    let all: Vec<PathBuf> =
        ["rsa", "ecdsa", "dsa"].map(kind).into_iter().filter(|file| exists(file)).collect();
    if all.is_empty() { vec![path.to_owned()] } else { all }
}

/// Without a master the process opens the files and then changes to the user of the configuration. The kernel does not show
/// that where HAProxy made itself dumpable again.
fn may_have_dropped_privileges(main: &Process, model: &Model) -> bool {
    let master = main.haproxy_args().master_worker || model.settings.master_worker;
    !master && (model.settings.user.is_some() || linux::has_changed_user(main.pid))
}

/// A name that stands for a file which must be there: no alias, no list that lives in memory only.
fn required_file(name: &str) -> Option<&str> {
    let elsewhere = ["opt@", "virt@", "@"].iter().any(|prefix| name.starts_with(prefix));
    (!elsewhere).then(|| name.strip_prefix("file@").unwrap_or(name))
}

/// The user that opens them.
enum ReadingUser {
    Current,
    Other { uid: u32, groups: BTreeSet<u32> },
}

/// Why a file cannot be read.
enum UnreadableReason {
    /// It cannot be opened, whatever the user.
    Io(std::io::Error),
    /// It is there, and this user may not read it, or go through that folder.
    Denied { uid: u32, folder: Option<PathBuf> },
}

impl fmt::Display for UnreadableReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UnreadableReason::Io(error) => error.fmt(f),
            UnreadableReason::Denied { uid, folder: Some(folder) } => {
                write!(f, "uid {uid} may not go through {}", folder.display())
            }
            UnreadableReason::Denied { uid, folder: None } => write!(f, "uid {uid} may not read it"),
        }
    }
}

impl ReadingUser {
    fn unreadable_reason(&self, path: &Path) -> Option<UnreadableReason> {
        let meta = match linux::metadata(path) {
            Err(error) => return Some(UnreadableReason::Io(error)),
            Ok(meta) => meta,
        };
        match self {
            // Opening a pipe or a device may block.
            ReadingUser::Current if meta.is_file() => {
                linux::open_regular_file(path).err().map(UnreadableReason::Io)
            }
            ReadingUser::Current => None,
            ReadingUser::Other { uid, groups } => {
                let closed = |folder: &&Path| {
                    linux::metadata(folder).is_ok_and(|meta| !mode_allows(&meta, *uid, groups, 0o1))
                };
                let folder = path.ancestors().skip(1).find(closed).map(Path::to_owned);
                let denied = folder.is_some() || !mode_allows(&meta, *uid, groups, 0o4);
                denied.then_some(UnreadableReason::Denied { uid: *uid, folder })
            }
        }
    }
}

/// The classes of the mode; access lists are not looked at.
fn mode_allows(meta: &Metadata, uid: u32, groups: &BTreeSet<u32>, bit: u32) -> bool {
    let class = match (meta.uid() == uid, groups.contains(&meta.gid())) {
        (true, _) => 6,
        (false, true) => 3,
        (false, false) => 0,
    };
    uid == 0 || meta.mode() >> class & bit != 0
}
