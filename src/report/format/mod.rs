//! The same report for programs and pages.

pub(super) mod github;
pub(super) mod json;
pub(super) mod junit;
pub(super) mod markdown;
pub(super) mod nagios;
pub(super) mod short;
