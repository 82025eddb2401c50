//! Addresses of the next worker.
//!
//! - `configured`: listeners that the files ask for
//! - `conflicts`: whether each new address is free, and who holds it
//! - `unix_paths`: what stands at the path of a unix socket

pub(super) mod configured;
pub(super) mod conflicts;
pub(super) mod unix_paths;
