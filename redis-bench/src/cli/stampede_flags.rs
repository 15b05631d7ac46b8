//! Flags of `redis-bench cache` about stampedes on one hot key.

use std::time::Duration;

use bench_cli::{UsageError, flags};
use clap::{Args, ValueEnum};

use crate::cli::backend_flag::BackendFlag;

/// Length of the lock's life, as a multiple of the back-end's mean time, without `--lock-ttl`.
const LOCK_BY_BACKEND: u32 = 5;
/// Shortest time to live, as a multiple of the back-end's mean time. The calls of one expiry must be
/// over long before the next one.
const TTL_BY_BACKEND: u32 = 4;

/// Flags of `redis-bench cache` about stampedes on one hot key.
#[derive(Debug, Clone, Args)]
pub(crate) struct StampedeFlags {
    /// Read a single hot key, and count the calls of the back-end at each of its expiries: none
    /// (no guard), lock, early (each measured)
    #[arg(
        long = "stampede",
        value_enum,
        value_delimiter = ',',
        value_name = "GUARD",
        conflicts_with_all = ["keys", "keys_as", "zipf", "preload", "writes"]
    )]
    pub(crate) guards: Vec<StampedeGuard>,

    /// Time after which the lock of --stampede lock expires by itself [default: 5 times that of the
    /// back-end]
    #[arg(
        long,
        value_parser = flags::duration,
        value_name = "TIME",
        requires = "guards"
    )]
    pub(crate) lock_ttl: Option<Duration>,
}

/// Guard that keeps many requests from calling the back-end at once when the value of a key has expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StampedeGuard {
    /// Nothing: each request without a value calls the back-end.
    None,
    /// One request holds a lock and calls the back-end; the others wait and read again.
    Lock,
    /// A request calls the back-end early by chance, the more likely the nearer the expiry is.
    Early,
}

impl StampedeGuard {
    /// Returns the name of the guard, as on the command line and in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Lock => "lock",
            Self::Early => "early",
        }
    }
}

impl StampedeFlags {
    /// Returns the life of the lock in front of `backend`.
    pub(crate) fn lock_ttl(&self, backend: BackendFlag) -> Duration {
        let default = || backend.time.mean() * LOCK_BY_BACKEND;
        self.lock_ttl.unwrap_or_else(default)
    }

    /// Checks what the flags mean together with those of the cache.
    ///
    /// # Errors
    /// Fails with a usage error that says what to change.
    pub(super) fn check(
        &self,
        backend: Option<BackendFlag>,
        ttl: Duration,
    ) -> Result<(), UsageError> {
        if self.guards.is_empty() {
            return Ok(());
        }
        let refused = |told: &str| Err(UsageError(told.to_owned()));
        let Some(backend) = backend else {
            return refused("a stampede runs against a back-end; add one, as --backend 50ms");
        };
        if ttl < backend.time.mean() * TTL_BY_BACKEND {
            return refused(
                "the calls of one expiry would last until the next one; use a --ttl of 4 times \
                 --backend or more",
            );
        }
        if self.lock_ttl.is_some() && !self.guards.contains(&StampedeGuard::Lock) {
            return refused(
                "--lock-ttl is for the guard lock; add --stampede lock, or leave --lock-ttl out",
            );
        }
        Ok(())
    }
}
