//! Run of one step on held connections.

use bench_report::Operation;

use super::cancel::Cancel;
use super::controller::Controller;
use super::observer::Observer;
use super::run_account::RunAccount;
use super::step_result::StepResult;
use crate::held::connection_factory::ConnectionFactory;
use crate::held::held_load::HeldLoad;
use crate::held::held_step::HeldLevel;
use crate::held::held_step_load::HeldStepLoad;
use crate::plan::step_plan::StepPlan;

/// Result of a step on held connections.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldResult {
    /// Result like that of any step. Its operations include attempts to connect and messages.
    pub result: StepResult,
    /// Results of one message on every connection at the end of the step; absent if the step ended
    /// before.
    pub checks: Option<Operation>,
    /// Number of open connections after the step.
    pub open: u64,
    /// True if more attempts to connect failed than are allowed, so that the step held no
    /// connections.
    pub connects_broke: bool,
}

/// Runs one step on the connections of `load`. It opens the missing connections, holds all of them
/// while some exchange messages, and checks that each is alive. The connections stay open
/// afterwards.
pub fn run_connections<F: ConnectionFactory>(
    load: &mut HeldLoad<F>,
    plan: &StepPlan,
    level: HeldLevel,
    cancel: &Cancel,
    observer: &mut dyn Observer,
) -> HeldResult {
    let mut source = HeldStepLoad::new(load, plan, level);
    let account = Controller::new(plan, cancel, observer, &mut source).run();
    HeldResult::new(account, plan, level)
}

impl HeldResult {
    /// Creates the result of a step from the measurements of its run.
    pub(crate) fn new(mut account: RunAccount, plan: &StepPlan, level: HeldLevel) -> Self {
        let held = account.collected.held.take().unwrap_or_default();
        Self {
            checks: held.checks.into_values().next(),
            open: held.open,
            connects_broke: held.failed_connects > level.allowed_failures,
            result: account.into_step(plan),
        }
    }
}
