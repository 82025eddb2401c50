//! A running HAProxy.

pub mod runtime;
