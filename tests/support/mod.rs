//! What tests share: real parts, started on loopback and ended exactly.
