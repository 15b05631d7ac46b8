//! Time of a call between load and server, which two rules divide: its round trips, and what its bytes take
//! beyond them.

use bench_report::EvidenceRow;
use bench_report::names;

use crate::assessment::EvidenceItem;
use crate::bench_facts::BenchFacts;
use crate::json_pointer::escape;
use crate::redis::RedisEvidence;
use crate::time_model;

/// Mean time of a call that neither the server nor the client's queues take, in nanoseconds.
pub(super) struct Transit {
    /// All of that time.
    pub(super) whole_ns: f64,
    /// Fastest answer to a minimal command, which is one round trip.
    pub(super) trip_ns: f64,
    /// Mean time of such an answer, at least the fastest.
    mean_trip_ns: f64,
    /// Number of round trips of the call's own commands.
    pub(super) trips: f64,
    pub(super) evidence: Vec<EvidenceItem>,
}

impl Transit {
    /// Returns the transit of a call of the load in one repeat; `None` if the server's times of commands, or the
    /// time of an answer, were not read.
    pub(super) fn of(bench: &BenchFacts<'_>, server: &RedisEvidence<'_>) -> Option<Self> {
        let model = time_model::of_step(bench.source, server.index)?;
        model.part("command")?;
        let whole_ns = model.sum_of("rest");
        let trip_ns = server.figure(names::redis::ANSWER_LEAST_NS)?;
        if trip_ns <= 0.0 {
            return None;
        }
        // Commands that are sent together, or run inside a script, have one round trip, so that there are at most
        // as many as commands.
        let trips = (whole_ns / trip_ns).round();
        let trips = trips.min(commands_per_call(server)).max(1.0);
        let service = |name: &String| {
            let pointer = format!(
                "/steps/{}/operations/{}/service/mean_ns",
                server.index,
                escape(name)
            );
            bench
                .source
                .evidence(format!("mean service time of {name}"), &pointer)
        };
        let times = server.step.operations.keys().filter_map(service);
        let mean_trip_ns = server.figure(names::redis::ANSWER_MEAN_NS);
        Some(Self {
            whole_ns,
            trip_ns,
            mean_trip_ns: mean_trip_ns.unwrap_or(trip_ns).max(trip_ns),
            trips,
            evidence: times
                .chain(server.evidence(names::redis::ANSWER_LEAST_NS))
                .chain(server.evidence(names::redis::ANSWER_MEAN_NS))
                .collect(),
        })
    }

    /// Returns the part of a call that its round trips take, in nanoseconds, each as long as a minimal command's on
    /// average.
    pub(super) fn round_trips_ns(&self) -> f64 {
        (self.trips * self.mean_trip_ns).min(self.whole_ns)
    }

    /// Returns the part of a call that is left beside its round trips, in nanoseconds, each as short as the fastest.
    pub(super) fn beyond_ns(&self) -> f64 {
        (self.whole_ns - self.trips * self.trip_ns).max(0.0)
    }
}

/// Share of a CPU, from 0 to 1, from which generator or machine count as full.
const FULL: f64 = 0.9;

/// Returns true if generator or machine have no CPU left, so that time outside of the server may be the client's.
pub(super) fn is_full(bench: &BenchFacts<'_>, server: &RedisEvidence<'_>) -> bool {
    let generator = &server.step.generator;
    generator.is_saturated(FULL)
        || generator.full_thread(FULL).is_some()
        || bench.cpu_past(FULL) == Some(true)
}

/// Returns the number of commands that the load sent for a call, rounded; those of the pool's check do not count.
fn commands_per_call(server: &RedisEvidence<'_>) -> f64 {
    let calls = |(_, row): (usize, &EvidenceRow)| row.value(names::redis::commands::CALLS);
    let sent: f64 = server.commands_of("load").filter_map(calls).sum();
    (sent / server.calls).round()
}
