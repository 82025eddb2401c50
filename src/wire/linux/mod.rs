//! What the kernel shows below /proc and /sys, and command lines.

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
