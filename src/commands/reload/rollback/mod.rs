//! The rollback of a reload that is not confirmed in time.
//!
//! - `arm`: finds and tests the previous configuration, starts the timer
//! - `job`: the request that the timer is given, and its record
//! - `run`: puts the previous configuration back, reloads and proves it
//! - `timer`: the background process that waits for `haguard confirm`

pub(super) mod arm;
pub(in crate::commands) mod job;
pub(in crate::commands) mod run;
pub(crate) mod timer;
