//! Rule `repeats_disagree`: repeats of one setting that measure different things.
//!
//! Fires if the fastest repeat of the operating point carries a fifth more than the slowest, and more than
//! three times the noise, or if the p99 of one is twice that of another. Names what else differed between the
//! two: the machine's readings, and what the server counted.

use bench_report::{Step, Window};

use crate::assessment::{Confidence, EvidenceItem, FindingKind, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{self, duration_ns, rate, share};
use crate::json_pointer::escape;
use crate::requests;
use crate::run_facts::RunFacts;

const RULE: Rule = Rule::RepeatsDisagree;
/// Smallest difference of the throughput, as a share of the fastest repeat's, at which repeats disagree.
const LEAST_SPREAD: f64 = 0.20;
/// Multiple of the noise by which the throughput of two repeats must differ.
const OF_NOISE: f64 = 3.0;
/// Ratio of the p99 of two repeats from which they disagree.
const P99_RATIO: f64 = 2.0;
/// Largest number of differences that are named.
const MOST_NAMED: usize = 3;

/// Readings of the machine that may make a repeat slower: the series, the smallest difference that matters,
/// and its name in words.
const MACHINE: [(&str, f64, &str); 7] = [
    ("cpu.steal_ratio", 0.05, "CPU time taken by the hypervisor"),
    ("cpu.busy_ratio", 0.15, "busy CPU"),
    ("disk.busy_ratio", 0.2, "busy disk"),
    (
        "pressure.io.some_ratio",
        0.1,
        "time in which tasks waited for I/O",
    ),
    (
        "pressure.memory.some_ratio",
        0.05,
        "time in which tasks waited for memory",
    ),
    (
        "pressure.cpu.some_ratio",
        0.2,
        "time in which tasks waited for a CPU",
    ),
    ("cpu.clock_hertz", 2e8, "clock of the CPU"),
];
/// Counts of the server that are events, in words.
const EVENTS: [(&str, &str); 5] = [
    ("checkpointer.timed", "checkpoints by time"),
    ("checkpointer.requested", "requested checkpoints"),
    ("database.deadlocks", "deadlocks"),
    ("forks", "child processes of Redis"),
    (
        "server.cgroup.throttled_periods",
        "periods throttled by the CPU quota",
    ),
];

/// Difference between two repeats.
struct RepeatDifference {
    sentence: String,
    evidence: Vec<EvidenceItem>,
}

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    for bench in facts.benches.iter().filter(|bench| bench.made_load()) {
        judge(bench, facts, out);
    }
}

fn judge(bench: &BenchFacts<'_>, facts: &RunFacts<'_>, out: &mut Conclusions) {
    let speed = |step: &Step| requests::throughput_per_s(step);
    let p99 = |step: &Step| requests::slowest(step, |h| h.percentiles_ns.p99).map(|s| s.ns as f64);
    let mut repeats: Vec<(usize, &Step)> = bench.operating_repeats().collect();
    repeats.sort_by(|a, b| speed(a.1).total_cmp(&speed(b.1)));
    let [slowest, .., fastest] = repeats.as_slice() else {
        return;
    };
    let spread = 1.0 - speed(slowest.1) / speed(fastest.1).max(f64::MIN_POSITIVE);
    if spread >= LEAST_SPREAD.max(OF_NOISE * bench.noise_ratio()) {
        let said = format!(
            "throughput is {} in repeat {} and {} in repeat {}, {} less",
            rate(speed(fastest.1)),
            fastest.1.repeat + 1,
            rate(speed(slowest.1)),
            slowest.1.repeat + 1,
            share(spread)
        );
        return tell(bench, facts, (*slowest, *fastest), &said, out);
    }
    repeats.sort_by(|a, b| p99(b.1).unwrap_or(0.0).total_cmp(&p99(a.1).unwrap_or(0.0)));
    let (worst, best) = (repeats[0], repeats[repeats.len() - 1]);
    if let Some((high, low)) = p99(worst.1)
        .zip(p99(best.1))
        .filter(|(high, low)| *high >= P99_RATIO * low)
    {
        let said = format!(
            "p99 is {} in repeat {} and {} in repeat {}",
            duration_ns(low),
            best.1.repeat + 1,
            duration_ns(high),
            worst.1.repeat + 1
        );
        return tell(bench, facts, (worst, best), &said, out);
    }
    let statement = format!(
        "{} repeats agree: their throughput differs by {}, their p99 by less than a factor of 2",
        repeats.len(),
        share(spread)
    );
    out.rule_out(RULE, bench.component, statement, evidence(bench, worst.0));
}

