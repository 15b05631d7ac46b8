//! Samples of a connection pool's state, and sums over them.

use bench_report::PoolUsage;

/// State of a connection pool at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PoolSample {
    /// Largest number of connections that the pool may have open.
    pub max_size: u64,
    /// Number of open connections of the pool, checked out or idle.
    pub size: u64,
    /// Number of the pool's connections that are checked out.
    pub in_use: u64,
    /// Number of tasks that wait for a connection; `None` if the pool does not report it.
    pub waiting: Option<u64>,
}

/// Sums and maxima over the samples of one pool.
#[derive(Debug, Clone, Default)]
pub(crate) struct PoolSums {
    max_size: u64,
    samples: u64,
    size: u64,
    in_use: u64,
    in_use_max: u64,
    waiting: Option<u64>,
    waiting_max: Option<u64>,
}

impl PoolSums {
    pub(crate) fn add(&mut self, sample: PoolSample) {
        self.max_size = self.max_size.max(sample.max_size);
        self.samples += 1;
        self.size += sample.size;
        self.in_use += sample.in_use;
        self.in_use_max = self.in_use_max.max(sample.in_use);
        if let Some(waiting) = sample.waiting {
            *self.waiting.get_or_insert(0) += waiting;
            self.waiting_max = Some(self.waiting_max.unwrap_or(0).max(waiting));
        }
    }

    /// Adds the sums of another segment to these; maxima become those of both.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.max_size = self.max_size.max(other.max_size);
        self.samples += other.samples;
        self.size += other.size;
        self.in_use += other.in_use;
        self.in_use_max = self.in_use_max.max(other.in_use_max);
        if let Some(waiting) = other.waiting {
            *self.waiting.get_or_insert(0) += waiting;
        }
        self.waiting_max = self.waiting_max.max(other.waiting_max);
    }

    pub(crate) fn usage(&self) -> Option<PoolUsage> {
        let samples = self.samples as f64;
        (self.samples > 0).then(|| PoolUsage {
            max_size: self.max_size,
            size_mean: self.size as f64 / samples,
            in_use_mean: self.in_use as f64 / samples,
            in_use_max: self.in_use_max,
            waiting_mean: self.waiting.map(|w| w as f64 / samples),
            waiting_max: self.waiting_max,
            samples: self.samples,
            checkout: None,
        })
    }
}
