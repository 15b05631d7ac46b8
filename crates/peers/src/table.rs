//! Results of the peer benchmark as text for people.

use bench_cli::table::{Table, duration_ns, rate, ratio as share};

use crate::contest::{CPU_COVERS, Compared};
use crate::recorder::RecorderCost;
use crate::results::{ContestOutcome, ContestResult, PeerResults, Ratio};
use crate::verdict::BoundVerdict;

/// Formats the results: tables, verdicts, the contests that were not measured to their end, and a
/// legend. Lines have up to 80 columns and the text ends with a line break.
pub(crate) fn text(results: &PeerResults) -> String {
    let tables: String = [Compared::Throughput, Compared::CpuTime]
        .into_iter()
        .filter_map(|compared| table_of(results, compared))
        .collect();
    let contests = || results.contests.iter();
    let verdicts: String = contests().map(verdicts).collect();
    let recorder = results.recorder.as_ref().map(recorder).unwrap_or_default();
    let unfinished: String = contests().filter_map(unfinished).collect();
    let gap = if unfinished.is_empty() { "" } else { "\n" };
    let legend = legend(results.settings.confidence_ratio);
    format!("{tables}{verdicts}{recorder}{gap}{unfinished}{legend}")
}

fn unfinished(contest: &ContestResult) -> Option<String> {
    let why = why_unfinished(contest)?;
    Some(format!("{}: {why}\n", contest.name))
}

/// Returns the table of the contests whose sides are compared by `compared`, followed by a blank
/// line; `None` if there are none.
fn table_of(results: &PeerResults, compared: Compared) -> Option<String> {
    let mut table = match compared {
        Compared::Throughput => Table::new(&[
            "contest", "ratio", "pairs", "ours", "peer", "CPU/op", "peer's",
        ]),
        Compared::CpuTime => Table::new(&["contest", "CPU ratio", "pairs", "CPU/sample", "peer's"]),
    };
    let contests = results.contests.iter().filter(|c| c.compared == compared);
    let rows: Vec<Vec<String>> = contests.map(row).collect();
    for row in &rows {
        table.row(row);
    }
    (!rows.is_empty()).then(|| format!("{table}\n"))
}

fn legend(confidence_ratio: f64) -> String {
    format!(
        "\nRatio: operations per second, ours ÷ the peer's, ± half of its {:.0} % interval.\n\
         CPU/op: the generator's CPU time per operation,\n{CPU_COVERS}.\n\
         CPU ratio: CPU time per sample, ours ÷ the peer's: below 1 ours costs less.\n\
         Starting is left out on both sides.\n\
         Recorder: time per record at the highest rate of db-pool-bench.\n",
        confidence_ratio * 100.0,
    )
}

/// Formats a figure by its kind: a throughput per second such as `76.0 k/s`, or a CPU time given in
/// nanoseconds such as `9.00 µs`.
pub(crate) fn figure(compared: Compared, figure: f64) -> String {
    match compared {
        Compared::Throughput => rate(figure),
        Compared::CpuTime => duration_ns(figure as u64),
    }
}

/// Returns the line about the cost of recording requests, its bound and the verdict.
fn recorder(cost: &RecorderCost) -> String {
    let verdict = word(cost.verdict);
    format!(
        "recorder: {:.0} ns × {} = {} of a core, expected < {}: {verdict}\n",
        cost.ns_per_record,
        rate(cost.operations_per_s),
        share(cost.core_ratio),
        share(cost.expected_ratio),
    )
}

/// Formats a ratio with the half-width of its interval, such as `0.930 ± 0.020`.
pub(crate) fn ratio(ratio: &Ratio) -> String {
    format!("{:.3} ± {:.3}", ratio.mean, ratio.half_width)
}

