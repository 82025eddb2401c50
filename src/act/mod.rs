//! What haguard writes. So far that is its own journal and nothing else.

pub mod journal;
