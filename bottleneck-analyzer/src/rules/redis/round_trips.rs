//! Rule `redis_round_trips`: the way between load and server.
//!
//! Fires if the fastest answer to a minimal command takes 2 ms, or 1 ms in calls with three round trips, and
//! calls spend a tenth of their response time on such ways. Reads `answer_least_ns`, `answer_mean_ns`, the service
//! times, and the table `commands`. The cost is the round trips of a call's own commands × the mean answer, at most
//! what is left of the service time beside the server's work. Checks of a pool are told by `redis_recycling`.

use super::materiality::MATTERS;
use super::transit::Transit;
use crate::assessment::{ComputedFigure, Confidence, FindingKind, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{counted, duration_ns, share};
use crate::redis::RedisEvidence;

const RULE: Rule = Rule::RedisRoundTrips;
/// Smallest length of a round trip, in nanoseconds, that leaves the data centre or is delayed.
const FAR_NS: f64 = 2e6;
/// Smallest length of a round trip, in nanoseconds, that matters in a call with [`MANY_TRIPS`] or more.
const SOME_WAY_NS: f64 = 1e6;
const MANY_TRIPS: f64 = 3.0;

pub(super) fn check(bench: &BenchFacts<'_>, server: &RedisEvidence<'_>, out: &mut Conclusions) {
    let Some(transit) = Transit::of(bench, server) else {
        return out.cannot_judge(
            RULE,
            bench.component,
            "how long the way to Redis is: the time of its answers or its command statistics were not read",
            "a user that may run INFO",
        );
    };
    let (trip_ns, trips) = (transit.trip_ns, transit.trips);
    let trip = duration_ns(trip_ns);
    let is_far = trip_ns >= FAR_NS || trip_ns >= SOME_WAY_NS && trips >= MANY_TRIPS;
    let ns = transit.round_trips_ns();
    let ratio = server.share_of_response(ns);
    if !is_far || ratio < MATTERS {
        let statement = format!("the fastest answer of Redis took {trip}: no long way to it");
        return out.rule_out(RULE, bench.component, statement, transit.evidence);
    }
    let fewer = if trips > 1.0 {
        "make fewer round trips: a pipeline, MGET, or a script instead of single commands"
    } else {
        "send several commands at once (a pipeline), or keep values in the client (client-side caching)"
    };
    let how = "commands of a call, at most its time outside of the server ÷ the fastest answer";
    out.add_finding(
        bench
            .finding(RULE, FindingKind::Problem)
            .thing("the network")
            .says(
                format!(
                    "A round trip to Redis takes {trip}: {} of each call is the way there and back",
                    share(ratio)
                ),
                format!(
                    "That is the fastest answer to a minimal command. A call makes {} for its own commands, {} \
                     of its {}; ping tells how much of it is distance.",
                    counted(trips, "round trip"),
                    duration_ns(ns),
                    duration_ns(server.response_ns),
                ),
            )
            .saves(ns, server.response_ns)
            .computes([ComputedFigure::new("round trips of a call", trips, how)])
            // The fastest answer also has the server's work on it.
            .confidence(Confidence::Medium)
            .evidence(transit.evidence)
            .advice(
                &["place client and server nearer to each other", fewer],
                format!("up to {} a call", duration_ns(ns)),
                "a call cannot be faster than its round trips",
            ),
    );
}
