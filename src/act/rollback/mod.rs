//! Going back to the previous configuration.
//!
//! - `previous_config`: where the bytes of the previous configuration are
//! - `restore_files`: puts files back and keeps what stood there

pub mod previous_config;
pub mod restore_files;
