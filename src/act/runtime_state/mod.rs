//! Runtime state: kept before a new worker starts, and put into it.

mod commands;
pub mod preserve;
pub mod replay;
