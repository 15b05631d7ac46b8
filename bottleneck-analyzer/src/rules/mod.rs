//! Rules, one per file, which turn facts into conclusions. A rule that has data always concludes
//! something: a finding, a passed check, or an open question.
//!
//! The comment at the top of each file says when the rule fires, which evidence it reads, and where its
//! formula comes from. `docs/adding-a-rule.md` walks through a new one.

mod cache_hits;
mod censored_tail;
mod checkout_cost;
mod connections_near_limit;
mod cpu_others;
mod cpu_saturated;
mod disk_others;
mod drift;
mod error_times;
mod errors;
mod evictions;
mod failure_latency;
mod failure_totals;
mod file_systems;
mod generator_limit;
mod gpu;
mod group_limits;
mod hit_ratio;
mod kept_connections;
mod latency_objective;
mod limiter;
mod littles_law;
mod memory;
mod memory_growth;
mod network;
mod oom_kill;
mod pool_too_large;
mod pool_too_small;
mod postgres;
mod rate_search;
mod redis;
mod redis_memory;
mod repeats_disagree;
mod session_races;
mod spike_recovery;
mod stalls;
mod stampede;
mod steal;
mod stopped_steps;
mod sysmon_missing;
mod throttled;
mod unexplained_time;
mod variants;
mod websocket_limit;

use crate::conclusions::Conclusions;
use crate::run_facts::RunFacts;

/// Rule about a whole run, which adds its conclusions to the second argument.
type RunRule = fn(&RunFacts<'_>, &mut Conclusions);

/// All rules. Rules that find causes come before those that find their symptoms; the last one lowers the
/// confidence of what the others found.
const ALL: &[RunRule] = &[
    errors::check,
    stopped_steps::check,
    rate_search::check,
    kept_connections::check,
    postgres::check,
    throttled::check,
    redis::check,
    redis_memory::check,
    limiter::check,
    session_races::check,
    stampede::check,
    cpu_others::check,
    stalls::check,
    drift::check,
    spike_recovery::check,
    repeats_disagree::check,
    cpu_saturated::check,
    steal::check,
    memory::check,
    oom_kill::check,
    memory_growth::check,
    group_limits::check,
    network::check,
    disk_others::check,
    gpu::check,
    file_systems::check,
    connections_near_limit::check,
    generator_limit::check,
    hit_ratio::check,
    evictions::check,
    checkout_cost::check,
    pool_too_small::check,
    websocket_limit::check,
    pool_too_large::check,
    censored_tail::check,
    sysmon_missing::check,
    latency_objective::check,
    unexplained_time::check,
    littles_law::check,
];

/// Runs every rule on `facts` and returns the conclusions of all.
pub(crate) fn check_all(facts: &RunFacts<'_>) -> Conclusions {
    let mut conclusions = Conclusions::default();
    for look in ALL {
        look(facts, &mut conclusions);
    }
    conclusions
}
