//! The HAProxy itself: its processes, its sockets, its files.

pub(super) mod config_files;
pub(super) mod configured_worker;
pub(super) mod hostnames;
pub(super) mod identity;
pub(super) mod instance;
pub(super) mod live_worker;
pub mod loaded_config;
pub(super) mod paths;
pub(super) mod process_health;
pub(super) mod program;
pub(super) mod referenced_files;
pub(super) mod routes;
pub mod runtime_state;
pub(super) mod selector;
pub(super) mod servers;
pub(super) mod sockets;
