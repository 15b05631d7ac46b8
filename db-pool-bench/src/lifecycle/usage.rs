//! Sampler of a pool's open and used connections.

use std::time::Duration;

use bench_report::PoolUsage;
use load_engine::Target;

const SAMPLED_EVERY: Duration = Duration::from_millis(20);

/// Sums of a pool's samples.
#[derive(Debug, Default)]
pub(super) struct PoolUsageSampler {
    samples: u64,
    max_size: u64,
    size: u64,
    in_use: u64,
    in_use_max: u64,
}

impl PoolUsageSampler {
    /// Samples periodically and calls `tend` each time.
    pub(super) async fn watch(&mut self, target: &impl Target, tend: impl Fn()) {
        loop {
            tokio::time::sleep(SAMPLED_EVERY).await;
            tend();
            let Some(sample) = target.pool() else {
                continue;
            };
            self.samples += 1;
            self.max_size = sample.max_size;
            self.size += sample.size;
            self.in_use += sample.in_use;
            self.in_use_max = self.in_use_max.max(sample.in_use);
        }
    }

    /// Returns the means; `None` where nothing was sampled.
    pub(super) fn usage(&self) -> Option<PoolUsage> {
        let mean = |sum: u64| sum as f64 / self.samples as f64;
        (self.samples > 0).then(|| PoolUsage {
            max_size: self.max_size,
            size_mean: mean(self.size),
            in_use_mean: mean(self.in_use),
            in_use_max: self.in_use_max,
            waiting_mean: None,
            waiting_max: None,
            samples: self.samples,
            checkout: None,
        })
    }
}
