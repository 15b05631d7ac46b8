//! Time for which Redis answered nobody: what explains it, and what it cost calls.

use super::materiality::MATTERS;
use crate::assessment::Rule;
use crate::bench_facts::BenchFacts;
use crate::figures::duration_ns;
use crate::redis::RedisEvidence;
use crate::rules::stalls;
use bench_report::names;

/// Smallest length of a stall, in nanoseconds; a busy machine causes shorter pauses.
pub(super) const LEAST_NS: f64 = 100e6;
/// Smallest share of a stall's length that an event must have taken to be its cause.
const EXPLAINS: f64 = 0.5;

/// Returns true if the generator stood still itself for so long that a pause of `longest` nanoseconds was its own.
pub(super) fn is_generators(server: &RedisEvidence<'_>, longest: f64) -> bool {
    server.step.generator.worst_stall_ns as f64 >= EXPLAINS * longest
}

/// Returns the length of the longest stall that neither the generator nor a command nor a fork explains, in
/// nanoseconds; `None` if there is none.
pub(super) fn unexplained_ns(server: &RedisEvidence<'_>) -> Option<f64> {
    let longest = server.figure(names::redis::ANSWER_MOST_NS)?;
    let is_open = longest >= LEAST_NS
        && !is_generators(server, longest)
        && long_work(server, longest).is_none();
    is_open.then_some(longest)
}

/// Returns the mean time that a call lost while the server stood still, in nanoseconds: the larger of the wait
/// for its longest answer, of `longest` nanoseconds if there is one, and the time lost to stalls of the
/// throughput.
pub(super) fn lost_ns(
    bench: &BenchFacts<'_>,
    server: &RedisEvidence<'_>,
    longest: Option<f64>,
) -> f64 {
    let asked = longest.map_or(0.0, |ns| server.wait_behind(ns / 1e3, (ns / 1e3).powi(2)));
    let felt = stalls::lost_in(bench, server.index).unwrap_or(0.0);
    asked.max(felt)
}

/// Returns true if writes that waited for a delayed flush cost calls a tenth of their response time.
pub(super) fn delays_matter(bench: &BenchFacts<'_>, server: &RedisEvidence<'_>) -> bool {
    let lost = unexplained_ns(server).map(|ns| lost_ns(bench, server, Some(ns)));
    lost.is_some_and(|lost| server.share_of_response(lost) >= MATTERS)
}

/// Finds the work that took at least half of a pause of `longest` nanoseconds, a slow command or a fork: returns
/// the rule about it, and a sentence. `None` if none is known.
pub(super) fn long_work(server: &RedisEvidence<'_>, longest: f64) -> Option<(Rule, String)> {
    let is_long = |us: &f64| us * 1e3 >= EXPLAINS * longest;
    let slow = slowest_logged(server).filter(|(_, us, _)| is_long(us));
    if let Some((_, us, command)) = slow {
        let cause = format!("{} took {}.", command.to_uppercase(), duration_ns(us * 1e3));
        return Some((Rule::RedisCommand, cause));
    }
    let us = server
        .figure(names::redis::LATEST_FORK_US)
        .filter(is_long)?;
    let cause = format!("Starting a child process took {}.", duration_ns(us * 1e3));
    Some((Rule::RedisSaving, cause))
}

/// Returns the longest call in the slow log: its row, its length in microseconds, and its command.
pub(super) fn slowest_logged<'a>(server: &RedisEvidence<'a>) -> Option<(usize, f64, &'a str)> {
    let rows = server.rows("slow_calls").filter_map(|(place, row)| {
        let us = row.value(names::redis::slow_calls::LONGEST_US)?;
        Some((place, us, row.label(names::redis::slow_calls::COMMAND)?))
    });
    rows.max_by(|a, b| a.1.total_cmp(&b.1))
}
