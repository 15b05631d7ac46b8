//! Pool options: those that the pooled drivers share, and those of one driver alone.

use std::collections::BTreeMap;
use std::time::Duration;

use bench_cli::{UsageError, flags};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::Driver;

/// Pool options. If not given, each library keeps its default, except that connections do not
/// expire, because the pool must stay the same during a step.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Pool")]
pub(crate) struct PoolOptions {
    /// Check of a connection at checkout [default: the library's own: fast for deadpool, verified
    /// for sqlx]
    #[arg(long, value_enum)]
    pub(crate) recycle: Option<Recycle>,

    /// Connections open before a step begins; sqlx keeps at least so many [default: the whole pool]
    #[arg(long, value_parser = flags::count, value_name = "N")]
    pub(crate) pool_min: Option<u64>,

    /// Age at which sqlx closes a connection [default: none]
    #[arg(long, value_parser = flags::duration, value_name = "TIME")]
    pub(crate) max_lifetime: Option<Duration>,

    /// Time without use after which sqlx closes a connection [default: none]
    #[arg(long, value_parser = flags::duration, value_name = "TIME")]
    pub(crate) idle_timeout: Option<Duration>,
}

/// Way in which a pool checks that a connection works before it hands it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Recycle {
    /// No round trip; a connection that the server has closed makes the request fail
    Fast,
    /// A round trip to the server for each checkout
    Verified,
}

impl Recycle {
    fn name(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Verified => "verified",
        }
    }
}

impl PoolOptions {
    /// Refuses options that have no effect on `drivers`, and a minimum above the smallest of the
    /// pools' `sizes`, which must be in ascending order.
    ///
    /// # Errors
    /// Fails with a [`UsageError`] that says which flag to change.
    pub(crate) fn check(&self, drivers: &[Driver], sizes: &[u64]) -> Result<(), UsageError> {
        let refuse = |sentence: String| Err(UsageError(sentence));
        let pooled = drivers.iter().any(|driver| driver.is_pooled());
        for (flag, given) in [
            ("--recycle", self.recycle.is_some()),
            ("--pool-min", self.pool_min.is_some()),
        ] {
            if given && !pooled {
                return refuse(format!(
                    "{flag} is about pools; name deadpool or sqlx with --driver, or leave it out"
                ));
            }
        }
        for (flag, given) in [
            ("--max-lifetime", self.max_lifetime.is_some()),
            ("--idle-timeout", self.idle_timeout.is_some()),
        ] {
            if given && !drivers.contains(&Driver::Sqlx) {
                return refuse(format!(
                    "{flag} is a setting of sqlx alone; name sqlx with --driver, or leave it out"
                ));
            }
        }
        match (self.pool_min, sizes.first()) {
            (Some(least), Some(smallest)) if least > *smallest => refuse(format!(
                "--pool-min {least} is more than the smallest pool holds, which is {smallest}"
            )),
            _ => Ok(()),
        }
    }

    /// Returns the check that the pool of `driver` makes at checkout, the library's own if none was
    /// given; `None` for a driver without a pool.
    pub(crate) fn recycling(&self, driver: Driver) -> Option<Recycle> {
        let own = match driver {
            Driver::Wire | Driver::Direct => return None,
            Driver::Deadpool => Recycle::Fast,
            Driver::Sqlx => Recycle::Verified,
        };
        Some(self.recycle.unwrap_or(own))
    }

    /// Returns the number of connections of a pool of `size` that are open before a step begins:
    /// the minimum that was given, at most `size`; else `size`.
    pub(crate) fn opened_before(&self, size: u64) -> u64 {
        self.pool_min.map_or(size, |least| least.min(size))
    }

    /// Returns the options that apply to `driver` for the report's `config`, by name; empty for a
    /// driver without a pool.
    pub(crate) fn config(&self, driver: Driver) -> BTreeMap<&'static str, Value> {
        let mut config = BTreeMap::new();
        let Some(recycle) = self.recycling(driver) else {
            return config;
        };
        config.insert("recycle", json!(recycle.name()));
        if let Some(least) = self.pool_min {
            config.insert("pool_min", json!(least));
        }
        if driver == Driver::Sqlx {
            let ns = |time: Option<Duration>| json!(time.map(|t| t.as_nanos() as u64));
            config.insert("max_lifetime_ns", ns(self.max_lifetime));
            config.insert("idle_timeout_ns", ns(self.idle_timeout));
        }
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Driver; 4] = [Driver::Wire, Driver::Direct, Driver::Deadpool, Driver::Sqlx];

    #[test]
    fn each_pool_recycles_as_its_library_does_unless_told() {
        let own = ALL.map(|driver| PoolOptions::default().recycling(driver));
        assert_eq!(
            own,
            [None, None, Some(Recycle::Fast), Some(Recycle::Verified)]
        );
        let fast = PoolOptions {
            recycle: Some(Recycle::Fast),
            ..PoolOptions::default()
        };
        assert_eq!(fast.recycling(Driver::Sqlx), Some(Recycle::Fast));
        assert_eq!(fast.recycling(Driver::Direct), None);
        assert_eq!(fast.config(Driver::Sqlx)["recycle"], json!("fast"));
    }

    #[test]
    fn settings_without_a_meaning_are_refused_with_a_sentence() {
        let lifetime = Some(Duration::from_mins(1));
        let options = PoolOptions::default;
        let check = |options: PoolOptions, drivers: &[Driver]| {
            options.check(drivers, &[2, 8]).map_err(|error| error.0)
        };
        let recycle = PoolOptions {
            recycle: Some(Recycle::Fast),
            ..options()
        };
        let least = |n| PoolOptions {
            pool_min: Some(n),
            ..options()
        };
        let age = PoolOptions {
            max_lifetime: lifetime,
            ..options()
        };
        let idle = PoolOptions {
            idle_timeout: lifetime,
            ..options()
        };
        for (options, drivers, said) in [
            (recycle.clone(), &ALL[..2], "--recycle is about pools"),
            (least(1), &ALL[..2], "--pool-min is about pools"),
            (least(3), &ALL[..], "smallest pool holds, which is 2"),
            (
                age.clone(),
                &ALL[..3],
                "--max-lifetime is a setting of sqlx",
            ),
            (
                idle.clone(),
                &ALL[..3],
                "--idle-timeout is a setting of sqlx",
            ),
        ] {
            let refused = check(options, drivers).unwrap_err();
            assert!(refused.contains(said), "{refused}");
        }
        for allowed in [options(), recycle, least(2), age, idle] {
            assert_eq!(check(allowed, &ALL), Ok(()));
        }
    }

    #[test]
    fn a_pool_is_open_before_the_step_unless_less_is_asked_for() {
        assert_eq!(PoolOptions::default().opened_before(8), 8);
        let least = PoolOptions {
            pool_min: Some(2),
            ..PoolOptions::default()
        };
        assert_eq!([least.opened_before(1), least.opened_before(8)], [1, 2]);
    }
}
