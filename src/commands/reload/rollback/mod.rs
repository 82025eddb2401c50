//! The rollback after --confirm-within.

pub(super) mod arm;
pub(in crate::commands) mod job;
pub(in crate::commands) mod run;
pub(crate) mod timer;
