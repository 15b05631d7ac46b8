//! Workload of a scenario: the keys, the users' requests on them, and figures from their results.

use std::collections::BTreeMap;

use bench_cli::UsageError;
use bench_report::Step;
use load_engine::StepPlan;

use crate::clients::Work;
use crate::run_keys::RunKeys;

/// Workload of a scenario: the keys, the users' requests on them, and figures from their results.
pub(crate) trait RedisWorkload {
    /// Requests that users make.
    type Work: Work;

    /// Returns the keys of a step.
    fn keyspace(&self, prefix: &str, seed: u64) -> RunKeys;

    /// Creates the users' requests on these keys.
    fn work(&self, keyspace: RunKeys) -> Self::Work;

    /// Returns the commands that the requests consist of, in lower case as in the server's statistics.
    fn commands(&self) -> &'static [&'static str];

    /// Returns the flags of the scenario as entries of the report's `config`.
    fn config(&self) -> BTreeMap<String, serde_json::Value>;

    /// Adds the scenario's own parameters to a step's plan.
    fn describe(&self, plan: StepPlan) -> StepPlan {
        plan
    }

    /// Adds the scenario's own figures to a finished step.
    fn conclude(&self, step: &mut Step) {
        let _ = step;
    }
}

/// Checks that Redis can store values of `bytes` bytes, before anything is begun.
///
/// # Errors
/// Fails if the values are too long.
pub(crate) fn check_value_size(bytes: u64) -> Result<(), UsageError> {
    if bytes > crate::cli::LONGEST_VALUE {
        return Err(UsageError(
            "Redis takes values of up to 512 MiB; use a smaller --value-size".to_owned(),
        ));
    }
    Ok(())
}
