//! Plans and what they would cost: pure functions of facts, no I/O.

pub mod advice;
pub mod asked;
mod asked_container;
pub mod asked_unit;
pub mod basis;
pub mod binds;
pub mod difference;
pub mod guard;
pub mod keepers;
pub mod losses;
pub mod procedure;
mod reload;
pub mod replay;
pub mod restart;
pub mod start;
pub mod steps;
pub mod way_back;

pub use advice::{Advice, alternatives, by_hand};
pub use basis::{Basis, Moved};
pub use binds::{BindChange, bind_change, not_held};
pub use difference::{Difference, difference};
pub use losses::{Fate, Kind, Ledger, Loss, ledger};
pub use procedure::{Procedure, activated, one_command, procedure};
pub use reload::reload;
pub use restart::{Manner, emergency, restart};
pub use steps::{Action, Plan, Step, Way};
pub use way_back::WayBack;
