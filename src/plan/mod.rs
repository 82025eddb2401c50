//! Plans and what they would cost: pure functions of facts, no I/O.

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

pub use basis::{Basis, BasisChange};
pub use diff::binds::{ListenerDiff, diff_listeners, missing_listeners};
pub use diff::{WorkerStateDiff, diff_worker_states};
pub use losses::{Effect, Ledger, Loss, LossKind, ledger};
pub use model::{Action, Plan, Step, StepMethod};
pub use reload::reload;
pub use restart::{RestartMethod, break_glass_step, restart};
pub use rollback::RollbackPlan;
pub use runbook::service::{
    ServiceRunbook, service_runbook, single_restart_command, socket_activated_runbook,
};
pub use runbook::{RunbookStep, manual_restart, safe_alternatives};
