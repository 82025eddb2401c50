//! What is measured while an act runs.

pub mod downtime;
pub mod refused_connections;
pub mod server_health;
