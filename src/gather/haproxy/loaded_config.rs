//! Whether the files are still what the running worker loaded.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;

use jiff::Timestamp;

use super::config_files::CLOCK_SLACK_MS;
use super::paths::on_host;
use crate::clients::linux;
use crate::facts::loaded_config::{ConfigBaseline, ConfigSinceLoad};
use crate::facts::runtime_state::RuntimeState;
use crate::facts::{Facts, Instance, Known, LoadedConfig, Process};
use crate::known::Unknown;
use crate::wire::haproxy::config::Model;
use crate::wire::haproxy::pattern_file;

/// What the serving worker loaded: the files on disk where they did not change since it started, else the saved copy where
/// there is one. Call it before the reload.
///
/// `copy` is the model of a copy of the configuration that this very worker is known to have loaded.
pub fn loaded_config(facts: &Facts, held: &RuntimeState, copy: Option<&Model>) -> LoadedConfig {
    let instance = match &facts.instance {
        Known::Unknown { why } => return LoadedConfig::unknown(why),
        Known::Seen(instance) => instance,
    };
    let lists = held.lists.seen().into_iter().flatten().filter(|list| list.sample.is_none());
    let certificates = held.certificates.seen().into_iter().flatten();
    let names = lists.map(|list| list.name.clone()).chain(certificates.map(|held| held.name.clone()));
    let files: BTreeMap<String, Known<bool>> =
        names.map(|name| (name.clone(), is_file_unchanged(instance, &name))).collect();
    LoadedConfig { config: config_since_load(facts, instance, copy), files }
}

fn config_since_load(facts: &Facts, instance: &Instance, copy: Option<&Model>) -> Known<ConfigSinceLoad> {
    match (check_files_unchanged(facts, instance), copy) {
        (Err(_), Some(copy)) => Known::Seen(ConfigSinceLoad::Changed(ConfigBaseline::from_model(copy))),
        (checked, _) => checked.into(),
    }
}

fn check_files_unchanged(facts: &Facts, instance: &Instance) -> Result<ConfigSinceLoad, Unknown> {
    facts.config.source.get()?;
    // A folder given to -f changes when a file in it comes or goes.
    let files = facts.config.files.iter().map(|file| &file.path);
    for name in files.chain(&facts.config.arguments) {
        if !*is_file_unchanged(instance, name).get()? {
            return Err(Unknown::new(format!("{name} was edited after the worker started")));
        }
    }
    Ok(ConfigSinceLoad::Unchanged)
}

/// Whether the file is as it was when the worker started.
fn is_file_unchanged(instance: &Instance, name: &str) -> Known<bool> {
    if name.starts_with("virt@") {
        // It has no file, so every worker starts with an empty one.
        return Known::Seen(true);
    }
    if name.starts_with('@') {
        return Known::unknown(format!(
            "{name} is an alias of a crt-store, and which file that is was not read"
        ));
    }
    let (_, plain) = pattern_file::split_prefix(name);
    instance
        .worker_started
        .as_ref()
        .map(|started| *started)
        .zip(last_change(&instance.main, plain))
        .map(|(started, touched)| touched.as_millisecond() <= started.as_millisecond() + CLOCK_SLACK_MS)
}

/// When the file was last written or replaced. A file that is moved or copied to its place may carry an old time of
/// writing; the time of its inode's change is then the truth.
fn last_change(main: &Process, name: &str) -> Known<Timestamp> {
    let path = on_host(main, name);
    let read = linux::metadata(&path).map_err(anyhow::Error::from).and_then(|meta| {
        let written = (meta.mtime(), meta.mtime_nsec());
        let (seconds, nanoseconds) = written.max((meta.ctime(), meta.ctime_nsec()));
        Ok(Timestamp::new(seconds, i32::try_from(nanoseconds)?)?)
    });
    read.map_err(|error| error.context(format!("looking at {}", path.display()))).into()
}
