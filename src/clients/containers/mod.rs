//! Container engines.
//!
//! - `docker`: Docker's API over its unix socket, which Podman's service also speaks
//! - `podman`: `podman container inspect`, where there is no service

pub mod docker;
pub mod podman;
