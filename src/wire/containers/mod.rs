//! What Docker answers, and what Podman's conmon is started with.

pub mod conmon;
pub mod docker;
