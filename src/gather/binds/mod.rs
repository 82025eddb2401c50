//! What the next worker would bind, and what stands against it.

pub(super) mod configured;
pub(super) mod conflicts;
pub(super) mod unix_paths;
