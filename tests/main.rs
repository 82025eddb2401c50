//! The one integration binary: each file beside it tells one subject.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod architecture;
mod artifacts;
mod bad_input;
mod binds;
mod break_glass;
mod check;
mod compatibility;
mod containers;
mod control;
mod dataplane_contract;
mod dataplane_facts;
mod demo;
mod examples;
mod facts_file;
mod guard;
mod hardened;
mod host;
mod http_faults;
mod identity;
mod ledger;
mod left_behind;
mod other_user;
mod parts;
mod parts_host;
mod reader;
mod refusal;
mod rehearsal;
mod reload;
mod replay;
mod runtime_client;
mod secrets;
mod support;
mod transcript;
