//! What the next worker would listen on: every form of a bind compared with what a real HAProxy bound.

mod change;
mod client_sockets;
mod forms;
mod rights;
mod shared;
mod taken;

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU16, Ordering};

use serde_json::Value;

use crate::support::document::finding;
use crate::support::haguard::Haguard;
use crate::support::haproxy::{Branch, Instance};

/// An address of loopback that no other test, in this process or another one, uses.
fn address() -> Ipv4Addr {
    static NEXT: AtomicU16 = AtomicU16::new(1);
    let [high, low] = (std::process::id() as u16).to_be_bytes();
    let next = NEXT.fetch_add(1, Ordering::Relaxed) % 100;
    Ipv4Addr::new(127, 100 + next as u8, high, low.max(1))
}

/// The facts of `inspect` about this instance.
fn facts(haproxy: &Instance) -> Value {
    Haguard::new().json(&["inspect"], haproxy.master_socket().unwrap())["facts"].take()
}

/// The facts of `binds`: each new one's address with the name of its state and everything that is known of it.
#[track_caller]
fn new_binds(facts: &Value) -> Vec<(String, String, Value)> {
    let all = &facts["binds"];
    let seen = all["seen"].as_array().unwrap_or_else(|| panic!("the new binds are not known: {all}"));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    seen.iter().map(|one| (text(&one["address"]), text(&one["state"]["is"]), one["state"].clone())).collect()
}

/// The one check that this is about.
fn check(haproxy: &Instance) -> Value {
    let document = Haguard::new().json(&["check", "config.new-binds-free"], haproxy.master_socket().unwrap());
    finding(&document, "config.new-binds-free").clone()
}

/// What a side of the facts listens on.
#[track_caller]
fn listeners(facts: &Value, side: &str) -> Vec<String> {
    let all = &facts[side]["listeners"];
    let seen = all["seen"].as_array().unwrap_or_else(|| panic!("{side} is not known: {all}"));
    seen.iter().map(|one| one.as_str().unwrap().to_owned()).collect()
}

/// Branches that speak QUIC as they were built here.
fn quic(branch: Branch) -> bool {
    branch >= Branch::V30
}
