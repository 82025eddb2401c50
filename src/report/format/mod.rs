//! Reports for programs and pages.
//!
//! - `github`: annotations of GitHub Actions
//! - `json`: the JSON document
//! - `junit`: a JUnit report
//! - `markdown`: `inspect -o markdown`
//! - `nagios`: a Nagios plugin's answer
//! - `short`: only what is not ok

pub(super) mod github;
pub(super) mod json;
pub(super) mod junit;
pub(super) mod markdown;
pub(super) mod nagios;
pub(super) mod short;
