//! Whatever stands in a saved look, it is refused or judged by every check, and nothing panics.
#![no_main]

use haguard::{checks, facts, plan};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(facts) = facts::parse(&String::from_utf8_lossy(data)) else { return };
    let ledger = plan::ledger(&facts);
    let findings = checks::judge(&facts, &ledger, &[]);
    assert_eq!(findings.len(), checks::catalog::CHECKS.len());
    let _ = (checks::verdict(&findings), plan::alternatives(&facts), plan::by_hand(&facts));
});
