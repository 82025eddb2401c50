//! What every command that changes something has in common.
//!
//! - `ask_consent`: asks for consent and looks again after it
//! - `gather_facts`: looks at the host, with a spinner
//! - `instance_report`: what the reports of a reload and a restart have in common
//! - `journal_entry`: writes the journal entry of a run
//! - `lock_and_freeze`: takes the lock and honours a freeze
//! - `progress`: shows the step under way
//! - `report`: the reports that every operation has: the plan, no consent, how it ended
//! - `runner`: runs an operation

pub(super) mod ask_consent;
pub(super) mod gather_facts;
pub(super) mod instance_report;
pub(super) mod journal_entry;
pub(super) mod lock_and_freeze;
pub(super) mod progress;
pub(super) mod report;
pub(super) mod runner;
