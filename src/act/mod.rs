//! What haguard writes: its own journal, and what a reload lost into the worker that lost it.

pub mod journal;
pub mod replay;
