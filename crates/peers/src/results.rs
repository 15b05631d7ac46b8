//! What came out, as it is kept: every pair, so that anybody can reckon anew.

use std::time::SystemTime;

use bench_cli::output;
use bench_report::{Environment, Tool};
use serde::{Deserialize, Serialize};
use statistics::median;

use crate::contest::{CPU_COVERS, Card, Compared};
use crate::pairs::{CONFIDENCE, Pair, Rule, estimate};
use crate::recorder::RecorderCost;

/// The form of the results file.
pub const SCHEMA: &str = "plimsoll.peers/1";

/// All contests of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// [`SCHEMA`].
    pub schema: String,
    /// Who measured.
    pub tool: Tool,
    /// When it began, RFC 3339.
    pub started_at: String,
    /// The machine, with the peers' versions.
    pub environment: Environment,
    /// How it was measured.
    pub settings: Settings,
    /// One for each contest that was begun.
    pub contests: Vec<ContestResult>,
    /// What recording costs; absent until a contest of `db-pool-bench` was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorder: Option<RecorderCost>,
}

impl Results {
    /// Those of a run that begins now.
    pub fn begin(seconds: u64, rule: &Rule, environment: Environment) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            tool: output::tool("peers", env!("CARGO_PKG_VERSION")),
            started_at: humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
            environment,
            settings: Settings {
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
}

/// How it was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// How long each run measured.
    pub seconds: u64,
    /// The fewest pairs.
    pub least_pairs: usize,
    /// The most pairs.
    pub most_pairs: usize,
    /// The half-width of the ratio's interval at which a contest ends.
    pub half_width_ratio: f64,
    /// How certain that interval is.
    pub confidence_ratio: f64,
    /// What the CPU times cover.
    pub cpu_covers: String,
}

/// What became of a contest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum Outcome {
    /// Measured until it was certain enough, or to the most pairs.
    Measured,
    /// Its peer is missing.
    Skipped {
        /// What is missing.
        reason: String,
    },
    /// It could not be run, or not to its end.
    Failed {
        /// Why.
        reason: String,
    },
    /// A signal ended it.
    Interrupted,
}

/// Whether a figure is what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// At the bound or better.
    AsExpected,
    /// Worse than the bound.
    FallsShort,
}

impl Verdict {
    /// Of a figure that is as good as its bound, or is not.
    pub fn of(good: bool) -> Self {
        if good {
            Self::AsExpected
        } else {
            Self::FallsShort
        }
    }
}

/// One contest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContestResult {
    /// Its name.
    pub name: String,
    /// Our bench.
    pub ours: String,
    /// What it was measured beside.
    pub peer: String,
    /// What became of it.
    pub outcome: Outcome,
    /// What the ratio is of.
    #[serde(default)]
    pub compared: Compared,
    /// The ratio that is expected, at the least of throughput and at the most of CPU time; absent
    /// where the ratio is only shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_ratio: Option<f64>,
    /// Absent below two pairs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio: Option<Ratio>,
    /// Absent without a ratio or a bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// The most CPU time that one of our operations may take; absent where there is no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_cpu_per_operation_ns: Option<f64>,
    /// Of the median of our CPU time; absent without a pair or a bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_verdict: Option<Verdict>,
    /// Absent without a pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub medians: Option<Medians>,
    /// In the order in which they were run.
    pub pairs: Vec<Pair>,
}

/// What is compared, ours ÷ the peer's: the geometric mean over the pairs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ratio {
    /// The mean.
    pub mean_ratio: f64,
    /// Half of the interval.
    pub half_width_ratio: f64,
    /// The interval's lower end.
    pub low_ratio: f64,
    /// The interval's upper end.
    pub high_ratio: f64,
}

/// Medians over the pairs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Medians {
    /// Our operations per second.
    pub ours_operations_per_s: f64,
    /// The peer's.
    pub peer_operations_per_s: f64,
    /// Our CPU time per operation.
    pub ours_cpu_per_operation_ns: f64,
    /// The peer's.
    pub peer_cpu_per_operation_ns: f64,
}

