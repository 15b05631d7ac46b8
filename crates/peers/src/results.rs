//! Results file of the peer benchmark. It contains every pair of runs, so that all figures can be
//! calculated again.

use std::time::SystemTime;

use bench_cli::output;
use bench_report::{Environment, Tool};
use serde::{Deserialize, Serialize};
use statistics::median;

use crate::contest::{CPU_COVERS, Compared};
use crate::pairs::{CONFIDENCE, PairRule, RunPair, estimate};
use crate::plan::ContestPlan;
use crate::recorder::RecorderCost;
use crate::verdict::BoundVerdict;

/// Name and version of the results file's format.
pub(crate) const SCHEMA: &str = "plimsoll.peers/1";

/// Results of all contests of one run of the benchmark.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PeerResults {
    /// Name and version of the file's format, [`SCHEMA`].
    pub(crate) schema: String,
    /// Program and version that wrote the file.
    pub(crate) tool: Tool,
    /// Start of the run as a time in RFC 3339, in UTC, with milliseconds.
    pub(crate) started_at: String,
    /// Machine on which the benchmark ran, with the versions of the peers.
    pub(crate) environment: Environment,
    /// Settings of the run, the same for all contests.
    pub(crate) settings: ResultSettings,
    /// Result of each contest that was begun, in the order in which they ran.
    pub(crate) contests: Vec<ContestResult>,
    /// Cost of recording requests; `None` until a contest of `db-pool-bench` was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) recorder: Option<RecorderCost>,
}

impl PeerResults {
    /// Creates the results, without a contest, of a run that begins now. `seconds` is the measured
    /// time of each run of a program.
    pub(crate) fn begin(seconds: u64, rule: &PairRule, environment: Environment) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            tool: output::tool("peers", env!("CARGO_PKG_VERSION")),
            started_at: humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
            environment,
            settings: ResultSettings {
                seconds,
                least_pairs: rule.least,
                most_pairs: rule.most,
                half_width_ratio: rule.half_width,
                confidence_ratio: CONFIDENCE,
                cpu_covers: CPU_COVERS.to_owned(),
            },
            contests: Vec::new(),
            recorder: None,
        }
    }

    /// Returns the highest of the medians of throughput that the contests measured for our program
    /// `program`, in operations per second; `None` if no contest did.
    pub(crate) fn highest_rate_of(&self, program: &str) -> Option<f64> {
        let ours = self
            .contests
            .iter()
            .filter(|contest| contest.ours == program);
        ours.filter_map(|contest| Some(contest.medians?.ours_operations_per_s))
            .max_by(f64::total_cmp)
    }
}

/// Settings of a run of the benchmark, the same for all contests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ResultSettings {
    /// Length of the measured part of each run, in seconds.
    pub(crate) seconds: u64,
    /// Smallest number of pairs of runs in a contest.
    pub(crate) least_pairs: usize,
    /// Largest number of pairs of runs in a contest.
    pub(crate) most_pairs: usize,
    /// Half-width of the ratio's confidence interval at which a contest ends: absolute, or a share
    /// of the ratio in contests without an expected ratio of at most 1.
    pub(crate) half_width_ratio: f64,
    /// Confidence of that interval, as a share of 1.
    pub(crate) confidence_ratio: f64,
    /// Text that names the periods covered by the CPU times of the two sides.
    pub(crate) cpu_covers: String,
}

/// Way in which a contest ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub(crate) enum ContestOutcome {
    /// The contest was measured until its ratio was certain enough, or for the largest number of
    /// pairs.
    Measured,
    /// The contest was not measured because its peer is missing, which is a shortfall.
    MissingPeer {
        /// Sentence that names the missing program and the package to install.
        reason: String,
    },
    /// The contest could not be run, or not to its end; pairs measured before are kept.
    Failed {
        /// Message of the error that ended the contest.
        reason: String,
    },
    /// A signal ended the contest; pairs measured before are kept.
    Interrupted,
}

