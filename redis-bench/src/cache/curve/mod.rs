//! Hit ratio of a cache in Redis that holds fewer keys than are requested, from a simulation of the
//! eviction policies. They are approximate: Redis looks at a few keys at random instead of all, and
//! its clocks count whole seconds or minutes. No formula that is known covers both.
//!
//! Source of the policies: Redis 7.0, `src/evict.c`, `src/db.c` and `src/object.c`.

mod cached_keys;
mod curve_text;
mod eviction_policy;
mod eviction_pool;
mod lfu;
mod limited_step;
mod lru;
mod other_policies;
mod policy_name;
mod simulated_cache;
mod simulated_step;

#[cfg(test)]
mod server_tests;
#[cfg(test)]
mod tests;

pub(crate) use curve_text::{CurvePoint, curve_text};
#[cfg(test)]
pub(crate) use eviction_policy::EvictionPolicy;
pub(crate) use limited_step::{LimitedStep, MemoryLimit, StepKeys};
#[cfg(test)]
pub(crate) use lru::ApproximateLru;
#[cfg(test)]
pub(crate) use other_policies::RandomEviction;
pub(crate) use policy_name::PolicyName;
#[cfg(test)]
pub(crate) use simulated_cache::SimulatedCache;
pub(crate) use simulated_step::SimulatedStep;
