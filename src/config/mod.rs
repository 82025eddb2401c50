//! Configuration: what the operator said, in a file, the environment or flags, and where each value came from.
//!
//! - `environment`: environment variables
//! - `file`: haguard.toml
//! - `pins`: `[[pin]]` tables
//! - `settings`: flag over environment over file, each value with its origin

pub mod environment;
pub mod file;
pub mod pins;
pub mod settings;

pub use environment::Environment;
pub use settings::{Origin, Settings, Sourced};
