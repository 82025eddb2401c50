//! Plans and what they would cost: pure functions of facts, no I/O.

pub mod advice;
pub mod losses;
pub mod replay;

pub use advice::{Advice, alternatives, by_hand};
pub use losses::{Fate, Kind, Ledger, Loss, ledger};
