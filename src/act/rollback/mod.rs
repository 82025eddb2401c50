//! Going back to the previous configuration.

pub mod previous_config;
pub mod restore_files;
