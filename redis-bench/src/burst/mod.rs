//! Scenario `burst`: the workload of a cache, or a script of the user, whose load rises for a while,
//! with a storm of new connections meanwhile if asked for.

mod text;

use std::collections::BTreeMap;

use bench_report::names::{load_series, steps};
use bench_report::{Report, Series, Step, Warning};
use load_engine::StepPlan;
use serde_json::json;

use crate::cache::curve::{LimitedStep, MemoryLimit, StepKeys};
use crate::cli::ReadFrom;
use crate::clients::ClientKind;
use crate::keys::run_keys::RunKeys;
use crate::keys::steady_state::SteadyState;
use crate::run::workload::{NeededCommand, RedisWorkload, Variants};

/// Scenario `burst` of `redis-bench`: the requests of `inner` under a load that rises for a while.
#[derive(Debug)]
pub(crate) struct Burst<W> {
    inner: W,
    storm: Option<u64>,
}

impl<W: RedisWorkload> Burst<W> {
    /// Creates the scenario with the requests of `inner`, and a storm of this number of connections.
    pub(crate) fn new(inner: W, storm: Option<u64>) -> Self {
        Self { inner, storm }
    }
}

/// Every question but those about the load and its course is answered by the inner workload.
impl<W: RedisWorkload> RedisWorkload for Burst<W> {
    type Work = W::Work;

    fn keyspace(&self, prefix: &str, seed: u64) -> RunKeys {
        self.inner.keyspace(prefix, seed)
    }

    fn variants(&self) -> Variants {
        self.inner.variants()
    }

    fn work(&self, keyspace: RunKeys, variant: usize) -> W::Work {
        self.inner.work(keyspace, variant)
    }

    fn commands(&self) -> &'static [&'static str] {
        self.inner.commands()
    }

    fn commands_per_request(&self) -> u64 {
        self.inner.commands_per_request()
    }

    fn unbounded_commands(&self) -> &'static [&'static str] {
        self.inner.unbounded_commands()
    }

    fn without_commands(&self) -> &'static [&'static str] {
        self.inner.without_commands()
    }

    fn has_fixed_commands(&self) -> bool {
        self.inner.has_fixed_commands()
    }

    fn config(&self) -> BTreeMap<String, serde_json::Value> {
        let mut config = self.inner.config();
        config.extend(self.storm.map(|storm| ("storm".to_owned(), json!(storm))));
        config
    }

    fn describe(&self, plan: StepPlan) -> StepPlan {
        self.inner.describe(plan)
    }

    fn default_clients(&self) -> &'static [ClientKind] {
        self.inner.default_clients()
    }

    fn steady_state(&self, requests_per_s: f64) -> Option<SteadyState> {
        self.inner.steady_state(requests_per_s)
    }

    fn begins_steady(&self) -> bool {
        self.inner.begins_steady()
    }

    fn limit(&self, variant: usize) -> Option<MemoryLimit> {
        self.inner.limit(variant)
    }

    fn conclude_limited(&self, step: &mut Step, limited: &LimitedStep, keys: StepKeys) {
        self.inner.conclude_limited(step, limited, keys);
    }

    fn conclude(&self, step: &mut Step) {
        self.inner.conclude(step);
    }

    fn reads_from(&self) -> ReadFrom {
        self.inner.reads_from()
    }

    fn only_reads(&self) -> bool {
        self.inner.only_reads()
    }

    fn tracks_keys(&self) -> bool {
        self.inner.tracks_keys()
    }

    fn storm(&self) -> Option<u64> {
        self.storm
    }

    fn needed_command(&self) -> Option<NeededCommand> {
        self.inner.needed_command()
    }

    fn cluster_refusal(&self) -> Option<String> {
        self.inner.cluster_refusal()
    }

    fn fewer_keys(&self) -> &'static str {
        self.inner.fewer_keys()
    }

    fn written_bytes(&self) -> u64 {
        self.inner.written_bytes()
    }

    fn written_keys(&self, prefix: &str) -> Vec<Vec<u8>> {
        self.inner.written_keys(prefix)
    }

    fn conclude_course(
        &self,
        step: &mut Step,
        _index: usize,
        series: &[Series],
    ) -> Option<Warning> {
        for (segment, most) in backlogs(step, series) {
            step.member(steps::BACKLOG_BY_SEGMENT, &segment, most);
        }
        None
    }

    fn text(&self, report: &Report) -> String {
        self.inner.text(report) + &text::told(report, &self.variants(), self.storm.is_some())
    }
}

/// Returns the largest number of unanswered requests in each segment of `step` that has a reading,
/// by the name of the segment. A reading is that at the end of an interval of the time charts.
fn backlogs(step: &Step, series: &[Series]) -> Vec<(String, f64)> {
    let is_backlog = |one: &&Series| one.name == load_series::LOAD_UNANSWERED.as_str();
    let Some(unanswered) = series.iter().find(is_backlog) else {
        return Vec::new();
    };
    let readings = || unanswered.at_ns.iter().zip(&unanswered.max);
    let most = step.segments.iter().filter_map(|segment| {
        let is_within = |at_ns: u64| {
            let mut spans = segment.spans.iter();
            spans.any(|span| (span.start_ns..=span.end_ns).contains(&at_ns))
        };
        let within = readings().filter(|(at_ns, _)| is_within(**at_ns));
        let most = within.filter_map(|(_, count)| *count).reduce(f64::max)?;
        Some((segment.name.clone(), most))
    });
    most.collect()
}

#[cfg(test)]
mod tests {
    use bench_report::{StepSegment, StepSpan};
    use test_support::empty_step;

    use super::*;

    #[test]
    fn the_backlog_of_a_segment_is_the_largest_reading_in_it() {
        let segment = |name: &str, start_ns, end_ns| StepSegment {
            name: name.to_owned(),
            spans: vec![StepSpan { start_ns, end_ns }],
            operations: BTreeMap::new(),
        };
        let mut step = empty_step("pool of 8");
        step.segments = vec![
            segment("before", 100, 200),
            segment("spike", 200, 300),
            segment("after", 300, 320),
        ];
        let mut unanswered = Series::new(load_series::LOAD_UNANSWERED);
        for (at_ns, count) in [
            (50, 99.0),
            (150, 2.0),
            (210, 70.0),
            (290, 30.0),
            (330, 40.0),
        ] {
            unanswered.push(at_ns, Some(count));
        }
        let found = backlogs(&step, &[unanswered]);
        // No reading falls into the last segment, which is not the same as no backlog.
        let expected = [("before".to_owned(), 2.0), ("spike".to_owned(), 70.0)];
        assert_eq!(found, expected);
        assert_eq!(backlogs(&step, &[]), []);
    }
}
