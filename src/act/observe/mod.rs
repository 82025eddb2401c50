//! What is measured during a change.
//!
//! - `downtime`: how long each address took no connection over a restart
//! - `refused_connections`: how long listeners were missing over a reload
//! - `server_health`: servers that were up before and are down now

pub mod downtime;
pub mod refused_connections;
pub mod server_health;
