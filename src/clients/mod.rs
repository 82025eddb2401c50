//! Clients: the only code that talks to another process. Concrete structs, blocking, with deadlines.

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
