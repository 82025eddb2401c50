//! What tests share: real parts, started on loopback and ended exactly.
pub(crate) mod builder;
pub(crate) mod dataplane;
pub(crate) mod document;
pub(crate) mod golden;
pub(crate) mod haguard;
pub(crate) mod haproxy;
pub(crate) mod http;
pub(crate) mod origin;
pub(crate) mod pem;
pub(crate) mod ports;
pub(crate) mod process;
pub(crate) mod sandbox;
pub(crate) mod skip;
pub(crate) mod standin;
pub(crate) mod truth;
pub(crate) mod wait;
