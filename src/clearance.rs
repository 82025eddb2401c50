//! Proof of consent: whatever changes something outside haguard's own state folder takes one.

/// The consent to one plan. `act::consent` alone grants it, which tests/architecture.rs holds; what has none to show
/// does not compile.
#[derive(Debug, Clone)]
#[must_use = "a clearance is for the change that it was given for"]
pub struct Clearance {
    plan_id: String,
}

impl Clearance {
    /// The consent to the plan with this id.
    pub(crate) fn grant(plan_id: &str) -> Self {
        Clearance { plan_id: plan_id.to_owned() }
    }

    /// The plan that was consented to.
    pub fn plan_id(&self) -> &str {
        &self.plan_id
    }
}
