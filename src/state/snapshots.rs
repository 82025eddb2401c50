//! What was there before a restart: the configuration files, and the runtime state that is in no file.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::store::Store;
use super::{loaded_configs, retention};
use crate::facts::runtime_state::{
    RuntimeCertificate, RuntimePatternEntry, RuntimePatternList, RuntimeServer,
};
use crate::facts::{Known, RuntimeState, StickTable};

const FOLDER: &str = "snapshots";
/// The version of `runtime.json`.
const SCHEMA: &str = "haguard-runtime/1";

/// Writes a snapshot of one HAProxy into `snapshots/NAME`, readable by its owner only: it holds map values and keys in
/// clear. `of` says which HAProxy; see [`retention::instance_key`].
///
/// # Errors
/// When the state folder cannot be written; then nothing of it is left.
pub fn save(
    state_dir: &Path,
    name: &str,
    of: &str,
    files: &[(PathBuf, Vec<u8>)],
    held: &RuntimeState,
) -> Result<PathBuf> {
    let write = || {
        let mut files = loaded_configs::copy_files(files)?;
        files.push(("runtime.json".to_owned(), serde_json::to_vec_pretty(&runtime_json(held))?.into()));
        retention::create_run_folder(&Store::new(state_dir), FOLDER, name, of, files)
    };
    write().context("the snapshot could not be kept")
}

/// Path and bytes of the configuration files of a snapshot, in the order they are loaded; none where there is no such
/// snapshot. They may hold passwords: never show them.
///
/// # Errors
/// When they cannot all be read.
pub fn config_files(state_dir: &Path, name: &str) -> Result<Option<loaded_configs::ConfigFiles>> {
    loaded_configs::read(&Store::new(state_dir), &format!("{FOLDER}/{name}"))
}

fn runtime_json(held: &RuntimeState) -> Value {
    let RuntimeState { proxies: _, backends, servers, lists, certificates, tables } = held;
    let filled = certificates.as_ref().map(|all| all.iter().filter(|one| one.sha1 != Known::Seen(None)));
    let used = tables.as_ref().map(|all| all.iter().filter(|table| table.used > 0));
    json!({
        "schema": SCHEMA,
        "backends": list_or_reason(backends.as_ref(), |name| json!(name)),
        "servers": list_or_reason(servers.as_ref(), server_json),
        "lists": list_or_reason(lists.as_ref(), pattern_list_json),
        "certificates": list_or_reason(filled, certificate_json),
        "tables": list_or_reason(used, |StickTable { name, used, peers, .. }| {
            json!({ "name": name, "used": used, "carried": peers.is_some() })
        }),
    })
}

/// A part that could not be read says why.
fn list_or_reason<'a, T: 'a>(
    known: Known<impl IntoIterator<Item = &'a T>>,
    one: impl Fn(&'a T) -> Value,
) -> Value {
    match known {
        Known::Seen(all) => all.into_iter().map(one).collect(),
        Known::Unknown { why } => json!({ "unknown": why }),
    }
}

fn server_json(held: &RuntimeServer) -> Value {
    json!({
        "name": held.path(),
        "address": held.address.ip,
        "port": held.address.port,
        "named": held.dns_name(),
        "admin": held.admin,
        "weight": held.weight,
        "checks": held.health.enabled,
        "agent_check": held.agent.enabled,
        "tls": held.tls,
        "maxconn": held.maxconn,
        "backup": held.backup,
        "cookie": held.cookie,
    })
}

fn pattern_list_json(held: &RuntimePatternList) -> Value {
    let entry = |RuntimePatternEntry { key, value, .. }: &RuntimePatternEntry| match value {
        Some(value) => json!([key, value]),
        None => json!([key]),
    };
    json!({ "kind": held.kind, "name": held.name, "sample": held.sample, "entries": list_or_reason(held.entries.as_ref(), entry) })
}

fn certificate_json(held: &RuntimeCertificate) -> Value {
    let pem = held.pem.seen().map(|pem| pem.reveal());
    json!({ "name": held.name, "sha1": held.sha1.seen(), "pem": pem })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::PatternKind;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn only_its_owner_can_read_it_and_what_was_not_read_says_why() {
        let dir = tempfile::tempdir().unwrap();
        let files = [(PathBuf::from("/etc/a.cfg"), b"global\n".to_vec())];
        let entry =
            RuntimePatternEntry { reference: "0x1".into(), key: "/a".into(), value: Some("app".into()) };
        let list = RuntimePatternList {
            kind: PatternKind::Map,
            id: 1,
            name: "/m.map".into(),
            sample: None,
            entries: Known::Seen(vec![entry]),
        };
        let held = RuntimeState { lists: Known::Seen(vec![list]), ..RuntimeState::unknown("not asked") };
        let folder = save(dir.path(), "1-2", "a", &files, &held).unwrap();
        let mode = |path: PathBuf| std::fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!((mode(folder.clone()), mode(folder.join("runtime.json"))), (0o700, 0o600));
        let copies = || config_files(dir.path(), "1-2").unwrap().unwrap();
        assert_eq!(copies(), files);
        let text = std::fs::read_to_string(folder.join("runtime.json")).unwrap();
        let written: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(written["lists"][0]["entries"][0], json!(["/a", "app"]));
        assert_eq!(written["servers"]["unknown"], "not asked");
        assert!(save(dir.path(), "1-2", "b", &files, &held).is_err(), "nothing is overwritten");
        assert_eq!(copies(), files, "and what was there stays");
    }
}
