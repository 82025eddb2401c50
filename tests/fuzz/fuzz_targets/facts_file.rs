//! Whatever stands in a saved look, it is refused or judged by every check, and nothing panics.
#![no_main]

use haguard::{checks, facts, plan};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(facts) = facts::parse_snapshot(&String::from_utf8_lossy(data)) else { return };
    let ledger = plan::ledger(&facts);
    let findings = checks::run_checks(&facts, &ledger, &[]);
    assert_eq!(findings.len(), checks::catalog::general_checks().count());
    let _ = (checks::exit_code(&findings), plan::safe_alternatives(&facts), plan::manual_restart(&facts));
});
