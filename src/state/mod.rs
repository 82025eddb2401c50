//! What haguard stores in its state folder.

pub mod evidence;
pub mod journal;
pub mod journal_steps;
pub mod loaded_configs;
pub mod lock;
pub mod pending_confirmations;
pub mod plans;
pub mod retention;
pub mod snapshots;
