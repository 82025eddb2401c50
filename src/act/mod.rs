//! The only writer: consent, the lock, the journal, the act itself and its proof.

pub mod consent;
pub mod guard;
pub mod observe;
pub mod operation;
pub mod pins;
pub mod proof;
pub mod reload;
pub mod restart;
pub mod rollback;
pub mod runtime_state;
pub mod signals;
