//! Throughput bound of Redis's main thread, which executes all commands and can be fully used on an otherwise
//! idle machine.

use super::ResourceBound;
use crate::assessment::Confidence;
use crate::bench_facts::BenchFacts;
use crate::figures::share;
use crate::redis::{RedisEvidence, SampledKey};
use crate::run_facts::RunFacts;
use bench_report::names::{self, FigureName};

/// Figures of the report that measure how busy the main thread was.
const MEASURES: [FigureName; 4] = [
    names::redis::MAIN_THREAD_ACTIVE_S,
    names::redis::EVENTLOOP_BUSY_US,
    names::redis::EVENTLOOP_COMMANDS_US,
    names::redis::CPU_MAIN_THREAD_S,
];

/// Computes the bound of the main thread; `None` if the report has no figure of its use.
pub(super) fn main_thread(bench: &BenchFacts<'_>, _: &RunFacts<'_>) -> Option<ResourceBound> {
    let (index, step) = bench.operating_step()?;
    let server = RedisEvidence::of_step(bench.source, index);
    let polls = server.as_ref().is_some_and(RedisEvidence::has_io_threads);
    let ratio = if let Some(server) = &server {
        server.busy_ratio()?
    } else {
        let used_s = bench.server_figure(names::redis::CPU_MAIN_THREAD_S)?;
        used_s / Some(step.window.measured_s()).filter(|s| *s > 0.0)?
    };
    let title = format!(
        "Redis's main thread: busy {} of one core",
        share(ratio.min(1.0))
    );
    let key = server.as_ref().and_then(RedisEvidence::most_used_key);
    let named = key.as_ref().map_or_else(String::new, SampledKey::clause);
    let reason = format!("Redis executes commands one after another on this thread{named}");
    let lower_bound = polls
        && bench
            .server_figure(names::redis::MAIN_THREAD_ACTIVE_S)
            .is_none();
    Some(ResourceBound {
        factor: "redis_main_thread".to_owned(),
        title,
        reason: if lower_bound {
            format!("{reason}; with I/O threads only its time in commands is known, a lower bound")
        } else {
            reason
        },
        used_ratio: ratio,
        confidence: if lower_bound {
            Confidence::Medium
        } else {
            Confidence::High
        },
        evidence: MEASURES
            .into_iter()
            .filter_map(|name| bench.server_evidence(name))
            .chain(key.into_iter().flat_map(|key| key.evidence))
            .collect(),
        to_find_out: lower_bound.then(|| {
            "a server that counts used_active_time_main_thread, or io-threads 1".to_owned()
        }),
    })
}
