//! What a reload lost is put back: a real HAProxy of each branch is changed over its socket and reloaded, haguard
//! replays, and code that is not haguard's reads what came back.

mod certificates;
mod edited;
mod lists;
mod sending;
mod servers;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use haguard::act::runtime_state::replay::{Returned, put_back};
use haguard::cli::Flags;
use haguard::clients::haproxy::runtime::{Channel, Socket};
use haguard::config::{Environment, Settings};
use haguard::facts::{Facts, Holdings, Loaded};
use haguard::gather::haproxy::loaded_config;
use haguard::gather::haproxy::runtime_state::{Keys, holdings, worker_channel};
use haguard::gather::{Aim, Effort, look};
use haguard::plan::ledger;
use haguard::plan::replay::{Preview, preview};
use haguard::time::Deadline;
use haguard::wire::haproxy::config::{self, Model, Source, Surroundings};

use crate::support::haproxy::Instance;
use crate::support::truth::{self, Truth};

const LONG: Duration = Duration::from_secs(20);

/// Everything that is read before a reload.
struct Before {
    settings: Settings,
    facts: Facts,
    old: Holdings,
    loaded: Loaded,
    truth: Truth,
}

/// Which way a worker is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Direct,
    ViaMaster,
}

const WAYS: [Way; 2] = [Way::Direct, Way::ViaMaster];

fn channel(haproxy: &Instance, way: Way) -> Channel {
    let socket = |path: &std::path::Path| Socket::new(path, LONG, Arc::default());
    match way {
        Way::Direct => Channel::Direct(socket(haproxy.admin_socket().expect("it has one"))),
        Way::ViaMaster => {
            socket(haproxy.master_socket().expect("it has one")).via_master(haproxy.worker_pid())
        }
    }
}

impl Before {
    fn read(haproxy: &Instance, copy: Option<&str>) -> Self {
        let flags = Flags {
            config: None,
            master_socket: haproxy.master_socket().map(PathBuf::from),
            stats_socket: None,
            timeout: Some(LONG),
        };
        let settings = Settings::load(&flags, Environment::default(), false).expect("settings");
        let facts = look(&settings, &Aim::Any, Effort::Read);
        let instance = facts.instance.seen().expect("it was found");
        let pid = *instance.serving.seen().expect("it serves");
        let channel = worker_channel(&settings, instance, pid, Deadline::after(LONG), &Arc::default());
        let channel = channel.seen().expect("a way to the worker");
        let names: Vec<String> = holdings(channel, Keys::None)
            .certificates
            .seen()
            .expect("certificates")
            .iter()
            .map(|certificate| certificate.name.clone())
            .collect();
        let old = holdings(channel, Keys::Of(&names));
        let model = copy.map(|text| {
            let file = haproxy.config_path().display().to_string();
            let source = Source { file, text: text.into() };
            Model::of(&config::read(&[source], &Surroundings { env_known: true, ..Surroundings::default() }))
        });
        let loaded = loaded_config::loaded(&facts, &old, model.as_ref());
        Before { settings, facts, old, loaded, truth: truth::of(haproxy) }
    }

    /// What a person is told before agreeing.
    fn preview(&self) -> Vec<Preview> {
        preview(&ledger(&self.facts), &self.old, &self.loaded)
    }

    /// The plain reload, which is the control: it returns what was lost by it.
    #[track_caller]
    fn reload(&self, haproxy: &Instance) -> BTreeMap<(String, String), u64> {
        let reload = haproxy.reload();
        assert!(reload.success, "{}", reload.answer);
        truth::lost(&self.truth, &truth::of(haproxy))
    }

    fn put_back(&self, haproxy: &Instance, way: Way) -> Vec<Returned> {
        put_back(&self.old, &self.loaded, &channel(haproxy, way))
    }

    /// What is not as it was, read by other code than haguard's.
    fn lost(&self, haproxy: &Instance) -> BTreeMap<(String, String), u64> {
        truth::lost(&self.truth, &truth::of(haproxy))
    }
}

/// What is said of each thing, in short.
fn said(returned: &[Returned]) -> Vec<String> {
    let word = |one: &Returned| format!("{} {} {} {}", one.kind.name(), one.object, one.what, one.returned);
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
