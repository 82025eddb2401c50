//! Pure parsers of what comes from outside: text in, values out, no I/O.
//!
//! Every parser here takes bytes that a stranger may have written, so none may panic and each has a
//! property test and a fuzz target (`tests/fuzz`).

pub mod containers;
pub mod dataplane;
pub mod haproxy;
pub mod linux;
pub mod patroni;
pub mod supervisors;
pub mod systemd;