/// Adds the finding that the repeats `bad` and `good` disagree, as `said`.
fn tell(
    bench: &BenchFacts<'_>,
    facts: &RunFacts<'_>,
    (bad, good): ((usize, &Step), (usize, &Step)),
    said: &str,
    out: &mut Conclusions,
) {
    let mut differences = of_machine(bench, facts, (bad.1.window, good.1.window));
    differences.extend(of_server(bench, bad, good));
    let told: Vec<&str> = differences
        .iter()
        .take(MOST_NAMED)
        .map(|d| d.sentence.as_str())
        .collect();
    let what = match (told.is_empty(), facts.machine.is_some()) {
        (false, _) => format!(
            "What else differed between these two repeats: {}. That it is the cause is not shown.",
            told.join("; ")
        ),
        (true, true) => "Nothing else that was recorded differed.".to_owned(),
        (true, false) => {
            "To find out what else differed: sysmon record beside the server.".to_owned()
        }
    };
    let named = differences
        .into_iter()
        .take(MOST_NAMED)
        .flat_map(|d| d.evidence);
    let draft = bench
        .finding(RULE, FindingKind::Information)
        .says(
            format!("The repeats of the operating point disagree: {said}"),
            format!(
                "Repeats of one setting should differ by no more than {}, the noise of this run. {what}",
                share(bench.noise_ratio())
            ),
        )
        .confidence(Confidence::High)
        .evidence(evidence(bench, bad.0))
        .evidence(evidence(bench, good.0))
        .evidence(named)
        .advice(
            &["repeat the run when nothing else runs, with more and longer repeats"],
            "figures that the next run confirms",
            "the difference between repeats is larger than what most changes would bring",
        );
    out.add_finding(draft);
}

/// Returns the throughput of each operation and the p99 of the slowest one in step `index` as evidence.
fn evidence(bench: &BenchFacts<'_>, index: usize) -> Vec<EvidenceItem> {
    let step = &bench.source.report.steps[index];
    let number = step.repeat + 1;
    let throughput = requests::request_operations(step).filter_map(|(name, _)| {
        let pointer = format!(
            "/steps/{index}/operations/{}/throughput_per_s",
            escape(name)
        );
        bench
            .source
            .evidence(format!("throughput of {name} in repeat {number}"), &pointer)
    });
    let p99 = requests::slowest(step, |h| h.percentiles_ns.p99).and_then(|slowest| {
        let label = format!("{} in repeat {number}", slowest.label("p99"));
        bench.source.evidence(label, &slowest.pointer(index, "p99"))
    });
    throughput.chain(p99).collect()
}

fn of_machine(
    bench: &BenchFacts<'_>,
    facts: &RunFacts<'_>,
    (bad, good): (Window, Window),
) -> Vec<RepeatDifference> {
    let Some(machine) = facts.machine.filter(|m| m.is_aligned_with(bench.source)) else {
        return Vec::new();
    };
    let differences = MACHINE.iter().filter_map(|(name, least, words)| {
        let (_, in_bad) = machine.busiest_of(name, bad)?;
        let (_, in_good) = machine.busiest_of(name, good)?;
        ((in_bad.mean - in_good.mean).abs() >= *least).then(|| RepeatDifference {
            sentence: format!(
                "{words} {} in the worse one, {} in the other",
                figures::show(name, in_bad.mean),
                figures::show(name, in_good.mean)
            ),
            evidence: machine
                .typical_sample(name, in_bad)
                .into_iter()
                .chain(machine.typical_sample(name, in_good))
                .collect(),
        })
    });
    differences.collect()
}

fn of_server(
    bench: &BenchFacts<'_>,
    bad: (usize, &Step),
    good: (usize, &Step),
) -> Vec<RepeatDifference> {
    let count = |step: &Step, name: &str| step.server.as_ref()?.figures.get(name).copied();
    let differences = EVENTS.iter().filter_map(|(name, words)| {
        let (in_bad, in_good) = (count(bad.1, name)?, count(good.1, name)?);
        let pointer = |index: usize| format!("/steps/{index}/server/figures/{name}");
        (in_bad > 0.0 && in_good <= 0.0).then(|| RepeatDifference {
            sentence: format!(
                "{words}: {} in the worse one, none in the other",
                figures::plain(in_bad)
            ),
            evidence: bench
                .source
                .evidence(*words, &pointer(bad.0))
                .into_iter()
                .collect(),
        })
    });
    differences.collect()
}
