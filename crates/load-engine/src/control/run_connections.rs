//! Run of one step on connections that stay open.

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

/// Result of a step on connections that stay open from step to step.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldResult {
    /// Result as of any step. Its operations include attempts to connect and messages.
    pub result: StepResult,
    /// Results of the message that checks every connection at the end of the step; `None` if the
    /// step ended before.
    pub checks: Option<Operation>,
    /// Number of connections that are open after the step.
    pub open: u64,
    /// True if more attempts to connect failed than are allowed, so that the step ended before it
    /// held its connections.
    pub connects_broke: bool,
}

/// Runs one step on the connections of `load`, in this process. Opens the missing connections,
/// holds all of them while some exchange messages, and checks that each is alive. The connections
/// stay open afterwards. Setting `cancel` ends the step early.
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
    /// Creates the result from the measurements of a step's run.
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
