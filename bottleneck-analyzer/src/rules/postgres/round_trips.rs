//! Rule `round_trips`: time between client and server.
//!
//! Fires if round trips take 30 % of the service time; a problem if one round trip takes 2 ms, or 1 ms in
//! calls with three or more. Reads the time parts `rest`, `network` and `client.idle_in_transaction`, the
//! number of statements of a call, and the parameter `network_delay`. If the run adds no network delay, the
//! time of a round trip is the remainder of the service time; it is judged only if generator and machine have
//! room.

use crate::assessment::{ComputedFigure, Confidence, EvidenceItem, Rule};
use crate::cost::{CauseCost, CheckResult, RepeatFacts};
use crate::figures::{counted, duration_ns};
use crate::own_time::CausePart;
use crate::time_model::postgres::added_round_trip_ns;
use bench_report::{Histogram, names};

const RULE: Rule = Rule::RoundTrips;
/// Smallest length of a round trip, in nanoseconds, at which the rule fires.
const LEAST_TRIP_NS: f64 = 3e5;
/// Smallest length of a round trip, in nanoseconds, at which it is a problem in any call: it leaves
/// the data centre or is delayed.
const FAR_NS: f64 = 2e6;

/// Smallest length of a round trip, in nanoseconds, at which it is a problem in calls with
/// [`MANY_TRIPS`] or more.
const SOME_WAY_NS: f64 = 1e6;
/// Smallest number of round trips of a call at which round trips of [`SOME_WAY_NS`] are a problem.
const MANY_TRIPS: f64 = 3.0;

pub(super) fn check(repeat: &RepeatFacts<'_, '_>) -> Vec<CheckResult> {
    if !repeat.is_timed()
        || repeat
            .server
            .figure(names::postgres::SESSIONS_CPU_MEAN)
            .is_none()
    {
        return Vec::new();
    }
    let trips = 1.0 + gaps(repeat);
    let measured = trip_ns(repeat);
    // A delay that the run itself adds is certain. A longer round trip is certain only if nothing else
    // explains it.
    let unclear = obscured(repeat);
    let outside = (measured + in_transactions_ns(repeat)) / trips;
    let measured = client_ns(repeat).map_or(measured, |_| outside);
    let declared = added_round_trip_ns(repeat.server.step).map(|added| {
        if unclear.is_some() {
            added
        } else {
            added.max(outside)
        }
    });
    let trip = declared.unwrap_or(measured);
    let evidence = means(repeat);
    if trip < LEAST_TRIP_NS {
        let statement = format!(
            "driver, network and scheduling take {} of a call outside the server",
            duration_ns(trip)
        );
        return vec![CheckResult::Fine(RULE, statement, evidence)];
    }
    if let Some(reason) = unclear.filter(|_| declared.is_none()) {
        let question = format!(
            "how long a round trip takes: {} of a call are spent outside the server, and {reason}",
            duration_ns(trip)
        );
        let to_find_out = "the same load with a generator and a machine that have room".to_owned();
        return vec![CheckResult::Unknown(RULE, question, to_find_out)];
    }
    let own_ns = match declared {
        Some(trip) => trips * trip,
        None => trip_ns(repeat) + in_transactions_ns(repeat),
    };
    let own_ns = own_ns.min(repeat.model.served_ns());
    vec![CheckResult::Cost(cost(own_ns, trip, trips, evidence))]
}

/// Returns the cost of `trips` round trips per call, each `trip` nanoseconds long. `own_ns` is
/// their time in a call, in nanoseconds.
fn cost(own_ns: f64, trip: f64, trips: f64, evidence: Vec<EvidenceItem>) -> CauseCost {
    CauseCost {
        rule: RULE,
        key: vec![CausePart::thing("trips")],
        thing: "the network".to_owned(),
        own_ns,
        least: 0.30,
        avoidable: trip >= FAR_NS || trip >= SOME_WAY_NS && trips >= MANY_TRIPS,
        lower_bound: false,
        highest_confidence: Confidence::High,
        computed: vec![ComputedFigure::new(
            "time of a round trip, in nanoseconds",
            trip,
            "time of a call outside server and client ÷ round trips of a call",
        )],
        title: format!(
            "Calls spend their time between client and server: network, driver, scheduling (about {} for each round trip)",
            duration_ns(trip)
        ),
        detail: format!(
            "A call makes about {}. Their time is the time for which a call holds its connection, less the \
             time of the server and of the client between statements; the client had CPU to spare. A nearer \
             server saves the part of it that is distance: ping tells which.",
            counted(trips.round(), "round trip")
        ),
        evidence,
        actions: vec![
            "place client and server nearer to each other".to_owned(),
            if trips.round() > 1.0 {
                "make fewer round trips: one statement, a function, or pipelining".to_owned()
            } else {
                "send several calls at once (pipelining, a batch), or keep the answers in a cache"
                    .to_owned()
            },
        ],
        rationale: "a call cannot be faster than its round trips".to_owned(),
        restart: false,
    }
}

fn means(repeat: &RepeatFacts<'_, '_>) -> Vec<EvidenceItem> {
    let server = &repeat.server;
    let of = |name: &String| {
        let name = crate::json_pointer::escape(name);
        let pointer = format!("/steps/{}/operations/{name}/service/mean_ns", server.index);
        server.source.evidence("mean service time", &pointer)
    };
    server.step.operations.keys().filter_map(of).collect()
}