impl ContestResult {
    /// What `pairs` say.
    pub fn of(card: &Card, outcome: Outcome, pairs: Vec<Pair>) -> Self {
        let compared = card.compared;
        let ratio = estimate(&pairs, compared).map(|estimate| Ratio {
            mean_ratio: estimate.mean,
            half_width_ratio: estimate.half_width(),
            low_ratio: estimate.interval.low,
            high_ratio: estimate.interval.high,
        });
        let verdict = ratio
            .zip(card.expected_ratio)
            .map(|(ratio, expected)| Verdict::of(compared.keeps_to(ratio.mean_ratio, expected)));
        let medians = medians(&pairs);
        let cpu_verdict = medians
            .zip(card.most_cpu_ns)
            .map(|(medians, most)| Verdict::of(medians.ours_cpu_per_operation_ns <= most));
        Self {
            name: card.name.to_owned(),
            ours: card.ours.to_owned(),
            peer: card.peer.to_owned(),
            outcome,
            compared,
            expected_ratio: card.expected_ratio,
            ratio,
            verdict,
            most_cpu_per_operation_ns: card.most_cpu_ns,
            cpu_verdict,
            medians,
            pairs,
        }
    }
}

fn medians(pairs: &[Pair]) -> Option<Medians> {
    let of = |figure: fn(&Pair) -> f64| median(&pairs.iter().map(figure).collect::<Vec<_>>());
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
    use crate::contest::{CARDS, Shot};

    fn card(name: &str) -> &'static Card {
        CARDS.iter().find(|card| card.name == name).unwrap()
    }

    fn pairs(ratios: &[f64]) -> Vec<Pair> {
        let shot = |operations_per_s| Shot {
            operations_per_s,
            cpu_per_operation_ns: 1e9 / operations_per_s,
        };
        let pair = |&ratio: &f64| Pair {
            ours_first: true,
            ours: shot(1_000.0 * ratio),
            peer: shot(1_000.0),
        };
        ratios.iter().map(pair).collect()
    }

    #[test]
    fn a_ratio_at_its_bound_is_as_expected_and_below_it_falls_short() {
        let verdict = |ratios: &[f64]| {
            let result = ContestResult::of(card("direct-2"), Outcome::Measured, pairs(ratios));
            result.verdict
        };
        assert_eq!(verdict(&[0.91, 0.90, 0.92]), Some(Verdict::AsExpected));
        assert_eq!(verdict(&[0.89, 0.88, 0.90]), Some(Verdict::FallsShort));
        assert_eq!(verdict(&[0.95]), None, "one pair has no interval");
    }

    #[test]
    fn where_nothing_is_expected_there_is_a_ratio_and_no_verdict() {
        let result = ContestResult::of(
            card("redis-benchmark"),
            Outcome::Measured,
            pairs(&[5.0, 5.0, 5.0]),
        );
        assert!((result.ratio.unwrap().mean_ratio - 5.0).abs() < 1e-9);
        assert_eq!(result.verdict, None);
    }

    #[test]
    fn of_cpu_time_less_is_better_and_the_time_itself_has_a_bound() {
        let of = |ours_ms: f64, peer_ms: f64| {
            let shot = |ms: f64| Shot {
                operations_per_s: 1.0,
                cpu_per_operation_ns: ms * 1e6,
            };
            let pair = Pair {
                ours_first: true,
                ours: shot(ours_ms),
                peer: shot(peer_ms),
            };
            ContestResult::of(card("sample-500-pidstat"), Outcome::Measured, vec![pair; 3])
        };
        let (good, bad) = (Some(Verdict::AsExpected), Some(Verdict::FallsShort));
        let verdicts = |result: ContestResult| (result.verdict, result.cpu_verdict);
        assert!((of(2.0, 40.0).ratio.unwrap().mean_ratio - 0.05).abs() < 1e-9);
        assert_eq!(verdicts(of(2.0, 40.0)), (good, good));
        assert_eq!(verdicts(of(2.0, 10.0)), (bad, good));
        assert_eq!(verdicts(of(3.0, 40.0)), (good, bad));
    }

    #[test]
    fn what_is_written_reads_back() {
        let result = ContestResult::of(card("direct-8"), Outcome::Interrupted, pairs(&[0.9, 1.0]));
        let text = serde_json::to_string(&result).unwrap();
        assert_eq!(
            serde_json::from_str::<ContestResult>(&text).unwrap(),
            result
        );
    }
}
