//! Addresses of the next worker.
//!
//! - `client_sockets`: UDP sockets that look like listeners
//! - `configured`: listeners that the files ask for
//! - `conflicts`: whether each new address is free, and who holds it
//! - `shared`: other processes on the addresses of this HAProxy
//! - `unix_paths`: what stands at the path of a unix socket

pub(super) mod client_sockets;
pub(super) mod configured;
pub(super) mod conflicts;
pub(super) mod shared;
pub(super) mod unix_paths;
