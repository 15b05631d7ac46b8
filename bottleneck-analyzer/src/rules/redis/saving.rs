//! Rule `redis_saving`: snapshots and rewrites of the append-only file. The fork stops the main thread, and
//! the child process competes with it.
//!
//! Fires on a fork, or if a child process was at work for a fifth of the step; a problem if forks and slower
//! calls cost a tenth of the response time. Reads `forks`, `latest_fork_us`, `saving_ratio`, the table
//! `saving` and the series of the latency. The cost is the wait for forks (M/G/1) plus the rise of the median
//! while a child was at work × the share of that time.

use bench_report::names;
use bench_report::{EvidenceRow, Series};

use super::materiality::MATTERS;
use crate::assessment::{Confidence, FindingKind, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{bytes, duration_ns, plain, share};
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
    let fork_us = server.figure(names::redis::LATEST_FORK_US).unwrap_or(0.0);
    let stopped_ns = stopped_ns(server, forks, fork_us);
    let slower = slowdown(bench, server);
    let beside_ns = slower.map_or(0.0, |s| (s.with_ns - s.without_ns).max(0.0) * s.ratio);
    let impact = server.share_of_response(stopped_ns + beside_ns);
    let kind = if impact >= MATTERS {
        FindingKind::Problem
    } else {
        FindingKind::Information
    };
    let told = slower.map_or_else(String::new, Slowdown::sentence);
    let rss = server.figure(names::redis::RSS_BYTES).unwrap_or(0.0);
    bench
        .finding(RULE, kind)
        .says(
            format!(
                "Redis saved its data during the step: {}",
                what(server, forks)
            ),
            format!(
                "The latest fork took {} with {} of memory, and a child process was at work {} \
                     of the time.{told}",
                duration_ns(fork_us * 1e3),
                bytes(rss),
                share(saving),
            ),
        )
        .thing("fork")
        .saves(stopped_ns + beside_ns, server.response_ns)
        .confidence(Confidence::Medium)
        .evidence(server.evidence(names::redis::FORKS))
        .evidence(server.evidence(names::redis::LATEST_FORK_US))
        .evidence(server.evidence(names::redis::SAVING_RATIO))
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
    let command = row.label(names::redis::slow_calls::COMMAND);
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
    format!("{} fork(s){seen}", plain(forks))
}

/// Latency of calls in intervals with a child process at work, and in intervals without one.
#[derive(Debug, Clone, Copy)]
struct Slowdown {
    with_ns: f64,
    without_ns: f64,
    with_p99_ns: f64,
    without_p99_ns: f64,
    /// Share of the intervals in which a child process was at work, from 0 to 1.
    ratio: f64,
}

impl Slowdown {
    /// Describes the latencies with and without a child process in a sentence that begins with a
    /// space.
    fn sentence(self) -> String {
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
    let window = server.step.window;
    let medians = |name: &str| -> Option<(f64, f64, f64)> {
        let all: Vec<&Series> = bench
            .source
            .report
            .series
            .iter()
            .filter(|s| s.name == name)
            .collect();
        let points = all.iter().flat_map(|series| series.spans());
        let inside = points.filter(|(_, span, _)| {
            span.start >= window.measure_start_ns && span.end <= window.measure_end_ns
        });
        let (with, without): (Vec<_>, Vec<_>) = inside.partition(|(_, span, _)| {
            times
                .iter()
                .any(|(from, to)| (span.start as f64) < *to && (span.end as f64) > *from)
        });
        let enough = with.len() >= LEAST_INTERVALS && without.len() >= LEAST_INTERVALS;
        let ratio = with.len() as f64 / (with.len() + without.len()).max(1) as f64;
        let median = |points: &[(usize, std::ops::Range<u64>, f64)]| {
            let mut values: Vec<f64> = points.iter().map(|(.., v)| *v).collect();
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied()
        };
        Some((median(&with)?, median(&without)?, ratio)).filter(|_| enough)
    };
    let (with_ns, without_ns, ratio) = medians("latency.p50_ns")?;
    let (with_p99_ns, without_p99_ns, _) = medians("latency.p99_ns")?;
    Some(Slowdown {
        with_ns,
        without_ns,
        with_p99_ns,
        without_p99_ns,
        ratio,
    })
}
