//! Rule `redis_saving`: snapshots and rewrites of the append-only file. The fork stops the main thread, and
//! the child process competes with it.
//!
//! Fires on a fork, or if a child process was at work for a fifth of the step; a problem if forks and slower
//! calls cost a tenth of the response time. Reads `forks`, `latest_fork_us`, `saving_ratio`, the table
//! `saving` and the series of the latency. The cost is the wait for forks (M/G/1) plus the rise of the median
//! while a child was at work × the share of that time.

use std::ops::Range;

use bench_report::EvidenceRow;
use bench_report::names;

use super::materiality::MATTERS;
use crate::assessment::{Confidence, EvidenceItem, FindingKind, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{bytes, counted, duration_ns, share};
use crate::finding_draft::FindingDraft;
use crate::redis::RedisEvidence;

const RULE: Rule = Rule::RedisSaving;

/// Smallest share of the step with a child process at work at which the rule fires.
const TOLD: f64 = 0.2;
/// Smallest number of intervals with a child process, and of intervals without one, for a comparison.
const LEAST_INTERVALS: usize = 3;

pub(super) fn check(bench: &BenchFacts<'_>, server: &RedisEvidence<'_>, out: &mut Conclusions) {
    let (Some(forks), Some(saving)) = (
        server.figure(names::redis::FORKS),
        server.figure(names::redis::SAVING_RATIO),
    ) else {
        out.cannot_judge(
            RULE,
            bench.component,
            "whether Redis saved its data meanwhile: its statistics do not say",
            "Redis 6.2 or later, and a step of a second or more",
        );
        return;
    };
    if forks < 1.0 && saving < TOLD {
        let statement = "no fork, and no child process at work".to_owned();
        return out.rule_out(
            RULE,
            bench.component,
            statement,
            server.evidence(names::redis::FORKS),
        );
    }
    out.add_finding(finding(bench, server, forks, saving));
}

/// Builds the finding about `forks` forks during the step. A child process was at work for the
/// share `saving` of the step.
fn finding(
    bench: &BenchFacts<'_>,
    server: &RedisEvidence<'_>,
    forks: f64,
    saving: f64,
) -> FindingDraft {
    let fork_us = server.figure(names::redis::LATEST_FORK_US);
    // Without its time a fork's part of the cost is not known; the finding then tells the rest.
    let stopped_ns = fork_us.map_or(0.0, |fork_us| stopped_ns(server, forks, fork_us));
    let slower = slowdown(bench, server);
    let beside_ns = slower.as_ref().map_or(0.0, Slowdown::lost_ns);
    let impact = server.share_of_response(stopped_ns + beside_ns);
    let kind = if impact >= MATTERS {
        FindingKind::Problem
    } else {
        FindingKind::Information
    };
    let told = slower.as_ref().map_or_else(String::new, Slowdown::sentence);
    let memory = server.figure(names::redis::RSS_BYTES);
    let memory = memory.map_or_else(String::new, |rss| format!(" with {} of memory", bytes(rss)));
    let fork = fork_us.map_or_else(
        || "How long a fork took was not read".to_owned(),
        |fork_us| {
            format!(
                "The latest fork took {}{memory}",
                duration_ns(fork_us * 1e3)
            )
        },
    );
    bench
        .finding(RULE, kind)
        .says(
            format!(
                "Redis saved its data during the step: {}",
                what(server, forks)
            ),
            format!(
                "{fork}, and a child process was at work {} of the time.{told}",
                share(saving),
            ),
        )
        .thing("fork")
        .saves(stopped_ns + beside_ns, server.response_ns)
        .confidence(Confidence::Medium)
        .evidence(server.evidence(names::redis::FORKS))
        .evidence(server.evidence(names::redis::LATEST_FORK_US))
        .evidence(server.evidence(names::redis::SAVING_RATIO))
        .evidence(server.evidence(names::redis::RSS_BYTES))
        .evidence(slower.into_iter().flat_map(|slower| slower.evidence))
        .advice(
            &[
                "save at quiet times, or let a replica do it",
                "no transparent huge pages for Redis; a fork copies page tables, so less memory \
                     in one process helps",
            ],
            format!("up to {} a call", duration_ns(stopped_ns + beside_ns)),
            "a fork stops the one thread, the pages it then writes to are copied, and the child \
                 takes CPU and disk",
        )
}

/// Commands that start a child process, in lower case. Nearly all of their time is the fork.
const STARTERS: [&str; 4] = ["bgsave", "bgrewriteaof", "sync", "psync"];

/// Returns true if the command of `row` is one that starts a child process, such as `bgsave`.
pub(super) fn starts_child(row: &EvidenceRow) -> bool {
    let command = row.label(names::redis::commands::COMMAND);
    command.is_some_and(|command| STARTERS.contains(&command))
}

/// Returns the mean time that a call waits for forks, in nanoseconds. Takes the larger of two
/// estimates: from the commands that started the forks, and from the length `fork_us` of the latest
/// fork, in microseconds.
fn stopped_ns(server: &RedisEvidence<'_>, forks: f64, fork_us: f64) -> f64 {
    let starters = server
        .rows("commands")
        .filter(|(_, row)| starts_child(row))
        .map(|(_, row)| server.wait_behind_command(row));
    let alike = server.wait_behind(forks * fork_us, forks * fork_us * fork_us);
    starters.sum::<f64>().max(alike)
}

/// Describes the number of forks and their purposes: `2 fork(s) (snapshot)`.
fn what(server: &RedisEvidence<'_>, forks: f64) -> String {
    let seen = server
        .rows("saving")
        .filter_map(|(_, row)| row.label(names::redis::saving::WHAT));
    let mut seen: Vec<&str> = seen.collect();
    seen.sort_unstable();
    seen.dedup();
    let seen = if seen.is_empty() {
        String::new()
    } else {
        format!(" ({})", seen.join(", "))
    };
    format!("{}{seen}", counted(forks, "fork"))
}

/// Latency of calls in intervals with a child process at work, and in intervals without one.
#[derive(Debug)]
struct Slowdown {
    with_ns: f64,
    without_ns: f64,
    with_p99_ns: f64,
    without_p99_ns: f64,
    /// Share of the intervals in which a child process was at work, from 0 to 1.
    ratio: f64,
    /// Points of the series with the four latencies.
    evidence: Vec<EvidenceItem>,
}

/// Medians of a series over the intervals with and without a child process.
struct Medians {
    with: f64,
    without: f64,
    /// Share of the intervals with a child process, from 0 to 1.
    ratio: f64,
    evidence: Vec<EvidenceItem>,
}

impl Slowdown {
    /// Returns the mean time that a call lost to the child processes, in nanoseconds.
    fn lost_ns(&self) -> f64 {
        (self.with_ns - self.without_ns).max(0.0) * self.ratio
    }

    /// Describes the latencies with and without a child process in a sentence that begins with a
    /// space.
    fn sentence(&self) -> String {
        format!(
            " While a child process was at work the median was {} ({} without), and the 99th \
             percentile {} ({} without).",
            duration_ns(self.with_ns),
            duration_ns(self.without_ns),
            duration_ns(self.with_p99_ns),
            duration_ns(self.without_p99_ns),
        )
    }
}

/// Compares the latencies of intervals with and without a child process; `None` if there are too
/// few of either, or no series of the latency.
fn slowdown(bench: &BenchFacts<'_>, server: &RedisEvidence<'_>) -> Option<Slowdown> {
    let times: Vec<(f64, f64)> = server
        .rows("saving")
        .filter_map(|(_, row)| {
            Some((
                row.value(names::redis::saving::FROM_NS)?,
                row.value(names::redis::saving::TO_NS)?,
            ))
        })
        .collect();
    let p50 = medians(bench, server, &times, "latency.p50_ns")?;
    let p99 = medians(bench, server, &times, "latency.p99_ns")?;
    Some(Slowdown {
        with_ns: p50.with,
        without_ns: p50.without,
        with_p99_ns: p99.with,
        without_p99_ns: p99.without,
        ratio: p50.ratio,
        evidence: p50.evidence.into_iter().chain(p99.evidence).collect(),
    })
}

/// Returns the medians of the series `name` over the intervals of the step that overlap one of `times`, from
/// and to in nanoseconds, and over the others. `None` if there are too few of either.
fn medians(
    bench: &BenchFacts<'_>,
    server: &RedisEvidence<'_>,
    times: &[(f64, f64)],
    name: &str,
) -> Option<Medians> {
    let window = server.step.window;
    let series = bench.source.report.series.iter().enumerate();
    let points = series
        .filter(|(_, series)| series.name == name)
        .flat_map(|(place, series)| series.spans().map(move |point| (place, point)));
    let inside = points.filter(|(_, (_, span, _))| {
        span.start >= window.measure_start_ns && span.end <= window.measure_end_ns
    });
    let inside = inside.map(|(place, (index, span, value))| (place, index, span, value));
    let (with, without): (Vec<_>, Vec<_>) = inside.partition(|(_, _, span, _)| {
        times
            .iter()
            .any(|(from, to)| (span.start as f64) < *to && (span.end as f64) > *from)
    });
    if with.len() < LEAST_INTERVALS || without.len() < LEAST_INTERVALS {
        return None;
    }
    let ratio = with.len() as f64 / (with.len() + without.len()) as f64;
    let median = |mut points: Vec<(usize, usize, Range<u64>, f64)>, when: &str| {
        points.sort_by(|a, b| a.3.total_cmp(&b.3));
        let (place, index, _, value) = points.swap_remove(points.len() / 2);
        let pointer = format!("/series/{place}/mean/{index}");
        let label = format!("median interval of {name}, {when}");
        (value, bench.source.evidence(label, &pointer))
    };
    let (with, with_evidence) = median(with, "with a child process");
    let (without, without_evidence) = median(without, "without one");
    Some(Medians {
        with,
        without,
        ratio,
        evidence: with_evidence.into_iter().chain(without_evidence).collect(),
    })
}
