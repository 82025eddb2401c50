//! What an assertion of the contract is made with, and counted by.
#![expect(clippy::unwrap_used, reason = "a contract's tools are functions beside their test")]

use haguard::facts::dataplane::{DataPlaneFacts, Reload, ReloadStatus};
use haguard::gather::dataplane::query_api;
use haguard::wire::dataplane::parse_error;

use crate::support::dataplane::{DataPlaneServer, Mode, RAW};
use crate::support::haproxy::{Instance, ask};
use crate::support::http::Response;
use crate::support::wait::wait_for;

/// One server with its HAProxy, and a count of what held.
pub(super) struct Bench<'a> {
    pub(super) haproxy: &'a Instance,
    pub(super) server: &'a DataPlaneServer,
    pub(super) mode: Mode,
    /// The configuration without a header.
    pub(super) text: String,
    pub(super) held: usize,
}

impl Bench<'_> {
    #[track_caller]
    pub(super) fn holds(&mut self, condition: bool, said: impl std::fmt::Debug) {
        assert!(condition, "the contract does not hold: {said:#?}");
        self.held += 1;
    }

    #[track_caller]
    pub(super) fn same<T: PartialEq + std::fmt::Debug>(&mut self, left: T, right: T) {
        assert_eq!(left, right, "the contract does not hold");
        self.held += 1;
    }

    #[track_caller]
    pub(super) fn refused(&mut self, answer: &Response, status: u16, words: &str) {
        self.same(answer.status, status);
        let document = parse_error(&answer.body);
        self.holds(document.is_some_and(|document| document.message.contains(words)), answer);
    }

    pub(super) fn facts(&self) -> DataPlaneFacts {
        query_api(&self.server.client())
    }

    /// The stand-in behaves as 3.2 does.
    pub(super) fn is_before_v34(&self) -> bool {
        let facts = self.facts();
        let version = facts.api_version.seen().expect("the API says its version");
        !version.trim_start_matches('v').starts_with("3.4")
    }

    pub(super) fn version(&self) -> u64 {
        self.server.client().config_version().unwrap()
    }

    pub(super) fn file(&self) -> String {
        self.haproxy.config()
    }

    /// As editors do it: a server that watches the file must never see half of it.
    pub(super) fn replace_file(&self, text: &str) {
        let fresh = self.server.backups().join("fresh");
        std::fs::write(&fresh, text).unwrap();
        std::fs::rename(fresh, self.haproxy.config_path()).unwrap();
    }

    pub(super) fn post(&self, query: &str, text: &str) -> Response {
        self.server.call("POST", &format!("{RAW}?{query}"), text)
    }

    pub(super) fn reload_of(&self, answer: &Response) -> Option<Reload> {
        let id = answer.header("reload-id")?;
        self.server.client().reloads().unwrap().into_iter().find(|reload| reload.id == id)
    }

    #[track_caller]
    pub(super) fn ended(&self, answer: &Response) -> Reload {
        wait_for("the reload ends", || {
            self.reload_of(answer).filter(|reload| reload.status != ReloadStatus::InProgress)
        })
    }

    #[track_caller]
    pub(super) fn wait_new_worker(&self, old: u32) {
        wait_for("a new worker serves", || (self.haproxy.worker_pid() != old).then_some(()));
    }

    /// How many reloads in a row failed, by HAProxy's own count. While it reloads, its master answers nobody.
    #[track_caller]
    pub(super) fn failed_reloads(&self) -> String {
        let socket = self.haproxy.master_socket().unwrap();
        let table = wait_for("the master answers", || {
            ask(socket, "show proc").ok().filter(|table| table.contains("failed: "))
        });
        table.split_once("[failed: ").unwrap().1.split_once(']').unwrap().0.to_owned()
    }
}
