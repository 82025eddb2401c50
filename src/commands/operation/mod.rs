//! What every operation does in the same way.

pub(super) mod ask_consent;
pub(super) mod gather_facts;
pub(super) mod journal_entry;
pub(super) mod lock_and_freeze;
pub(super) mod progress;
pub(super) mod report;
