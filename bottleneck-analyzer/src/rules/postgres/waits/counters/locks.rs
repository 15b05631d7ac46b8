//! Counters of locks and of open transactions.

use bench_report::names::postgres;

use super::counter_facts::CounterFacts;
use crate::figures::{counted, duration_ns, plain};

/// Smallest number of sessions of which each blocks the next that is worth telling: two are any wait.
const CHAIN: f64 = 3.0;
/// Smallest mean pause of the client in a transaction, in nanoseconds, that a time-out may end.
const LONG_PAUSE_NS: f64 = 1e9;

/// Tells how many sessions waited at once, how long the chains of blocking sessions were, and whether
/// prepared transactions hold locks.
pub(super) fn queue(facts: &mut CounterFacts<'_, '_>) {
    if let Some(most) = facts.positive(postgres::LOCKS_WAITING_MAX) {
        let looks = facts.positive(postgres::LOCKS_LOOKS);
        let looks = looks.map_or(String::new(), |n| format!(" (samples: {})", plain(n)));
        let chain = facts.figure(postgres::BLOCKING_CHAIN_MAX);
        let chain = chain.filter(|n| *n >= CHAIN).map_or(String::new(), |n| {
            format!(
                ", in chains of up to {} in which each blocks the next",
                plain(n)
            )
        });
        let sentence = format!(
            "At most {} waited for locks at once{looks}{chain}.",
            counted(most, "session")
        );
        let names = [
            postgres::LOCKS_WAITING_MAX,
            postgres::LOCKS_LOOKS,
            postgres::BLOCKING_CHAIN_MAX,
        ];
        facts.say(&sentence, &names);
    }
    if let Some(count) = facts.positive(postgres::TRANSACTIONS_PREPARED) {
        let sentence = format!(
            "Prepared transactions at the end of the measured part: {}; each keeps its locks until \
             somebody ends it.",
            plain(count)
        );
        facts.say(&sentence, &[postgres::TRANSACTIONS_PREPARED]);
    }
}

/// Tells how long the sessions of the database were idle in transactions by the server's own clock, beside
/// the time in which they executed statements. `pause_ns` is the client's mean pause, in nanoseconds: a time-out,
/// which ends the session, is no remedy for a short one.
pub(super) fn kept(facts: &mut CounterFacts<'_, '_>, pause_ns: f64) {
    if pause_ns < LONG_PAUSE_NS {
        facts.acquitted.push("idle_in_transaction_session_timeout");
    }
    facts.cite(&[
        postgres::TRANSACTIONS_OLDEST_AGE_S,
        postgres::TRANSACTIONS_OLDEST_S,
    ]);
    let names = [
        postgres::DATABASE_IDLE_IN_TRANSACTION_NS,
        postgres::DATABASE_ACTIVE_NS,
    ];
    if let Some((idle, active)) = facts.positive(names[0]).zip(facts.positive(names[1])) {
        let sentence = format!(
            "By the server's own clock, sessions of the database were idle in a transaction for {} and \
             executed statements for {}, waits for locks included.",
            duration_ns(idle),
            duration_ns(active)
        );
        facts.say(&sentence, &names);
    }
}
