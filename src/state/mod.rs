//! What haguard stores in its state folder.
//!
//! - `evidence`: evidence of a failed restart
//! - `journal`: one JSON line per attempt
//! - `journal_steps`: the steps of a run in the journal
//! - `loaded_configs`: copies of configurations that a worker loaded
//! - `lock`: one run at a time per HAProxy
//! - `pending_confirmations`: reloads that wait for a confirmation
//! - `plans`: plans that were shown
//! - `retention`: what is given up: the oldest, and never what is in use
//! - `snapshots`: configuration and runtime state before a restart
//! - `store`: the one way to the files of the state folder

pub mod evidence;
pub mod journal;
pub mod journal_steps;
pub mod loaded_configs;
pub mod lock;
pub mod pending_confirmations;
pub mod plans;
pub mod retention;
pub mod snapshots;
pub(crate) mod store;
