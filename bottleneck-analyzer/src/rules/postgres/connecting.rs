//! Rules `connection_storm` and `checkout_check`.
//!
//! `connection_storm` fires if a hundredth of the calls or more open a connection and connecting takes a
//! tenth of the service time. It reads the pool's checkout counts or `database.sessions`, and the time part
//! `checkout_connect`. `checkout_check` reports, as information, the round trip that the driver makes before
//! it hands out a connection: the time part `checkout_check`.

use crate::assessment::{ComputedFigure, Confidence, EvidenceItem, Rule};
use crate::cost::{CauseCost, CheckResult, RepeatFacts};
use crate::figures::{counted, duration_ns, plain, share};
use crate::own_time::CausePart;
use bench_report::names;

const STORM: Rule = Rule::ConnectionStorm;
const CHECK: Rule = Rule::CheckoutCheck;
/// Smallest ratio of new sessions ÷ calls at which the load opens connections all the time.
const MOST_NEW: f64 = 0.01;

pub(super) fn check(repeat: &RepeatFacts<'_, '_>) -> Vec<CheckResult> {
    let mut results = vec![connection_storm(repeat)];
    results.extend(checkout_check(repeat));
    results
}

fn connection_storm(repeat: &RepeatFacts<'_, '_>) -> CheckResult {
    let server = &repeat.server;
    let pool = server.step.pool.as_ref();
    let opened = pool
        .and_then(|p| p.checkout)
        .map(|c| c.opened as f64 / c.count.max(1) as f64);
    // The connections that fill the pool at first are opened only once and do not count.
    let first = pool.map_or(0.0, |p| p.max_size as f64);
    let sessions = server
        .figure(names::postgres::DATABASE_SESSIONS)
        .zip(server.calls_of_counters());
    let new = sessions.map(|(sessions, calls)| (sessions - first).max(0.0) / calls);
    let of_pool = |(label, field): (&str, &str)| {
        let pointer = format!("/steps/{}/pool/checkout/{field}", server.index);
        server.source.evidence(label, &pointer)
    };
    let of_pool = [
        ("connections opened by the pool", "opened"),
        ("checkouts", "count"),
    ]
    .map(of_pool);
    let sessions_started = server.evidence(names::postgres::DATABASE_SESSIONS);
    let evidence = of_pool.into_iter().chain([sessions_started]);
    let evidence: Vec<_> = evidence.flatten().collect();
    let own_ns = repeat.model.sum_of("checkout_connect");
    let Some(ratio) = opened.or(new) else {
        let question = "whether connections are opened all the time: new sessions were not counted";
        let to_find_out = "PostgreSQL 14 or later (pg_stat_database.sessions)";
        return CheckResult::Unknown(STORM, question.to_owned(), to_find_out.to_owned());
    };
    if ratio < MOST_NEW {
        let statement = format!("connections opened: {} of the calls", share(ratio));
        return CheckResult::Fine(STORM, statement, evidence);
    }
    if own_ns <= 0.0 {
        let question = format!(
            "what opening connections costs: {} of the calls open one, and how long that takes was not \
             measured",
            share(ratio)
        );
        return CheckResult::Unknown(
            STORM,
            question,
            "a driver that times its connecting".to_owned(),
        );
    }
    CheckResult::Cost(storm_cost(repeat, ratio, own_ns, evidence))
}

/// Returns the cost of opening connections in the share `ratio` of the calls. `own_ns` is the mean
/// time of a call spent on that, in nanoseconds.
fn storm_cost(
    repeat: &RepeatFacts<'_, '_>,
    ratio: f64,
    own_ns: f64,
    evidence: Vec<EvidenceItem>,
) -> CauseCost {
    let server = &repeat.server;
    let pool = server.step.pool.as_ref();
    let by_pool = pool.and_then(|pool| pool.checkout).map(|checkout| {
        format!(
            "The pool opened {} in {} checkouts.",
            counted(checkout.opened as f64, "connection"),
            plain(checkout.count as f64)
        )
    });
    let started = server.figure(names::postgres::DATABASE_SESSIONS);
    let started =
        started.map(|sessions| format!("The server started {}.", counted(sessions, "session")));
    let sentences: Vec<String> = by_pool.into_iter().chain(started).collect();
    CauseCost {
        rule: STORM,
        key: vec![CausePart::thing("storm")],
        thing: "new connections".to_owned(),
        own_ns,
        least: 0.10,
        avoidable: true,
        lower_bound: false,
        highest_confidence: Confidence::High,
        computed: vec![ComputedFigure::new(
            "share of the calls that open a connection",
            ratio,
            "connections opened ÷ checkouts; where the pool does not count them, new sessions beyond the first \
             ones of the pool ÷ calls",
        )],
        title: format!(
            "Connections are opened all the time ({} of the calls open one)",
            share(ratio)
        ),
        detail: sentences.join(" "),
        evidence,
        actions: vec![
            "keep connections: a longer lifetime and idle time-out, with jitter".to_owned(),
            "or put a pooler between".to_owned(),
        ],
        rationale: "a new connection costs a process on the server and several round trips"
            .to_owned(),
        restart: false,
    }
}

/// Checks the time of the round trip that the driver makes before it hands out a connection. It is
/// information and no problem, because the driver is configured to do so. `None` if the driver
/// makes none or its time was not measured.
fn checkout_check(repeat: &RepeatFacts<'_, '_>) -> Option<CheckResult> {
    let part = repeat.model.part("checkout_check")?;
    Some(CheckResult::Cost(CauseCost {
        rule: CHECK,
        key: vec![CausePart::thing("check")],
        thing: "the driver's check at checkout".to_owned(),
        own_ns: part.ns,
        least: 0.10,
        avoidable: false,
        lower_bound: false,
        highest_confidence: Confidence::High,
        computed: Vec::new(),
        title: "The driver checks each connection before it hands it out".to_owned(),
        detail: format!(
            "That is a round trip of {} at each checkout, and no wait for a place in the pool.",
            duration_ns(part.ns)
        ),
        evidence: part.evidence.clone(),
        actions: vec![
            "switch the check off where the first statement may find a dead connection".to_owned(),
        ],
        rationale: "without the check a checkout costs no round trip".to_owned(),
        restart: false,
    }))
}
