//! The rules: one file each, from facts to conclusions. A rule that has something to look at
//! always says something: a finding, what it ruled out, or what it could not judge.

mod checkout_cost;
mod connections;
mod cpu;
mod cpu_others;
mod errors;
mod evictions;
mod generator;
mod hit_ratio;
mod kept_connections;
mod memory;
mod objectives;
mod pool_too_large;
mod pool_too_small;
mod postgres;
mod redis;
mod stalls;
mod steal;
mod stopped;
mod sysmon_missing;
mod tail;
mod throttled;
mod websocket_limit;

use crate::conclusions::Conclusions;
use crate::facts::RunFacts;

/// A rule.
type RunRule = fn(&RunFacts<'_>, &mut Conclusions);

/// All rules; those that name causes come before those that hang symptoms under them.
const ALL: [RunRule; 22] = [
    errors::look,
    stopped::look,
    kept_connections::look,
    postgres::look,
    throttled::look,
    redis::look,
    stalls::look,
    cpu_others::look,
    cpu::look,
    steal::look,
    memory::look,
    connections::look,
    generator::look,
    hit_ratio::look,
    evictions::look,
    checkout_cost::look,
    pool_too_small::look,
    websocket_limit::look,
    pool_too_large::look,
    tail::look,
    sysmon_missing::look,
    objectives::look,
];

/// Asks every rule.
pub(crate) fn ask_all(facts: &RunFacts<'_>) -> Conclusions {
    let mut conclusions = Conclusions::default();
    for look in ALL {
        look(facts, &mut conclusions);
    }
    conclusions
}
