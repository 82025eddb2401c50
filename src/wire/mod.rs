//! Pure parsers of what comes from outside: text in, values out, no I/O.
//!
//! The bytes may be hostile, so that no parser may panic; each has a property test and a fuzz target (`tests/fuzz`).
//!
//! - `containers`: Docker's answers, and conmon's command line
//! - `dataplane`: the Data Plane API's JSON, and its header in haproxy.cfg
//! - `haproxy`: command line, configuration, logs and runtime API
//! - `linux`: /proc, /sys and command lines
//! - `patroni`: Patroni's REST API
//! - `supervisors`: supervisord, runit, s6, tmux and terminals
//! - `systemd`: units, environment files and drop-ins

pub mod containers;
pub mod dataplane;
pub mod haproxy;
pub mod linux;
pub mod patroni;
pub mod supervisors;
pub mod systemd;
