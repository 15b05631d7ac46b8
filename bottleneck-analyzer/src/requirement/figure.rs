//! Figures that gates judge, with their names and units.

/// Figure of a run that a gate can judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GateFigure {
    /// Percentile of latency, by its name in reports, as in `p99`.
    Percentile(&'static str),
    /// Mean latency.
    Mean,
    /// Longest latency.
    Max,
    /// Share of requests that failed or were never answered.
    Errors,
    /// Share of requests that succeeded.
    Success,
    /// Requests that succeeded per second.
    Throughput,
    /// Share of the arrivals asked for that succeeded in time.
    Carried,
    /// Share of cache reads that hit.
    HitRatio,
    /// Share of WebSocket connections that were established.
    Connected,
    /// Share of the pool's connections that were in use.
    PoolUse,
    /// Share of the machine's CPU time that was not idle.
    Cpu,
    /// Share of the machine's memory in use.
    Memory,
    /// Growth of memory over the load, of the machine or of processes with one name.
    MemoryGrowth,
    /// Time from the end of a spike until p99 was back within 10 % of its base.
    Recovery,
}

/// Names of the figures other than percentiles, as a requirement writes them.
pub(super) const NAMES: [(&str, GateFigure); 13] = [
    ("mean", GateFigure::Mean),
    ("max", GateFigure::Max),
    ("errors", GateFigure::Errors),
    ("success", GateFigure::Success),
    ("throughput", GateFigure::Throughput),
    ("carried", GateFigure::Carried),
    ("hit ratio", GateFigure::HitRatio),
    ("connected", GateFigure::Connected),
    ("pool use", GateFigure::PoolUse),
    ("cpu", GateFigure::Cpu),
    ("memory", GateFigure::Memory),
    ("memory growth", GateFigure::MemoryGrowth),
    ("recovery", GateFigure::Recovery),
];

impl GateFigure {
    /// Returns the name in words, as in `p99.9` or `failed requests`.
    pub(crate) fn title(self) -> String {
        let title = match self {
            Self::Percentile(name) => return shown_percentile(name),
            Self::Mean => "mean latency",
            Self::Max => "longest latency",
            Self::Errors => "failed requests",
            Self::Success => "successful requests",
            Self::Throughput => "throughput",
            Self::Carried => "carried part of the target rate",
            Self::HitRatio => "cache hits",
            Self::Connected => "connections established",
            Self::PoolUse => "pool connections in use",
            Self::Cpu => "CPU used",
            Self::Memory => "memory used",
            Self::MemoryGrowth => "growth of memory",
            Self::Recovery => "time until p99 is back within 10 % of its base after a spike",
        };
        title.to_owned()
    }

    /// Returns the name in ids, as in `p99` or `hit_ratio`.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::Percentile(name) => name,
            // The ids of these gates are older than the names of their figures.
            Self::HitRatio => "hit_ratio",
            Self::Connected => "success",
            Self::Success => "successful",
            Self::PoolUse => "pool_use",
            Self::MemoryGrowth => "memory_growth",
            other => other.name(),
        }
    }

    /// Returns the name as a requirement writes it, as in `hit ratio`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Percentile(name) => name,
            other => NAMES
                .into_iter()
                .find(|(_, figure)| *figure == other)
                .map_or("", |(name, _)| name),
        }
    }

    /// Returns the unit of the figure, as [`show`](crate::figures::show) knows it.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Percentile(_) | Self::Mean | Self::Max | Self::Recovery => "ns",
            Self::Throughput => "per_s",
            Self::MemoryGrowth => "bytes",
            _ => "ratio",
        }
    }

    /// Returns true if the figure is a latency of requests.
    pub(crate) fn is_latency(self) -> bool {
        matches!(self, Self::Percentile(_) | Self::Mean | Self::Max)
    }

    /// Returns true if the figure is about the machine, not about the requests of one bench.
    pub(crate) fn is_of_machine(self) -> bool {
        matches!(self, Self::Cpu | Self::Memory | Self::MemoryGrowth)
    }

    /// Returns true if a gate on this figure and a gate on `other` judge the same: `errors` and
    /// `success` are two ways to write one bound.
    pub(crate) fn judges_the_same_as(self, other: Self) -> bool {
        let one = |figure| match figure {
            Self::Success => Self::Errors,
            figure => figure,
        };
        one(self) == one(other)
    }

    /// Returns true if more of the figure is better, so that its bound is the least that passes.
    pub(super) fn has_least(self) -> bool {
        matches!(
            self,
            Self::Success | Self::Throughput | Self::Carried | Self::HitRatio | Self::Connected
        )
    }

    /// Returns an example of a bound on the figure, for messages.
    pub(super) fn example(self) -> &'static str {
        match self {
            Self::Percentile(_) => "p99 < 5s",
            Self::Mean => "mean < 100ms",
            Self::Max => "max < 10s",
            Self::Errors => "errors < 1%",
            Self::Success => "success > 95%",
            Self::Throughput => "throughput > 500/s",
            Self::Carried => "carried >= 80%",
            Self::HitRatio => "hit ratio > 80%",
            Self::Connected => "connected > 95%",
            Self::PoolUse => "pool use < 90%",
            Self::Cpu => "cpu < 90%",
            Self::Memory => "memory < 95%",
            Self::MemoryGrowth => "memory growth < 500MB",
            Self::Recovery => "recovery < 30s",
        }
    }
}

/// Returns a percentile's name as people write it: `p99.9` for `p999`.
pub(super) fn shown_percentile(name: &str) -> String {
    match name.strip_prefix("p99") {
        Some(decimals) if !decimals.is_empty() => format!("p99.{decimals}"),
        _ => name.to_owned(),
    }
}
