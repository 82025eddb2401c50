//! The next worker, read from the files: what is known of it where it was not rehearsed.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use sha1::{Digest, Sha1};

use super::config_files::{self, ParsedConfig};
use super::{paths, servers};
use crate::clients::linux;
use crate::facts::{
    Certificate, HashedEntry, Known, PatternKind, Patterns, Process, Provenance, Proxy, StickTable,
    WorkerState,
};
use crate::gather::GatherContext;
use crate::gather::binds::configured::{self, ConfiguredListener};
use crate::wire::haproxy::config::{Model, PatternDef, PatternKind as Written, PatternSource, ProxyKind};
use crate::wire::haproxy::pattern_file;

/// Reads what the next worker would hold.
pub(in crate::gather) fn worker_state(
    look: &GatherContext<'_>,
    main: &Process,
    read: &ParsedConfig,
    live: &WorkerState,
    binds: &Known<Vec<ConfiguredListener>>,
) -> WorkerState {
    let model = match &read.model {
        Known::Unknown { why } => return WorkerState::unknown(Provenance::Read, why),
        Known::Seen(model) => model,
    };
    WorkerState {
        how: Provenance::Read,
        connections: Known::unknown("the next worker has none yet"),
        proxies: Known::Seen(proxies(model)),
        servers: servers::configured_servers(look, model, main),
        patterns: Known::Seen(patterns(look, model, main, live)),
        tables: Known::Seen(tables(model)),
        certificates: Known::Seen(certificates(main, live)),
        listeners: configured::known_listeners(binds),
    }
}

/// A frontend and a backend of one name are one entry, as in the answers of a worker.
fn proxies(model: &Model) -> Vec<Proxy> {
    let mut proxies: Vec<Proxy> = Vec::new();
    let mut by_name: BTreeMap<&str, usize> = BTreeMap::new();
    for proxy in &model.proxies {
        let (frontend, backend) = (proxy.kind != ProxyKind::Backend, proxy.kind != ProxyKind::Frontend);
        match by_name.get(proxy.name.as_str()).and_then(|number| proxies.get_mut(*number)) {
            Some(other) => {
                other.frontend |= frontend;
                other.backend |= backend;
                other.certain &= proxy.certain;
            }
            None => {
                by_name.insert(&proxy.name, proxies.len());
                let at = Some(format!("{}:{}", proxy.at.file, proxy.at.line));
                proxies.push(Proxy {
                    name: proxy.name.clone(),
                    frontend,
                    backend,
                    at,
                    certain: proxy.certain,
                });
            }
        }
    }
    proxies
}

fn tables(model: &Model) -> Vec<StickTable> {
    let carried = |peers: &String| model.peers.iter().any(|section| section.name == *peers && section.local);
    let tables = model.tables.iter().map(|table| StickTable {
        name: table.name.clone(),
        used: 0,
        peers: table.peers.clone().filter(carried),
        synced: false,
        remote_peers: Vec::new(),
    });
    tables.collect()
}

/// Every list that the files name, and every list of a file that runs: a list that no line uses any more can still be
/// compared with its file.
fn patterns(look: &GatherContext<'_>, model: &Model, main: &Process, live: &WorkerState) -> Vec<Patterns> {
    let mut lists: BTreeMap<(PatternKind, String), Patterns> = BTreeMap::new();
    for definition in &model.patterns {
        let list = configured_list(look, definition, main);
        let known = lists.entry((list.kind, list.name.clone()));
        match known {
            std::collections::btree_map::Entry::Vacant(slot) => drop(slot.insert(list)),
            // One line can hold several lists of one criterion; they are compared together.
            std::collections::btree_map::Entry::Occupied(mut slot) if !list.file => {
                slot.get_mut().merge_entries(list.entries);
            }
            std::collections::btree_map::Entry::Occupied(_) => {}
        }
    }
    for running in live.patterns.seen().into_iter().flatten().filter(|list| list.file) {
        lists.entry((running.kind, running.name.clone())).or_insert_with(|| {
            let entries = read_pattern_file(look, &running.name, running.kind, main).into();
            Patterns { kind: running.kind, name: running.name.clone(), file: true, entries }
        });
    }
    lists.into_values().collect()
}

fn configured_list(look: &GatherContext<'_>, definition: &PatternDef, main: &Process) -> Patterns {
    match &definition.source {
        PatternSource::File { path, kind } => {
            let kind = match kind {
                Written::Map => PatternKind::Map,
                Written::Acl => PatternKind::Acl,
            };
            let entries = match definition.certain {
                true => read_pattern_file(look, path, kind, main).into(),
                false => Known::unknown("its line stands behind something that could not be decided"),
            };
            let (_, name) = pattern_file::split_prefix(path);
            Patterns { kind, name: name.to_owned(), file: true, entries }
        }
        PatternSource::Inline { criterion, values, .. } => {
            let entries = match definition.certain {
                true => {
                    let mut entries: Vec<_> =
                        values.iter().map(|value| (look.entry_hasher.hash(value), None)).collect();
                    entries.sort();
                    Known::Seen(entries)
                }
                false => Known::unknown("its line stands behind something that could not be decided"),
            };
            let name = format!("{}:{} {criterion}", definition.at.file, definition.at.line);
            Patterns { kind: PatternKind::Acl, name, file: false, entries }
        }
    }
}

/// A list's file, printed. `virt@` lists have no file; those of `opt@` may do without one.
fn read_pattern_file(
    look: &GatherContext<'_>,
    name: &str,
    kind: PatternKind,
    main: &Process,
) -> Result<Vec<HashedEntry>> {
    if name.starts_with("virt@") {
        return Ok(Vec::new());
    }
    let (optional, plain) = pattern_file::split_prefix(name);
    let path = paths::on_host(main, plain);
    let bytes = match linux::read_regular_file(&path) {
        Err(error) if optional && error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.with_context(|| format!("reading {}", path.display()))?,
    };
    let text = String::from_utf8_lossy(&bytes);
    let mut entries: Vec<HashedEntry> = match kind {
        PatternKind::Map => pattern_file::parse_map(&text)
            .map(|(key, value)| (look.entry_hasher.hash(key), Some(look.entry_hasher.hash(value))))
            .collect(),
        PatternKind::Acl => {
            pattern_file::parse_acl(&text).map(|key| (look.entry_hasher.hash(key), None)).collect()
        }
    };
    entries.sort();
    Ok(entries)
}

/// The file behind each certificate that runs.
fn certificates(main: &Process, live: &WorkerState) -> Vec<Certificate> {
    let running = live.certificates.seen().into_iter().flatten();
    running
        .map(|certificate| Certificate {
            name: certificate.name.clone(),
            sha1: certificate_on_disk(main, &certificate.name),
        })
        .collect()
}

fn certificate_on_disk(main: &Process, name: &str) -> Known<Option<String>> {
    if name.starts_with('@') {
        return Known::unknown("it is an alias of a crt-store, and which file that is was not read");
    }
    let path = paths::on_host(main, name);
    match linux::read_regular_file(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Known::Seen(None),
        Err(error) => Known::unknown(format!("reading {}: {error}", path.display())),
        Ok(pem) => match CertificateDer::pem_slice_iter(&pem).next() {
            Some(Ok(first)) => Known::Seen(Some(config_files::hex(&Sha1::digest(&first)))),
            Some(Err(error)) => Known::unknown(format!("{} is no PEM file: {error}", path.display())),
            None => Known::unknown(format!("{} holds no certificate", path.display())),
        },
    }
}