/// Returns the mean time of a call, in nanoseconds, in which neither the server works nor a
/// transaction is open: one round trip and the driver.
fn trip_ns(repeat: &RepeatFacts<'_, '_>) -> f64 {
    repeat.model.sum_of("rest") + repeat.model.sum_of("network")
}

/// Returns a reason why the remainder of the service time may not be the network's, as the end of a
/// sentence; `None` if there is no such reason.
fn obscured(repeat: &RepeatFacts<'_, '_>) -> Option<&'static str> {
    let limits = &repeat.facts.thresholds.cpu;
    let generator = &repeat.server.step.generator;
    let held = repeat
        .server
        .step
        .parameters
        .get("hold")
        .map(ToString::to_string);
    if held.is_some_and(|hold| !matches!(hold.as_str(), "0" | "0s")) {
        return Some("the load holds its connections on purpose");
    }
    if generator.is_saturated(limits.generator_ratio)
        || generator.full_thread(limits.generator_ratio).is_some()
    {
        return Some("the generator is full");
    }
    match repeat.bench.cpu_has_room(limits.warning_ratio) {
        Some(true) => None,
        Some(false) => Some("the CPU has no room, so that part of it is waiting for a CPU"),
        None => Some("the machine's CPU was not recorded"),
    }
}

/// Returns the mean number of pauses between two statements of a call: its statements less one. 0
/// if statements were not counted.
pub(super) fn gaps(repeat: &RepeatFacts<'_, '_>) -> f64 {
    let server = &repeat.server;
    let parts = server
        .step
        .parts
        .values()
        .map(|part| part.attempted)
        .sum::<u64>();
    let whole = server
        .step
        .operations
        .values()
        .map(|o| o.attempted)
        .sum::<u64>();
    let counted = server
        .figure(names::postgres::STATEMENTS_CALLS)
        .zip(server.figure(names::postgres::DATABASE_COMMITS));
    match (parts, counted) {
        (0, Some((statements, commits))) if commits > 0.0 => (statements / commits - 1.0).max(0.0),
        (0, _) => 0.0,
        (parts, _) => (parts as f64 / whole.max(1) as f64 - 1.0).max(0.0),
    }
}

/// Returns the mean time of a call, in nanoseconds, that the client itself takes between two statements: the
/// service time without the statements as the client timed them. `None` if the call is one statement or its
/// statements were not timed.
fn client_ns(repeat: &RepeatFacts<'_, '_>) -> Option<f64> {
    let step = repeat.server.step;
    let sum = |timed: Vec<Option<&Histogram>>| -> Option<f64> {
        let ns = timed
            .into_iter()
            .map(|h| Some(h?.mean_ns * h?.count as f64));
        ns.sum()
    };
    let statements = sum(step.parts.values().map(|part| part.call.as_ref()).collect())?;
    let service = sum(step
        .operations
        .values()
        .map(|o| o.service.as_ref())
        .collect())?;
    let calls: u64 = step.operations.values().map(|o| o.succeeded).sum();
    let is_timed = !step.parts.is_empty() && calls > 0;
    is_timed.then(|| (service - statements).max(0.0) / calls as f64)
}

/// Returns the mean time of a call's round trips inside transactions, in nanoseconds. Meanwhile the
/// session is idle in transaction. It is that time without the client's own, if the client timed each
/// statement; else as many round trips as a call has gaps, each as long as the one outside.
pub(super) fn in_transactions_ns(repeat: &RepeatFacts<'_, '_>) -> f64 {
    let open = repeat
        .model
        .part("client.idle_in_transaction")
        .map_or(0.0, |p| p.ns);
    match client_ns(repeat) {
        Some(client) => (open - client).max(0.0),
        None => open.min(gaps(repeat) * trip_ns(repeat)),
    }
}

#[cfg(test)]
mod tests {
    use super::cost;

    /// Planted: round trips on both sides of 2 ms in a call with one, and of 1 ms in calls with two or three.
    #[test]
    fn a_round_trip_is_a_problem_from_two_milliseconds_on_or_from_one_if_a_call_has_three() {
        let is_problem = |trip: f64, trips: f64| cost(trips * trip, trip, trips, vec![]).avoidable;
        assert!(is_problem(2e6, 1.0));
        assert!(!is_problem(1_999_999.0, 1.0));
        assert!(is_problem(1e6, 3.0));
        assert!(!is_problem(999_999.0, 3.0));
        assert!(!is_problem(1e6, 2.9));
    }

    /// Planted: calls of which a few or most make a second round trip.
    #[test]
    fn fewer_round_trips_are_advised_only_where_a_call_has_more_than_one() {
        let advised = |trips: f64| cost(2e6, 2e6, trips, vec![]).actions.join("; ");
        let one = advised(1.4);
        assert!(one.contains("send several calls at once"), "{one}");
        assert!(!one.contains("make fewer round trips"), "{one}");
        let two = advised(1.6);
        assert!(two.contains("make fewer round trips"), "{two}");
        assert!(!two.contains("send several calls at once"), "{two}");
    }
}
