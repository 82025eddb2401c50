//! What the kernel shows below /proc and /sys, and command lines.
//!
//! - `cgroup`: /proc/PID/cgroup
//! - `command_line`: arguments of any program
//! - `fib_trie`: /proc/PID/net/fib_trie
//! - `listener`: an address that is listened on
//! - `mountinfo`: /proc/PID/mountinfo
//! - `needrestart`: needrestart's settings
//! - `proc_locks`: /proc/locks
//! - `proc_maps`: /proc/PID/maps
//! - `proc_net`: /proc/PID/net/tcp, udp and unix
//! - `process`: a process

pub mod cgroup;
pub mod command_line;
pub mod fib_trie;
pub mod listener;
pub mod mountinfo;
pub mod needrestart;
pub mod proc_locks;
pub mod proc_maps;
pub mod proc_net;
pub mod process;