/// Result of one contest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ContestResult {
    /// Name of the contest, as given to `--only`.
    pub(crate) name: String,
    /// Name of this project's program.
    pub(crate) ours: String,
    /// Name of the peer program.
    pub(crate) peer: String,
    /// Way in which the contest ended.
    pub(crate) outcome: ContestOutcome,
    /// Figure by which the two sides are compared.
    #[serde(default)]
    pub(crate) compared: Compared,
    /// Expected ratio ours ÷ the peer's: the smallest for throughput, the largest for CPU time.
    /// `None` if the ratio is only shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expected_ratio: Option<f64>,
    /// Ratio of the compared figure, ours ÷ the peer's; `None` for fewer than two pairs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ratio: Option<Ratio>,
    /// Verdict on the ratio; `None` if there is no ratio or no expected one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) verdict: Option<BoundVerdict>,
    /// Largest CPU time in nanoseconds that one of our operations may take; `None` if there is no
    /// bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) most_cpu_per_operation_ns: Option<f64>,
    /// Verdict on the median of our CPU time per operation; `None` if there is no pair or no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cpu_verdict: Option<BoundVerdict>,
    /// Medians over the pairs of each side's figures; `None` if there is no pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) medians: Option<Medians>,
    /// Pairs of runs, in the order in which they were run.
    pub(crate) pairs: Vec<RunPair>,
}

/// Ratio of the compared figure, ours ÷ the peer's, with its confidence interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ratio {
    /// Geometric mean of the ratios of all pairs.
    #[serde(rename = "mean_ratio")]
    pub(crate) mean: f64,
    /// Half of the width of the confidence interval, as an absolute difference of ratios.
    #[serde(rename = "half_width_ratio")]
    pub(crate) half_width: f64,
    /// Lower end of the confidence interval of the mean.
    #[serde(rename = "low_ratio")]
    pub(crate) low: f64,
    /// Upper end of the confidence interval of the mean.
    #[serde(rename = "high_ratio")]
    pub(crate) high: f64,
}

/// Median of each figure over the pairs of a contest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Medians {
    /// Median of our successful operations per second.
    pub(crate) ours_operations_per_s: f64,
    /// Median of the peer's successful operations per second.
    pub(crate) peer_operations_per_s: f64,
    /// Median of our CPU time per operation, in nanoseconds.
    pub(crate) ours_cpu_per_operation_ns: f64,
    /// Median of the peer's CPU time per operation, in nanoseconds.
    pub(crate) peer_cpu_per_operation_ns: f64,
}

impl ContestResult {
    /// Creates the result of the contest `plan`: calculates ratio, verdicts and medians from
    /// `pairs`.
    pub(crate) fn from_pairs(
        plan: &ContestPlan,
        outcome: ContestOutcome,
        pairs: Vec<RunPair>,
    ) -> Self {
        let compared = plan.compared;
        let ratio = estimate(&pairs, compared).map(|estimate| Ratio {
            mean: estimate.mean,
            half_width: estimate.half_width(),
            low: estimate.interval.low,
            high: estimate.interval.high,
        });
        let verdict = ratio.zip(plan.expected_ratio).map(|(ratio, expected)| {
            BoundVerdict::from_good(compared.keeps_to(ratio.mean, expected))
        });
        let medians = medians(&pairs);
        let cpu_verdict = medians.zip(plan.most_cpu_ns).map(|(medians, most)| {
            BoundVerdict::from_good(medians.ours_cpu_per_operation_ns <= most)
        });
        Self {
            name: plan.name.clone(),
            ours: plan.ours.to_owned(),
            peer: plan.peer.to_owned(),
            outcome,
            compared,
            expected_ratio: plan.expected_ratio,
            ratio,
            verdict,
            most_cpu_per_operation_ns: plan.most_cpu_ns,
            cpu_verdict,
            medians,
            pairs,
        }
    }
}

