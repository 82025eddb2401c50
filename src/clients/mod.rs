//! The outside world: sockets, HTTP, /proc and programs. Blocking, with a deadline on every call.
//!
//! - `containers`: Docker's API and Podman's program
//! - `dataplane`: the Data Plane API, read-only
//! - `exec`: child processes, and haguard's own program as a helper
//! - `haproxy`: runtime and master sockets
//! - `http`: the HTTP client of all APIs
//! - `linux`: processes, sockets, users and namespaces from /proc
//! - `lock_file`: the lock of a HAProxy, and the freeze file
//! - `patroni`: Patroni's REST API
//! - `sandbox`: the isolated copy of this host for rehearsals
//! - `supervisors`: supervisord, runit, s6 and tmux
//! - `systemd`: systemctl, busctl and journalctl

pub mod containers;
pub mod dataplane;
pub mod exec;
pub mod haproxy;
pub mod http;
pub mod linux;
pub mod lock_file;
pub mod patroni;
pub mod sandbox;
pub mod supervisors;
pub mod systemd;