fn row(contest: &ContestResult) -> Vec<String> {
    let absent = || "–".to_owned();
    let medians = contest.medians;
    let cell = |text: Option<String>| text.unwrap_or_else(absent);
    let mut cells = vec![
        contest.name.clone(),
        cell(contest.ratio.as_ref().map(ratio)),
        contest.pairs.len().to_string(),
    ];
    if contest.compared == Compared::Throughput {
        cells.push(cell(medians.map(|m| rate(m.ours_operations_per_s))));
        cells.push(cell(medians.map(|m| rate(m.peer_operations_per_s))));
    }
    let cpu = |ns: f64| duration_ns(ns as u64);
    cells.push(cell(medians.map(|m| cpu(m.ours_cpu_per_operation_ns))));
    cells.push(cell(medians.map(|m| cpu(m.peer_cpu_per_operation_ns))));
    cells
}

fn word(verdict: BoundVerdict) -> &'static str {
    match verdict {
        BoundVerdict::AsExpected => "as expected",
        BoundVerdict::FallsShort => "falls short",
    }
}

/// Returns the line about the CPU time of one operation of our program, its bound and the verdict;
/// `None` if there is no bound or no pair.
fn expected_cpu(contest: &ContestResult) -> Option<String> {
    let most = duration_ns(contest.most_cpu_per_operation_ns? as u64);
    let verdict = word(contest.cpu_verdict?);
    let took = duration_ns(contest.medians?.ours_cpu_per_operation_ns as u64);
    let name = &contest.name;
    Some(format!(
        "{name}: {took} a sample, expected ≤ {most}: {verdict}\n"
    ))
}

/// Returns the expected ratio with the verdict on it, to be appended to the contest's line; `None`
/// if no ratio is expected.
fn expected(contest: &ContestResult) -> Option<String> {
    let bound = contest.expected_ratio?;
    let verdict = contest
        .verdict
        .map(|verdict| format!(": {}", word(verdict)));
    let verdict = verdict.unwrap_or_default();
    let at_best = match contest.compared {
        Compared::Throughput => '≥',
        Compared::CpuTime => '≤',
    };
    let open = contest
        .ratio
        .is_some_and(|ratio| (ratio.low..=ratio.high).contains(&bound));
    let doubt = if open { ", within the interval" } else { "" };
    Some(format!(", expected {at_best} {bound}{verdict}{doubt}"))
}

/// Returns the reason for which a contest was not measured to its end; `None` if it was.
pub(crate) fn why_unfinished(contest: &ContestResult) -> Option<String> {
    match &contest.outcome {
        ContestOutcome::Measured => None,
        ContestOutcome::MissingPeer { reason } => Some(format!("falls short: {reason}")),
        ContestOutcome::Failed { reason } => Some(format!("failed: {reason}")),
        ContestOutcome::Interrupted => Some("interrupted".to_owned()),
    }
}

fn verdicts(contest: &ContestResult) -> String {
    let expected = expected(contest).unwrap_or_default();
    let cpu = expected_cpu(contest).unwrap_or_default();
    let (name, ours, peer) = (&contest.name, &contest.ours, &contest.peer);
    format!("{name}: {ours} ÷ {peer}{expected}\n{cpu}")
}

#[cfg(test)]
mod tests {
    use bench_report::Environment;

    use super::*;
    use crate::contest::Measurement;
    use crate::pairs::{CONFIDENCE, PairRule, RunPair};
    use crate::plan::{CONTESTS, ContestPlan};

    const RULE: PairRule = PairRule {
        least: 5,
        most: 40,
        half_width: 0.03,
        relative: false,
        compared: Compared::Throughput,
    };

