//! Runtime state: read before a new worker starts, and put into it.
//!
//! - `commands`: one step of a replay as runtime commands
//! - `preserve`: reads the old worker and replays into the new one
//! - `replay`: sends the steps and proves each by reading again

mod commands;
pub mod preserve;
pub mod replay;
