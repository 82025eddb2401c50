//! What a reload lost is put back: a real HAProxy of each branch is changed over its socket and reloaded, haguard
//! replays, and code that is not haguard's reads what came back.

mod certificates;
mod down;
mod edited;
mod lists;
mod sending;
mod servers;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use haguard::act::runtime_state::replay::{ReplayResult, replay_into};
use haguard::cli::Flags;
use haguard::clients::haproxy::runtime::{RuntimeSocket, WorkerChannel};
use haguard::config::{Environment, Settings};
use haguard::facts::{Facts, LoadedConfig, RuntimeState};
use haguard::gather::haproxy::loaded_config;
use haguard::gather::haproxy::runtime_state::{add_private_keys, read_runtime_state, worker_channel};
use haguard::gather::{Node, ProbeDepth, gather_facts};
use haguard::plan::ledger;
use haguard::plan::replay::{ReplayPreview, preview_replay};
use haguard::time::Deadline;
use haguard::wire::haproxy::config::{self, Model, ParseContext, Source};

use crate::support::clearance::clearance;
use crate::support::haproxy::Instance;
use crate::support::truth::{self, RuntimeSnapshot};

const LONG: Duration = Duration::from_secs(20);

/// Everything that is read before a reload.
struct WorkerBeforeReload {
    settings: Settings,
    facts: Facts,
    old: RuntimeState,
    loaded: LoadedConfig,
    truth: RuntimeSnapshot,
}

/// Which way a worker is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SocketRoute {
    Direct,
    ViaMaster,
}

const WAYS: [SocketRoute; 2] = [SocketRoute::Direct, SocketRoute::ViaMaster];

fn channel(haproxy: &Instance, way: SocketRoute) -> WorkerChannel {
    let socket = |path: &std::path::Path| RuntimeSocket::new(path, LONG, Arc::default());
    match way {
        SocketRoute::Direct => WorkerChannel::Direct(socket(haproxy.admin_socket().expect("it has one"))),
        SocketRoute::ViaMaster => {
            socket(haproxy.master_socket().expect("it has one")).via_master(haproxy.worker_pid())
        }
    }
}

impl WorkerBeforeReload {
    fn read(haproxy: &Instance, copy: Option<&str>) -> Self {
        let flags = Flags {
            config: None,
            master_socket: haproxy.master_socket().map(PathBuf::from),
            stats_socket: None,
            timeout: Some(LONG),
        };
        let settings = Settings::load(&flags, Environment::default(), false).expect("settings");
        haguard::clients::exec::use_program(env!("CARGO_BIN_EXE_haguard").into());
        let facts = gather_facts(&settings, &Node::only_local(), ProbeDepth::Read);
        let instance = facts.instance.seen().expect("it was found");
        let pid = *instance.serving.seen().expect("it serves");
        let channel = worker_channel(&settings, instance, pid, Deadline::after(LONG), &Arc::default());
        let channel = channel.seen().expect("a way to the worker");
        let mut old = read_runtime_state(channel);
        let certificates = old.certificates.seen().expect("certificates").iter();
        let names: Vec<String> = certificates.map(|certificate| certificate.name.clone()).collect();
        add_private_keys(channel, &mut old, &names);
        let model = copy.map(|text| {
            let file = haproxy.config_path().display().to_string();
            let source = Source { file, document: text.into() };
            Model::from_config(&config::parse(
                &[source],
                &ParseContext { env_known: true, ..ParseContext::default() },
            ))
        });
        let loaded = loaded_config::loaded_config(&facts, &old, model.as_ref());
        WorkerBeforeReload { settings, facts, old, loaded, truth: truth::snapshot(haproxy) }
    }

    /// What a person is told before agreeing.
    fn preview(&self) -> Vec<ReplayPreview> {
        preview_replay(&ledger(&self.facts), &self.old, &self.facts.next, &self.loaded)
    }

    /// The plain reload, which is the control: it returns what was lost by it.
    #[track_caller]
    fn reload(&self, haproxy: &Instance) -> BTreeMap<(String, String), u64> {
        let reload = haproxy.reload();
        assert!(reload.success, "{}", reload.answer);
        truth::lost(&self.truth, &truth::snapshot(haproxy))
    }

    fn put_back(&self, haproxy: &Instance, way: SocketRoute) -> Vec<ReplayResult> {
        replay_into(&self.old, &self.loaded, channel(haproxy, way).writer(&clearance()), &|_, _| true)
    }

    /// What is not as it was, read by other code than haguard's.
    fn lost(&self, haproxy: &Instance) -> BTreeMap<(String, String), u64> {
        truth::lost(&self.truth, &truth::snapshot(haproxy))
    }
}

/// What is said of each thing, in short.
fn summarize(returned: &[ReplayResult]) -> Vec<String> {
    let word = |one: &ReplayResult| format!("{} {} {} {}", one.kind, one.object, one.what, one.returned);
    returned.iter().map(word).collect()
}

/// Changes over the socket, each of which HAProxy takes.
#[track_caller]
fn set(haproxy: &Instance, commands: &[&str]) {
    for command in commands {
        let said = haproxy.admin(command);
        let bad = ["nknown", "No such", "expects", "nvalid", "not ", "require", "Can't"];
        assert!(!bad.iter().any(|word| said.contains(word)), "{}: {command}: {said}", haproxy.branch());
    }
}

/// Changes the configuration, in a way that shows in its time of writing.
fn edit(haproxy: &mut Instance, before: &str, after: &str) {
    let text = haproxy.config();
    assert!(text.contains(before), "{before} is not in {text}");
    let text = text.replace(before, after);
    let started = std::fs::metadata(format!("/proc/{}", haproxy.worker_pid())).expect("it runs");
    let started = started.modified().expect("a time") + Duration::from_millis(200);
    crate::support::wait::wait_for("the edit is later than the start", || {
        haproxy.write_config(&text);
        let written = std::fs::metadata(haproxy.config_path()).ok()?.modified().ok()?;
        (written > started).then_some(())
    });
}
