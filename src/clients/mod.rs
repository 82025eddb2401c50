//! Clients: the only code that talks to another process. Concrete structs, blocking, with deadlines.

pub mod host;
pub mod program;
pub mod systemd;