    fn plan(name: &str) -> &'static ContestPlan {
        CONTESTS.iter().find(|plan| plan.name == name).unwrap()
    }

    fn pairs(ours: f64) -> Vec<RunPair> {
        let pair = |scatter: f64| RunPair {
            ours_first: true,
            ours: Measurement {
                operations_per_s: ours * scatter,
                cpu_per_operation_ns: 9_000.0,
            },
            peer: Measurement {
                operations_per_s: 80_000.0,
                cpu_per_operation_ns: 7_000.0,
            },
        };
        vec![pair(0.99), pair(1.0), pair(1.01)]
    }

    fn words(line: &str) -> Vec<&str> {
        line.split_whitespace().collect()
    }

    #[test]
    fn each_contest_has_its_line_and_what_is_missing_says_why() {
        let missing = ContestOutcome::MissingPeer {
            reason: "redis-benchmark was not found".to_owned(),
        };
        let contests = vec![
            ContestResult::from_pairs(plan("direct-2"), ContestOutcome::Measured, pairs(76_000.0)),
            ContestResult::from_pairs(
                plan("direct-8"),
                ContestOutcome::Interrupted,
                pairs(60_000.0),
            ),
            ContestResult::from_pairs(plan("benchmark-set-50"), missing, Vec::new()),
        ];
        let recorder = RecorderCost {
            ns_per_record: 91.4,
            operations_per_s: 80_000.0,
            core_ratio: 0.0073,
            expected_ratio: 0.02,
            verdict: BoundVerdict::AsExpected,
        };
        let results = PeerResults {
            contests,
            recorder: Some(recorder),
            ..PeerResults::begin(3, &RULE, Environment::default())
        };
        let text = text(&results);
        let lines: Vec<Vec<&str>> = text.lines().map(words).collect();
        assert_eq!(
            lines[1],
            words("direct-2 0.950 ± 0.024 3 76.0 k/s 80.0 k/s 9.00 µs 7.00 µs")
        );
        assert_eq!(
            lines[2],
            words("direct-8 0.750 ± 0.019 3 60.0 k/s 80.0 k/s 9.00 µs 7.00 µs")
        );
        assert_eq!(lines[3], words("benchmark-set-50 – 0 – – – –"));
        for line in [
            "direct-2: db-pool-bench ÷ pgbench, expected ≥ 0.9: as expected\n",
            "direct-8: db-pool-bench ÷ pgbench, expected ≥ 0.9: falls short\n",
            "benchmark-set-50: redis-bench ÷ redis-benchmark, expected ≥ 3\n",
            "recorder: 91 ns × 80.0 k/s = 0.7 % of a core, expected < 2.0 %: as expected\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
        assert!(text.contains("direct-8: interrupted\n"), "{text}");
        assert!(
            text.contains("benchmark-set-50: falls short: redis-benchmark was not found\n"),
            "{text}"
        );
        let share = format!("{:.0} %", CONFIDENCE * 100.0);
        assert!(text.contains(&share), "{text}");
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
    }

    #[test]
    fn costs_have_a_table_of_their_own_in_which_less_is_better() {
        let contests = vec![ContestResult::from_pairs(
            plan("sample-500-pidstat"),
            ContestOutcome::Measured,
            pairs(80_000.0),
        )];
        let results = PeerResults {
            contests,
            ..PeerResults::begin(3, &RULE, Environment::default())
        };
        let text = text(&results);
        let lines: Vec<Vec<&str>> = text.lines().map(words).collect();
        assert_eq!(lines[0], words("contest CPU ratio pairs CPU/sample peer's"));
        assert_eq!(
            lines[1],
            words("sample-500-pidstat 1.286 ± 0.000 3 9.00 µs 7.00 µs")
        );
        for line in [
            "sample-500-pidstat: sysmon ÷ pidstat, expected ≤ 0.1: falls short\n",
            "sample-500-pidstat: 9.00 µs a sample, expected ≤ 2.50 ms: as expected\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
    }

    #[test]
    fn a_bound_that_the_interval_holds_is_no_firm_verdict() {
        let result =
            ContestResult::from_pairs(plan("direct-2"), ContestOutcome::Measured, pairs(72_800.0));
        let expected = expected(&result).unwrap();
        assert_eq!(
            expected,
            ", expected ≥ 0.9: as expected, within the interval"
        );
    }
}
