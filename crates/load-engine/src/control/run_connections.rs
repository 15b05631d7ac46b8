//! Runs one step of held connections.

use bench_report::Operation;

use super::cancel::Cancel;
use super::controller::Controller;
use super::observer::Observer;
use super::step_result::StepResult;
use crate::held::connection_factory::ConnectionFactory;
use crate::held::held_load::HeldLoad;
use crate::held::held_step::HeldLevel;
use crate::held::held_step_load::HeldStepLoad;
use crate::plan::step_plan::StepPlan;

/// Result of a step of held connections.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldResult {
    /// Result as of any step. Its messages and attempts to connect are among the operations.
    pub result: StepResult,
    /// One message of every connection at the end of the step; absent where that was not reached.
    pub checks: Option<Operation>,
    /// Number of connections that are open after the step.
    pub open: u64,
    /// True if more attempts to connect failed than may, so that no connections were held.
    pub connects_broke: bool,
}

/// Runs one step on the connections of `load`: opens those that are missing, holds them while some
/// send messages, and checks that each is alive. They stay open.
pub fn run_connections<F: ConnectionFactory>(
    load: &mut HeldLoad<F>,
    plan: &StepPlan,
    level: HeldLevel,
    cancel: &Cancel,
    observer: &mut dyn Observer,
) -> HeldResult {
    let mut source = HeldStepLoad::new(load, plan, level);
    let account = Controller::new(plan, cancel, observer, &mut source).run();
    let (checks, connects_broke) = (source.checks(), source.has_broken());
    HeldResult {
        result: account.into_step(plan),
        checks,
        open: load.open(),
        connects_broke,
    }
}
