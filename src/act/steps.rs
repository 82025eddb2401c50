//! The loop over the steps of a plan: what was shown for consent is what is carried out, in that order.

use std::ops::ControlFlow;

use crate::plan::{Plan, Step};

/// Carries out single steps of one kind of operation.
pub(super) trait StepExecutor {
    /// Carries out one step. A break ends the loop: the executor says itself how the operation ended.
    fn execute(&mut self, step: &Step) -> ControlFlow<()>;
}

/// Carries out every step until one breaks.
pub(super) fn execute_plan(plan: &Plan, executor: &mut impl StepExecutor) {
    let _ = plan.steps.iter().try_for_each(|step| executor.execute(step));
}
