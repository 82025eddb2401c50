//! The only room that writes to HAProxy, to systemd or to a container: consent, the lock, the journal, the change and
//! its proof.
//!
//! - `consent`: makes a Clearance from a plan, its verdict and a yes
//! - `guard`: installs and removes the guard of a unit
//! - `observe`: downtime, refused connections and server health during a change
//! - `operation`: what a change is given, and its result
//! - `pins`: writes pins into haguard.toml
//! - `proof`: compares what was with what is
//! - `reload`: orders a reload and finds out which worker serves
//! - `restart`: restarts by systemd, by a container daemon or by process
//! - `rollback`: puts the previous configuration back
//! - `runtime_state`: reads runtime state before a reload and puts it back after it
//! - `signals`: SIGINT and SIGTERM during a change

pub mod config_store;
pub mod consent;
pub mod guard;
pub mod observe;
pub mod operation;
pub mod pins;
pub mod proof;
mod recheck;
pub mod reload;
pub mod restart;
pub mod rollback;
pub mod runtime_state;
pub mod signals;
mod steps;
