//! The only writer: consent, the lock, the journal, the act itself and its proof.

pub mod apply;
pub mod bundle;
pub mod claims;
pub mod confirm;
pub mod downtime;
pub mod guard;
pub mod health;
pub mod hold;
pub mod interrupts;
pub mod journal;
pub mod kept;
pub mod listeners;
pub mod lock;
pub mod newest;
pub mod outcome;
pub mod pending;
pub mod pins;
pub mod previous;
pub mod put_back;
pub mod replay;
pub mod restart;
pub mod run;
pub mod shown;
pub mod snapshot;
pub mod steps;
pub mod watch;
