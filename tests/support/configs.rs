//! Configurations of HAProxy by name. The builder fills in `{port:NAME}`, `{dir}` and, for a certificate of that name,
//! `{pem:NAME}`.

use std::fmt::Display;

use super::builder::Builder;
use super::haproxy::{Branch, Instance};
use super::origin::Origin;

/// A frontend that has nothing behind it.
pub(crate) const FRONTEND: &str = "frontend f\n    bind 127.0.0.1:{port:f}\n";

/// A frontend that answers every request by itself.
pub(crate) const ANSWERING: &str = "
frontend web
    bind 127.0.0.1:{port:web}
    http-request return status 200
";

/// A frontend in front of one server.
pub(crate) const PROXY: &str = "
frontend web
    bind 127.0.0.1:{port:web}
    default_backend app
backend app
    server one 127.0.0.1:{port:origin}
";

/// A backend that an edit adds; it is loaded without a word.
pub(crate) const LATE: &str = "\nbackend late\n    server s 127.0.0.1:9\n";

/// A backend that an edit adds and HAProxy refuses.
pub(crate) const REFUSED: &str = "\nbackend late\n    no_such_keyword here\n";

/// A frontend that HAProxy's own test calls valid and that cannot be bound: its socket has no folder.
pub(crate) const UNBINDABLE: &str = "\nfrontend bad\n    bind unix@/no/such/folder/s.sock\n";

/// A frontend whose address is not one of this host.
pub(crate) const FAR: &str = "\nfrontend far\n    bind 203.0.113.7:8443\n";

/// A frontend that looks into a map.
pub(crate) const MAPPED: &str = "
frontend m
    bind 127.0.0.1:{port:m}
    http-request deny if { req.hdr(host),map({dir}/hosts.map) -m found }
";

/// The `defaults` of a whole configuration.
pub(crate) const DEFAULTS: &str = "defaults
    mode http
    timeout connect 2s
    timeout client 60s
    timeout server 60s
";

/// A whole configuration whose stats socket is in this folder.
pub(crate) fn whole(run: &str, sections: &str) -> String {
    format!("global\n    stats socket {run}/admin.sock level admin\n{DEFAULTS}{sections}")
}

/// A whole configuration without sockets: a frontend `web` at this address.
pub(crate) fn plain(bind: impl Display) -> String {
    format!("{DEFAULTS}frontend web\n    bind {bind}\n")
}

/// A frontend that an edit adds, at this address.
pub(crate) fn more(bind: impl Display) -> String {
    format!("\nfrontend more\n    bind {bind}\n")
}

/// The same in front of the backend `app`.
pub(crate) fn more_of_app(bind: impl Display) -> String {
    format!("{}    default_backend app\n", more(bind))
}

/// A configuration of a test with the files that it refers to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TestConfig {
    pub(crate) globals: &'static str,
    pub(crate) sections: &'static str,
    pub(crate) files: &'static [(&'static str, &'static str)],
}

impl TestConfig {
    /// Describes a HAProxy with it before it is started.
    pub(crate) fn builder(&self, branch: Branch) -> Builder {
        let builder = Instance::builder(branch).config(self.sections);
        let builder = if self.globals.is_empty() { builder } else { builder.global(self.globals) };
        self.files.iter().fold(builder, |builder, (name, text)| builder.file(name, text))
    }

    /// Starts a HAProxy with it.
    #[track_caller]
    pub(crate) fn start(&self, branch: Branch) -> Instance {
        self.builder(branch).start()
    }

    /// The same in front of this origin.
    #[track_caller]
    pub(crate) fn start_before(&self, branch: Branch, origin: &Origin) -> Instance {
        self.builder(branch).origin(origin).start()
    }
}
