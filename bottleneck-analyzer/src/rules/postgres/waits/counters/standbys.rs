//! Counters of standbys: how many synchronous ones there are, and how far behind the slowest is.

use bench_report::names::postgres;

use super::counter_facts::CounterFacts;
use crate::figures::{duration_ns, plain};

/// Smallest ratio of the delay of applying ÷ delay of flushing at which applying is what takes long.
const MOSTLY_APPLYING: f64 = 2.0;

/// Tells how many synchronous standbys are connected, and the delays of the slowest standby.
pub(super) fn delays(facts: &mut CounterFacts<'_, '_>) {
    const COUNT: [bench_report::names::FigureName; 1] =
        [postgres::REPLICATION_SYNCHRONOUS_STANDBYS];
    match facts.figure(COUNT[0]) {
        Some(count) if count < 1.0 => {
            let sentence = "No synchronous standby was connected at the end of the measured part, so \
                            that commits wait for one that is not there.";
            facts.say(sentence, &COUNT);
            facts.actions.push(
                "bring the standby back, or take it out of synchronous_standby_names".to_owned(),
            );
        }
        Some(count) => {
            let sentence = format!("Synchronous standbys connected: {}.", plain(count));
            facts.say(&sentence, &COUNT);
        }
        None => {}
    }
    lags(facts);
}

fn lags(facts: &mut CounterFacts<'_, '_>) {
    let names = [
        postgres::REPLICATION_FLUSH_LAG_NS_MAX,
        postgres::REPLICATION_REPLAY_LAG_NS_MAX,
    ];
    let Some((flush, replay)) = facts.positive(names[0]).zip(facts.positive(names[1])) else {
        facts.cite(&names);
        return;
    };
    let sentence = format!(
        "The slowest standby, asynchronous ones included, had the log on its disk {} later, and had applied \
         it {} later.",
        duration_ns(flush),
        duration_ns(replay)
    );
    facts.say(&sentence, &names);
    let settings = facts.server.source.report.config.get("server_settings");
    let waits_for = settings.and_then(|s| s.get("synchronous_commit")?.as_str());
    match waits_for {
        Some("remote_apply") if replay >= MOSTLY_APPLYING * flush => {
            facts.actions.push(
                "do not wait until the standby has applied the log: synchronous_commit = on"
                    .to_owned(),
            );
            facts.acquitted.push("remote_apply");
        }
        Some("remote_apply") | None => {}
        Some(_) => facts.acquitted.push("remote_apply"),
    }
}
