//! What else runs on this host.
//!
//! - `namespaces`: namespaces of HAProxy, and files mounted into them
//! - `services`: services with their controllers

pub(super) mod namespaces;
pub(super) mod services;
