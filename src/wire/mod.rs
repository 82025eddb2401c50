//! Pure parsers of what comes from outside: text in, values out, no I/O.
//!
//! Every parser here takes bytes that a stranger may have written, so none may panic and each has a
//! property test and a fuzz target (`tests/fuzz`).

pub mod argv;
pub mod cgroup;
pub mod command_line;
pub mod conmon;
pub mod dataplane;
pub mod docker;
pub mod drop_in;
pub mod environment_file;
pub mod exec_line;
pub mod fib_trie;
pub mod haproxy_cfg;
pub mod keepers;
pub mod listener;
pub mod mountinfo;
pub mod needrestart;
pub mod patroni;
pub mod pattern_file;
pub mod proc_locks;
pub mod proc_maps;
pub mod proc_net;
pub mod process;
pub mod reexec;
pub mod runtime;
pub mod service;
pub mod startup;
pub mod unit;
