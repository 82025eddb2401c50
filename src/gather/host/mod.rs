//! What else runs on this host.

pub(super) mod namespaces;
pub(super) mod services;
