//! Eviction policies by the names that the server's settings have for them.

use std::collections::HashMap;

use clap::ValueEnum;
use redis::{Connection, RedisResult};

use super::lfu::ApproximateLfu;
use super::lru::ApproximateLru;
use super::other_policies::{RandomEviction, SoonestExpiry};
use super::simulated_step::SimulatedStep;

/// Eviction policy, as `maxmemory-policy` names it. All keys of `cache` expire, so that `allkeys` and
/// `volatile` are the same for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PolicyName {
    /// Least recently used
    AllkeysLru,
    /// Least frequently used
    AllkeysLfu,
    /// Any key
    AllkeysRandom,
    /// Least recently used of the keys that expire
    VolatileLru,
    /// Least frequently used of the keys that expire
    VolatileLfu,
    /// Any key that expires
    VolatileRandom,
    /// Soonest expiry
    VolatileTtl,
}

impl PolicyName {
    /// Returns the name on the command line, in reports and on the server.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AllkeysLru => "allkeys-lru",
            Self::AllkeysLfu => "allkeys-lfu",
            Self::AllkeysRandom => "allkeys-random",
            Self::VolatileLru => "volatile-lru",
            Self::VolatileLfu => "volatile-lfu",
            Self::VolatileRandom => "volatile-random",
            Self::VolatileTtl => "volatile-ttl",
        }
    }

    /// Returns the hit ratio that `step` has in a cache with this policy that holds up to `capacity`
    /// keys; `None` if the step has no measured read.
    pub(crate) fn simulate(
        self,
        settings: PolicySettings,
        step: &SimulatedStep,
        capacity: usize,
    ) -> Option<f64> {
        let PolicySettings {
            samples,
            log_factor,
            decay_minutes,
        } = settings;
        match self {
            Self::AllkeysLru | Self::VolatileLru => {
                step.hit_ratio(ApproximateLru::new(samples), capacity)
            }
            Self::AllkeysLfu | Self::VolatileLfu => {
                let lfu = ApproximateLfu::new(samples, log_factor, decay_minutes);
                step.hit_ratio(lfu, capacity)
            }
            Self::AllkeysRandom | Self::VolatileRandom => step.hit_ratio(RandomEviction, capacity),
            Self::VolatileTtl => step.hit_ratio(SoonestExpiry::new(samples), capacity),
        }
    }
}

/// Settings of a server that change what its policies evict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PolicySettings {
    samples: usize,
    log_factor: u32,
    decay_minutes: u32,
}

impl PolicySettings {
    /// Reads the settings of a server. Returns `None` if it has other settings than Redis.
    ///
    /// # Errors
    /// Fails if the server does not answer, or does not let its settings be read.
    pub(crate) fn read(connection: &mut Connection) -> RedisResult<Option<Self>> {
        let mut all: HashMap<String, String> = HashMap::new();
        for pattern in ["maxmemory-samples", "lfu-*"] {
            let some: HashMap<String, String> = redis::cmd("CONFIG")
                .arg("GET")
                .arg(pattern)
                .query(connection)?;
            all.extend(some);
        }
        let number = |name: &str| all.get(name)?.parse::<u32>().ok();
        let settings = || {
            Some(Self {
                samples: number("maxmemory-samples")? as usize,
                log_factor: number("lfu-log-factor")?,
                decay_minutes: number("lfu-decay-time")?,
            })
        };
        Ok(settings())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_has_the_names_of_the_server() {
        for policy in PolicyName::value_variants() {
            let value = policy.to_possible_value().unwrap();
            assert_eq!(value.get_name(), policy.name());
        }
    }
}
