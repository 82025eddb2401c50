//! One HAProxy: processes, sockets and files.
//!
//! - `config_files`: reads and tests the configuration
//! - `configured_worker`: the next worker, from the files
//! - `hostnames`: resolves host names
//! - `identity`: proves which process answers
//! - `instance`: finds the target
//! - `live_worker`: the running worker, over its socket
//! - `loaded_config`: whether the files changed since the worker loaded them
//! - `paths`: paths of HAProxy as haguard can open them
//! - `process_health`: memory, open files, signals, libraries
//! - `program`: the program, and as whom it is run
//! - `referenced_files`: files that the configuration names
//! - `routes`: host name to backend to servers
//! - `runtime_state`: values of one worker, for a replay
//! - `selector`: which of several HAProxies is the target
//! - `servers`: servers, live and next
//! - `sockets`: sockets, and which of them to ask

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
