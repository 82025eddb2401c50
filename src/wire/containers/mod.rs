//! Container engines.
//!
//! - `conmon`: the command line of Podman's monitor
//! - `docker`: Docker's JSON, which Podman's service also writes

pub mod conmon;
pub mod docker;
