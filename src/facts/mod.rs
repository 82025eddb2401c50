//! Facts: what was seen of one HAProxy and of what surrounds it. Data only; `gather` fills it.

pub mod known;

pub use known::Known;
