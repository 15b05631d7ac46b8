//! The results as people read them.

use bench_cli::table::{Table, duration_ns, rate, ratio as share};

use crate::contest::CPU_COVERS;
use crate::recorder::RecorderCost;
use crate::results::{ContestResult, Outcome, Ratio, Results, Verdict};

/// The table of what was measured, the verdicts, what was not measured, and how to read it.
pub fn text(results: &Results) -> String {
    let mut table = Table::new(&[
        "contest", "ratio", "pairs", "ours", "peer", "CPU/op", "peer's",
    ]);
    let mut unfinished = String::new();
    for contest in &results.contests {
        table.row(&row(contest));
        if let Some(line) = why_unfinished(contest) {
            unfinished.push_str(&format!("{}: {line}\n", contest.name));
        }
    }
    let legend = format!(
        "\nRatio: operations per second, ours ÷ the peer's, ± half of its {:.0} % interval.\n\
         CPU/op: the generator's CPU time per operation,\n{CPU_COVERS}.\n\
         Recorder: time per record at the highest rate of db-pool-bench.\n",
        results.settings.confidence_ratio * 100.0,
    );
    let gap = if unfinished.is_empty() { "" } else { "\n" };
    let recorder = results.recorder.as_ref().map(recorder).unwrap_or_default();
    let verdicts = verdicts(results);
    format!("{table}\n{verdicts}{recorder}{gap}{unfinished}{legend}")
}

/// What recording costs, and what that makes of the bound.
fn recorder(cost: &RecorderCost) -> String {
    let verdict = match cost.verdict {
        Verdict::AsExpected => "as expected",
        Verdict::FallsShort => "falls short",
    };
    format!(
        "recorder: {:.0} ns × {} = {} of a core, expected < {}: {verdict}\n",
        cost.ns_per_record,
        rate(cost.operations_per_s),
        share(cost.core_ratio),
        share(cost.expected_ratio),
    )
}

/// One ratio with its half-width, as in `0.93 ± 0.02`.
pub fn ratio(ratio: &Ratio) -> String {
    format!("{:.3} ± {:.3}", ratio.mean_ratio, ratio.half_width_ratio)
}

fn row(contest: &ContestResult) -> Vec<String> {
    let absent = || "–".to_owned();
    let medians = contest.medians;
    let cell = |text: Option<String>| text.unwrap_or_else(absent);
    vec![
        contest.name.clone(),
        cell(contest.ratio.as_ref().map(ratio)),
        contest.pairs.len().to_string(),
        cell(medians.map(|m| rate(m.ours_operations_per_s))),
        cell(medians.map(|m| rate(m.peer_operations_per_s))),
        cell(medians.map(|m| duration_ns(m.ours_cpu_per_operation_ns as u64))),
        cell(medians.map(|m| duration_ns(m.peer_cpu_per_operation_ns as u64))),
    ]
}

/// The bound, and what the ratio makes of it.
fn expected(contest: &ContestResult) -> Option<String> {
    let bound = contest.expected_ratio?;
    let verdict = match contest.verdict {
        Some(Verdict::AsExpected) => ": as expected",
        Some(Verdict::FallsShort) => ": falls short",
        None => "",
    };
    let open = contest
        .ratio
        .is_some_and(|ratio| (ratio.low_ratio..=ratio.high_ratio).contains(&bound));
    let doubt = if open { ", within the interval" } else { "" };
    Some(format!(", expected ≥ {bound}{verdict}{doubt}"))
}

/// Why a contest has less than it should; `None` when it has all.
pub fn why_unfinished(contest: &ContestResult) -> Option<String> {
    match &contest.outcome {
        Outcome::Measured => None,
        Outcome::Skipped { reason } => Some(format!("skipped: {reason}")),
        Outcome::Failed { reason } => Some(format!("failed: {reason}")),
        Outcome::Interrupted => Some("interrupted".to_owned()),
    }
}

fn verdicts(results: &Results) -> String {
    let line = |contest: &ContestResult| {
        let expected = expected(contest).unwrap_or_default();
        let (name, ours, peer) = (&contest.name, &contest.ours, &contest.peer);
        format!("{name}: {ours} ÷ {peer}{expected}\n")
    };
    results.contests.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use bench_report::Environment;

    use super::*;
    use crate::contest::{CARDS, Card, Shot};
    use crate::pairs::{CONFIDENCE, Pair, Rule};

    const RULE: Rule = Rule {
        least: 5,
        most: 40,
        half_width: 0.03,
        relative: false,
    };

    fn card(name: &str) -> &'static Card {
        CARDS.iter().find(|card| card.name == name).unwrap()
    }

    fn pairs(ours: f64) -> Vec<Pair> {
        let pair = |scatter: f64| Pair {
            ours_first: true,
            ours: Shot {
                operations_per_s: ours * scatter,
                cpu_per_operation_ns: 9_000.0,
            },
            peer: Shot {
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
        let skipped = Outcome::Skipped {
            reason: "redis-benchmark was not found".to_owned(),
        };
        let contests = vec![
            ContestResult::of(card("direct-2"), Outcome::Measured, pairs(76_000.0)),
            ContestResult::of(card("direct-8"), Outcome::Interrupted, pairs(60_000.0)),
            ContestResult::of(card("redis-benchmark"), skipped, Vec::new()),
        ];
        let recorder = RecorderCost {
            ns_per_record: 91.4,
            operations_per_s: 80_000.0,
            core_ratio: 0.0073,
            expected_ratio: 0.02,
            verdict: Verdict::AsExpected,
        };
        let results = Results {
            contests,
            recorder: Some(recorder),
            ..Results::begin(3, &RULE, Environment::default())
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
        assert_eq!(lines[3], words("redis-benchmark – 0 – – – –"));
        for line in [
            "direct-2: db-pool-bench ÷ pgbench, expected ≥ 0.9: as expected\n",
            "direct-8: db-pool-bench ÷ pgbench, expected ≥ 0.9: falls short\n",
            "redis-benchmark: redis-bench ÷ redis-benchmark\n",
            "recorder: 91 ns × 80.0 k/s = 0.7 % of a core, expected < 2.0 %: as expected\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
        assert!(text.contains("direct-8: interrupted\n"), "{text}");
        assert!(
            text.contains("redis-benchmark: skipped: redis-benchmark was not found\n"),
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
    fn a_bound_that_the_interval_holds_is_no_firm_verdict() {
        let result = ContestResult::of(card("direct-2"), Outcome::Measured, pairs(72_800.0));
        let expected = expected(&result).unwrap();
        assert_eq!(
            expected,
            ", expected ≥ 0.9: as expected, within the interval"
        );
    }
}
