//! Configuration: values from flags, the environment and `haguard.toml`, each with its origin.
//!
//! - `environment`: environment variables
//! - `file`: haguard.toml
//! - `keys`: every key with its meaning and default
//! - `pins`: `[[pin]]` tables
//! - `settings`: flag over environment over file, each value with its origin

pub mod environment;
pub mod file;
pub mod keys;
pub mod pins;
pub mod settings;

pub use environment::Environment;
pub use settings::{Origin, Settings, Sourced};
