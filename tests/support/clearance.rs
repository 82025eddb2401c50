//! The consent that what changes something demands.

use haguard::act::consent::{ConsentSource, obtain_clearance};
use haguard::act::signals::Interrupts;
use haguard::clearance::Clearance;
use haguard::plan::{Basis, Plan};

/// A clearance for an empty plan, had as an operator has it: by the plan's id.
pub(crate) fn clearance() -> Clearance {
    let plan =
        Plan::new("test", Vec::new(), "a HAProxy of this test".to_owned(), Basis::default(), Vec::new());
    let by_id = ConsentSource::PlanId(&plan.id);
    let cleared = obtain_clearance(&plan, &[], by_id, |_| None, || (), &Interrupts::default());
    cleared.unwrap().clearance().clone()
}