fn medians(pairs: &[RunPair]) -> Option<Medians> {
    let of = |figure: fn(&RunPair) -> f64| median(&pairs.iter().map(figure).collect::<Vec<_>>());
    Some(Medians {
        ours_operations_per_s: of(|pair| pair.ours.operations_per_s)?,
        peer_operations_per_s: of(|pair| pair.peer.operations_per_s)?,
        ours_cpu_per_operation_ns: of(|pair| pair.ours.cpu_per_operation_ns)?,
        peer_cpu_per_operation_ns: of(|pair| pair.peer.cpu_per_operation_ns)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contest::Measurement;
    use crate::plan::CONTESTS;

    fn plan(name: &str) -> &'static ContestPlan {
        CONTESTS.iter().find(|plan| plan.name == name).unwrap()
    }

    fn pairs(ratios: &[f64]) -> Vec<RunPair> {
        let measurement = |operations_per_s| Measurement {
            operations_per_s,
            cpu_per_operation_ns: 1e9 / operations_per_s,
        };
        let pair = |&ratio: &f64| RunPair {
            ours_first: true,
            ours: measurement(1_000.0 * ratio),
            peer: measurement(1_000.0),
        };
        ratios.iter().map(pair).collect()
    }

    #[test]
    fn a_ratio_at_its_bound_is_as_expected_and_below_it_falls_short() {
        let verdict = |ratios: &[f64]| {
            let result = ContestResult::from_pairs(
                plan("direct-2"),
                ContestOutcome::Measured,
                pairs(ratios),
            );
            result.verdict
        };
        assert_eq!(verdict(&[0.91, 0.90, 0.92]), Some(BoundVerdict::AsExpected));
        assert_eq!(verdict(&[0.89, 0.88, 0.90]), Some(BoundVerdict::FallsShort));
        assert_eq!(verdict(&[0.95]), None, "one pair has no interval");
    }

    #[test]
    fn where_nothing_is_expected_there_is_a_ratio_and_no_verdict() {
        let result = ContestResult::from_pairs(
            plan("benchmark-set-1"),
            ContestOutcome::Measured,
            pairs(&[5.0, 5.0, 5.0]),
        );
        assert!((result.ratio.unwrap().mean - 5.0).abs() < 1e-9);
        assert_eq!(result.verdict, None);
    }

    #[test]
    fn of_cpu_time_less_is_better_and_the_time_itself_has_a_bound() {
        let of = |ours_ms: f64, peer_ms: f64| {
            let measurement = |ms: f64| Measurement {
                operations_per_s: 1.0,
                cpu_per_operation_ns: ms * 1e6,
            };
            let pair = RunPair {
                ours_first: true,
                ours: measurement(ours_ms),
                peer: measurement(peer_ms),
            };
            ContestResult::from_pairs(
                plan("sample-500-pidstat"),
                ContestOutcome::Measured,
                vec![pair; 3],
            )
        };
        let (good, bad) = (
            Some(BoundVerdict::AsExpected),
            Some(BoundVerdict::FallsShort),
        );
        let verdicts = |result: ContestResult| (result.verdict, result.cpu_verdict);
        assert!((of(2.0, 40.0).ratio.unwrap().mean - 0.05).abs() < 1e-9);
        assert_eq!(verdicts(of(2.0, 40.0)), (good, good));
        assert_eq!(verdicts(of(2.0, 10.0)), (bad, good));
        assert_eq!(verdicts(of(3.0, 40.0)), (good, bad));
    }

    #[test]
    fn what_is_written_reads_back() {
        let result = ContestResult::from_pairs(
            plan("direct-8"),
            ContestOutcome::Interrupted,
            pairs(&[0.9, 1.0]),
        );
        let text = serde_json::to_string(&result).unwrap();
        assert_eq!(
            serde_json::from_str::<ContestResult>(&text).unwrap(),
            result
        );
    }

    #[test]
    fn the_recorder_is_related_to_the_highest_rate_of_one_program() {
        let result = |name: &str, rate: f64| {
            let mut result =
                ContestResult::from_pairs(plan(name), ContestOutcome::Measured, pairs(&[1.0]));
            if let Some(medians) = &mut result.medians {
                medians.ours_operations_per_s = rate;
            }
            result
        };
        let rule = PairRule {
            least: 5,
            most: 40,
            half_width: 0.03,
            relative: false,
            compared: Compared::Throughput,
        };
        let mut results = PeerResults::begin(3, &rule, Environment::default());
        results.contests = vec![
            result("wire-2", 500.0),
            result("direct-2", 300.0),
            result("multiplexed-set-50", 900.0),
        ];
        assert_eq!(results.highest_rate_of("db-pool-bench"), Some(500.0));
        assert_eq!(results.highest_rate_of("ws-bench"), None);
    }
}
