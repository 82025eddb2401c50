//! Docker's and Podman's own interfaces.

pub mod docker;
pub mod podman;
