//! Plans and what they would cost: pure functions of facts.
//!
//! - `basis`: what must still hold when a plan is applied
//! - `diff`: the next worker against the running one
//! - `guard`: the plan of `guard install` and `guard remove`
//! - `losses`: the loss ledger
//! - `model`: a plan, its steps and its id
//! - `reload`: the plan of a reload
//! - `replay`: what a reload would lose, and how to put it back
//! - `restart`: the plan of a restart
//! - `rollback`: the rollback of a reload, as a part of its plan
//! - `runbook`: what to do by hand
//! - `service_lookup`: which service a word stands for

pub mod basis;
pub mod diff;
pub mod guard;
pub mod losses;
pub mod model;
mod reload;
pub mod replay;
pub mod restart;
pub mod rollback;
pub mod runbook;
pub mod service_lookup;
pub mod step;

pub use basis::{Basis, BasisChange};
pub use diff::WorkerDiff;
pub use diff::changes::StateChanges;
pub use losses::{Effect, Ledger, Loss, LossKind, ledger};
pub use model::Plan;
pub use reload::{reload, reload_of};
pub use restart::{RestartMethod, break_glass_step, restart};
pub use rollback::RollbackPlan;
pub use runbook::service::{
    ServiceRunbook, service_runbook, single_restart_command, socket_activated_runbook,
};
pub use runbook::{RunbookStep, manual_restart, safe_alternatives};
pub use step::{Action, ReloadMethod, RestartBy, Step, StepMethod, Verb};
