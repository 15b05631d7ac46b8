//! Time between client and server: how far away the server is, and how often a call goes there.

use crate::cost::{CauseCost, CheckResult, RepeatFacts};
use crate::figures::{duration_ns, plain};
use crate::time_model::postgres::added_round_trip_ns;

const RULE: &str = "round_trips";
/// A round trip that takes less is not worth a word.
const LEAST_TRIP_NS: f64 = 3e5;
/// A round trip that takes more leaves the data centre, or passes something that holds it up.
const FAR_NS: f64 = 2e6;

/// A round trip of which several in a call are worth to be fewer.
const SOME_WAY_NS: f64 = 1e6;
const MANY_TRIPS: f64 = 3.0;

pub(super) fn look(probe: &RepeatFacts<'_, '_>) -> Vec<CheckResult> {
    if !probe.is_timed() || probe.view.figure("sessions.cpu_mean").is_none() {
        return Vec::new();
    }
    let trips = 1.0 + gaps(probe);
    let measured = trip_ns(probe);
    // What the run adds to each trip is known, however crowded the machine is; that a trip takes longer
    // than that only where nothing else may be the reason.
    let unclear = obscured(probe);
    let outside = (measured + in_transactions_ns(probe)) / trips;
    let declared = added_round_trip_ns(probe.view.step).map(|added| {
        if unclear.is_some() {
            added
        } else {
            added.max(outside)
        }
    });
    let trip = declared.unwrap_or(measured);
    let evidence = means(probe);
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
        let would_tell = "the same load with a generator and a machine that have room".to_owned();
        return vec![CheckResult::Unknown(RULE, question, would_tell)];
    }
    let own_ns = match declared {
        Some(trip) => trips * trip,
        None => trip + in_transactions_ns(probe),
    };
    let own_ns = own_ns.min(probe.model.served_ns());
    vec![CheckResult::Cost(CauseCost {
        rule: RULE,
        key: "trips".to_owned(),
        thing: "the network".to_owned(),
        own_ns,
        least: 0.30,
        avoidable: trip >= FAR_NS || trip >= SOME_WAY_NS && trips >= MANY_TRIPS,
        lower_bound: false,
        title: format!(
            "Calls spend their time on the way between client and server (about {} for each round trip)",
            duration_ns(trip)
        ),
        detail: format!(
            "A call makes about {} round trips. The time is what is left of the service time when the \
             server's own is taken out, on a client that has room.",
            plain(trips.round())
        ),
        evidence,
        actions: vec![
            "place client and server nearer to each other".to_owned(),
            "make fewer round trips: one statement, a function, or pipelining".to_owned(),
        ],
        rationale: "a call cannot be faster than its round trips".to_owned(),
        restart: false,
    })]
}

fn means(probe: &RepeatFacts<'_, '_>) -> Vec<crate::assessment::EvidenceItem> {
    let view = &probe.view;
    let of = |name: &String| {
        let name = crate::json_pointer::escape(name);
        let pointer = format!("/steps/{}/operations/{name}/service/mean_ns", view.index);
        view.source.evidence("mean service time", &pointer)
    };
    view.step.operations.keys().filter_map(of).collect()
}

/// Time of a call outside the server and outside its transaction: one round trip and the driver.
fn trip_ns(probe: &RepeatFacts<'_, '_>) -> f64 {
    probe.model.sum_of("rest") + probe.model.sum_of("network")
}

/// A reason for which the rest of the service time may be something else than the network.
fn obscured(probe: &RepeatFacts<'_, '_>) -> Option<&'static str> {
    let limits = &probe.facts.thresholds.cpu;
    let generator = &probe.view.step.generator;
    let held = probe
        .view
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
    match probe.bench.cpu_has_room(limits.warning_ratio) {
        Some(true) => None,
        Some(false) => Some("the CPU has no room, so that part of it is waiting for a CPU"),
        None => Some("the machine's CPU was not recorded"),
    }
}

/// Pauses between the statements of a call.
pub(super) fn gaps(probe: &RepeatFacts<'_, '_>) -> f64 {
    let view = &probe.view;
    let parts = view
        .step
        .parts
        .values()
        .map(|part| part.attempted)
        .sum::<u64>();
    let whole = view
        .step
        .operations
        .values()
        .map(|o| o.attempted)
        .sum::<u64>();
    let counted = view
        .figure("statements.calls")
        .zip(view.figure("database.commits"));
    match (parts, counted) {
        (0, Some((statements, commits))) if commits > 0.0 => (statements / commits - 1.0).max(0.0),
        (0, _) => 0.0,
        (parts, _) => (parts as f64 / whole.max(1) as f64 - 1.0).max(0.0),
    }
}

/// Round trips inside transactions, during which the session is idle in a transaction.
pub(super) fn in_transactions_ns(probe: &RepeatFacts<'_, '_>) -> f64 {
    let open = probe
        .model
        .part("client.idle_in_transaction")
        .map_or(0.0, |p| p.ns);
    open.min(gaps(probe) * trip_ns(probe))
}
