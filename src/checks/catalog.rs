//! The catalogue: the groups' rows, joined. A row stands at the head of its group's file.

use super::{Check, arch, config, dp, guard, host, proc, reload, restart, runtime};

/// Groups that belong to no single operation.
const GENERAL: &[&[Check]] =
    &[arch::ROWS, proc::ROWS, config::ROWS, runtime::ROWS, dp::ROWS, guard::ROWS, host::ROWS];

/// Checks that only one operation needs.
const OPERATIONS: &[&[Check]] = &[reload::ROWS, guard::OPERATION_ROWS, restart::ROWS];

/// The checks that belong to no single operation, in the order they are shown.
pub fn general_checks() -> impl Iterator<Item = &'static Check> {
    GENERAL.iter().copied().flatten()
}

/// Every check there is.
pub fn all_checks() -> impl Iterator<Item = &'static Check> {
    general_checks().chain(OPERATIONS.iter().copied().flatten())
}

/// The check of this id.
pub fn find(id: &str) -> Option<&'static Check> {
    all_checks().find(|check| check.id == id)
}

/// The ids that a name stands for: a check's own, or those of a group that belong to no single operation.
pub fn ids_for_name(name: &str) -> Vec<&'static str> {
    let group = general_checks().filter(|check| check.group() == name);
    find(name).into_iter().chain(group).map(|check| check.id).collect()
}

/// The known id that is most like this one.
pub fn nearest_id(id: &str) -> &'static str {
    let score = |check: &&'static Check| (strsim::jaro_winkler(id, check.id) * 1e6) as u64;
    all_checks().max_by_key(score).map_or("", |check| check.id)
}
