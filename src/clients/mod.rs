//! Clients: the only code that talks to another process. Concrete structs, blocking, with deadlines.

pub mod as_user;
mod aside;
pub mod dataplane;
pub mod docker;
pub mod dress;
pub mod entered;
pub mod host;
pub mod http;
mod http_error;
pub mod keepers;
pub mod patroni;
pub mod podman;
pub mod program;
pub mod runtime;
pub mod sealed;
pub mod signal;
pub mod starter;
pub mod systemd;
mod target;
pub mod trial;
pub mod turn;
pub mod watcher;
