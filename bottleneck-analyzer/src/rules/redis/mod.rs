//! Rules about Redis: other work of the main thread, refused clients, and waits. Each rule checks one repeat
//! of the operating point.

mod append_only;
mod bytes;
mod clients;
mod commands;
mod connections;
mod expiry;
mod finding_parents;
mod hot_key;
mod join_repeats;
mod materiality;
mod network_bytes;
mod no_cpu;
mod outliers;
mod paused;
mod query_limit;
mod recycling;
pub(super) mod refused_commands;
mod round_trips;
mod saving;
mod slow_key;
mod stall;
mod stall_cost;
mod swap;
mod transit;

use crate::assessment::{ComponentKind, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::redis::RedisEvidence;
use crate::run_facts::RunFacts;
use join_repeats::JudgedRepeat;

/// Rule that checks one repeat of a bench and adds its conclusions to the last argument.
type RedisRule = fn(&BenchFacts<'_>, &RedisEvidence<'_>, &mut Conclusions);

const ALL: [RedisRule; 17] = [
    commands::check,
    outliers::check,
    bytes::check,
    saving::check,
    append_only::check,
    expiry::check,
    connections::check,
    clients::check,
    recycling::check,
    round_trips::check,
    network_bytes::check,
    hot_key::check,
    query_limit::check,
    paused::check,
    stall::check,
    no_cpu::check,
    swap::check,
];

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    for bench in facts.benches_of(ComponentKind::Redis) {
        let servers = bench.repeats.iter();
        let servers = servers.filter_map(|index| RedisEvidence::of_step(bench.source, *index));
        let repeats: Vec<JudgedRepeat<'_>> = servers
            .map(|server| {
                let mut repeat = Conclusions::default();
                for judge in ALL {
                    judge(bench, &server, &mut repeat);
                }
                (server, repeat)
            })
            .collect();
        if repeats.is_empty() && !bench.measured_at_rest() {
            out.cannot_judge(
                Rule::RedisServer,
                ComponentKind::Redis,
                "what the server did beside the load's commands: its statistics were not read",
                "a user that may run INFO",
            );
        }
        join_repeats::join(bench, repeats, out);
        finding_parents::assign(bench, out);
    }
}
