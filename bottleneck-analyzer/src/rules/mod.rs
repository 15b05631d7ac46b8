//! The rules: one file each, from facts to conclusions. A rule that has something to look at
//! always says something: a finding, what it ruled out, or what it could not judge.

mod censored_tail;
mod checkout_cost;
mod connections_near_limit;
mod cpu_others;
mod cpu_saturated;
mod errors;
mod evictions;
mod generator_limit;
mod hit_ratio;
mod kept_connections;
mod latency_objective;
mod memory;
mod pool_too_large;
mod pool_too_small;
mod postgres;
mod redis;
mod stalls;
mod steal;
mod stopped_steps;
mod sysmon_missing;
mod throttled;
mod websocket_limit;

use crate::conclusions::Conclusions;
use crate::run_facts::RunFacts;

/// A rule.
type RunRule = fn(&RunFacts<'_>, &mut Conclusions);

/// All rules; those that name causes come before those that hang symptoms under them.
const ALL: [RunRule; 22] = [
    errors::look,
    stopped_steps::look,
    kept_connections::look,
    postgres::look,
    throttled::look,
    redis::look,
    stalls::look,
    cpu_others::look,
    cpu_saturated::look,
    steal::look,
    memory::look,
    connections_near_limit::look,
    generator_limit::look,
    hit_ratio::look,
    evictions::look,
    checkout_cost::look,
    pool_too_small::look,
    websocket_limit::look,
    pool_too_large::look,
    censored_tail::look,
    sysmon_missing::look,
    latency_objective::look,
];

/// Asks every rule.
pub(crate) fn ask_all(facts: &RunFacts<'_>) -> Conclusions {
    let mut conclusions = Conclusions::default();
    for look in ALL {
        look(facts, &mut conclusions);
    }
    conclusions
}
