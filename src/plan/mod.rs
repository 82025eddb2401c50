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

pub use basis::{Basis, Moved};
pub use diff::binds::{BindChange, bind_change, not_held};
pub use diff::{Difference, difference};
pub use losses::{Fate, Kind, Ledger, Loss, ledger};
pub use model::{Action, Plan, Step, Way};
pub use reload::reload;
pub use restart::{Manner, emergency, restart};
pub use rollback::WayBack;
pub use runbook::service::{Procedure, activated, one_command, procedure};
pub use runbook::{Advice, alternatives, by_hand};
