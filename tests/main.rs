//! The one integration binary: each file beside it tells one subject.
mod support;
