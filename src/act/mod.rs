//! The only writer: consent, the lock, the journal, the act itself and its proof.

pub mod confirm;
pub mod interrupts;
pub mod journal;
pub mod lock;
pub mod shown;
pub mod steps;
