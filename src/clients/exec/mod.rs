//! Everything that haguard starts: programs with a deadline, and its own child processes.

pub mod as_user;
pub mod background;
pub mod command;
pub(super) mod helper_process;
pub mod in_namespaces;
pub mod replacement;
pub(in crate::clients) mod spawn;
