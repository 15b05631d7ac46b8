//! Workload of a scenario: the keys, the users' requests on them, and figures from their results.

use std::collections::BTreeMap;
use std::time::Duration;

use bench_cli::UsageError;
use bench_cli::load::Defaults;
use bench_report::{Report, Series, Step, Warning};
use load_engine::{RuntimeKind, StepPlan};

use crate::cache::curve::{LimitedStep, MemoryLimit, StepKeys};
use crate::cli::ReadFrom;
use crate::clients::{self, ClientKind, Work};
use crate::keys::run_keys::RunKeys;
use crate::keys::steady_state::SteadyState;

/// Workload of a scenario: the keys, the users' requests on them, and figures from their results.
pub(crate) trait RedisWorkload {
    /// Type of the requests that users send.
    type Work: Work;

    /// Returns the keys of a step. `prefix` is the beginning of their names, and `seed` that of
    /// random draws.
    fn keyspace(&self, prefix: &str, seed: u64) -> RunKeys;

    /// Returns the variants that one run compares; a single one without a name by default.
    fn variants(&self) -> Variants {
        Variants::default()
    }

    /// Creates the users' requests on the keys `keyspace`, in the variant with this index.
    fn work(&self, keyspace: RunKeys, variant: usize) -> Self::Work;

    /// Returns the names of the commands that the requests consist of, in lower case as in the
    /// server's statistics.
    fn commands(&self) -> &'static [&'static str];

    /// Returns the number of times that a request sends each of its commands, as in a pipeline.
    fn commands_per_request(&self) -> u64 {
        1
    }

    /// Returns those of [`Self::commands`] that a request may send any number of times; none by default.
    fn unbounded_commands(&self) -> &'static [&'static str] {
        &[]
    }

    /// Returns the names of the operations that send nothing to the server; none by default.
    fn without_commands(&self) -> &'static [&'static str] {
        &[]
    }

    /// Returns true (the default) if every request sends [`Self::commands`], so that the server's
    /// counts of commands can be compared with the number of requests.
    fn has_fixed_commands(&self) -> bool {
        true
    }

    /// Returns the scenario's own flags as entries of the report's `config`.
    fn config(&self) -> BTreeMap<String, serde_json::Value>;

    /// Returns the plan of a step with the scenario's own parameters added; unchanged by default.
    fn describe(&self, plan: StepPlan) -> StepPlan {
        plan
    }

    /// Returns the ways to connect of a run without `--client`.
    fn default_clients(&self) -> &'static [ClientKind] {
        &clients::DEFAULT
    }

    /// Returns the state that the keys reach after a long time at `requests_per_s`; `None`, the
    /// default, if the load does not change which keys are there.
    fn steady_state(&self, requests_per_s: f64) -> Option<SteadyState> {
        let _ = requests_per_s;
        None
    }

    /// Returns true if a step begins in the steady state of its load, false (the default) if it
    /// begins with the keys of [`Self::keyspace`].
    fn begins_steady(&self) -> bool {
        false
    }

    /// Returns the limit of the memory of the throwaway server in this variant; none by default.
    fn limit(&self, variant: usize) -> Option<MemoryLimit> {
        let _ = variant;
        None
    }

    /// Adds the figures of a step on a server whose memory is limited; none by default.
    fn conclude_limited(&self, step: &mut Step, limited: &LimitedStep, keys: StepKeys) {
        let _ = (step, limited, keys);
    }

    /// Adds the scenario's own figures to a finished step; none by default.
    fn conclude(&self, step: &mut Step) {
        let _ = step;
    }

    /// Returns the server that reads go to; the primary by default.
    fn reads_from(&self) -> ReadFrom {
        ReadFrom::Primary
    }

    /// Returns true if the server must track the keys that a connection read, false (the default) if it
    /// need not.
    fn tracks_keys(&self) -> bool {
        false
    }

    /// Returns true if every request only reads, false (the default) if some write.
    fn only_reads(&self) -> bool {
        false
    }

    /// Returns the number of further clients that connect at once when the spike of a step begins;
    /// `None`, the default, if there is no such storm.
    fn storm(&self) -> Option<u64> {
        None
    }

    /// Returns a command that not every server has, but this run needs; none by default.
    fn needed_command(&self) -> Option<NeededCommand> {
        None
    }

    /// Returns a sentence about the requests that cannot be made on a cluster, because they use keys
    /// of several slots at once; `None`, the default, if there are none.
    fn cluster_refusal(&self) -> Option<String> {
        None
    }

    /// Returns how the user makes the keys of the run fewer.
    fn fewer_keys(&self) -> &'static str {
        "fewer --keys"
    }

    /// Estimates the memory of the keys that only requests write, beside those of the keyspace, in
    /// bytes; none by default.
    fn written_bytes(&self) -> u64 {
        0
    }

    /// Returns the names of the keys that only requests write, which are removed by their names
    /// where the server refuses to scan. `prefix` is the beginning of all names. None by default.
    fn written_keys(&self, prefix: &str) -> Vec<Vec<u8>> {
        let _ = prefix;
        Vec::new()
    }

    /// Adds the scenario's own figures about the course of a finished step, the one at `index` of
    /// the report with these `series`. Returns a warning about what did not hold still; by default
    /// there are none.
    fn conclude_course(&self, step: &mut Step, index: usize, series: &[Series]) -> Option<Warning> {
        let _ = (step, index, series);
        None
    }

    /// Returns what the scenario says about its steps below the tables of a finished run, broken at
    /// 80 columns; nothing by default.
    fn text(&self, report: &Report) -> String {
        let _ = report;
        String::new()
    }
}

/// Command that not every server has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NeededCommand {
    /// Name of the command, in upper case.
    pub(crate) name: &'static str,
    /// What to do where the server does not have it.
    pub(crate) remedy: &'static str,
}

/// Variants of a workload that one run compares, such as algorithms or forms of storage. Each is a
/// setting of its own, with the name as a step parameter.
#[derive(Debug, Clone, Default)]
pub(crate) struct Variants {
    /// Name of the step parameter.
    pub(crate) parameter: &'static str,
    /// Name of each variant; empty if there is only one, without a name.
    pub(crate) names: Vec<String>,
}

impl Variants {
    /// Returns the number of variants; at least 1.
    pub(crate) fn count(&self) -> usize {
        self.names.len().max(1)
    }
}

/// Checks that Redis can store values of `bytes` bytes, before a run begins.
///
/// # Errors
/// Fails with a usage error if they are longer than 512 MiB.
pub(crate) fn check_value_size(bytes: u64) -> Result<(), UsageError> {
    if bytes > crate::keys::run_keys::LONGEST_VALUE {
        return Err(UsageError(
            "Redis takes values of up to 512 MiB; use a smaller --value-size".to_owned(),
        ));
    }
    Ok(())
}

/// Returns the lengths and repeats of a run without flags for them, on a generator of kind
/// `runtime`.
pub(crate) fn defaults(runtime: RuntimeKind) -> Defaults {
    Defaults {
        warmup: Duration::from_secs(1),
        measure: Duration::from_secs(5),
        repeats: 3,
        runtime,
    }
}
