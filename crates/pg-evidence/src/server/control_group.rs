//! CPU quota of the server's control group, and the throttling that it caused.

use bench_report::ServerEvidence;
use bench_report::names::{FigureName, postgres};
use host_metrics::source::cgroup::QuotaUse;

/// CPU quota and throttling counters of the nearest control group with a quota, of the server's own
/// group and its parents. All counters are zero if no group has a quota.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct ServerThrottling {
    periods: f64,
    throttled: f64,
    throttled_ns: f64,
    quota_cores: Option<f64>,
}

impl From<Option<QuotaUse>> for ServerThrottling {
    fn from(quota: Option<QuotaUse>) -> Self {
        quota.map_or_else(Self::default, |quota| Self {
            periods: quota.throttling.periods as f64,
            throttled: quota.throttling.throttled_periods as f64,
            throttled_ns: quota.throttling.throttled_ns as f64,
            quota_cores: Some(quota.cores),
        })
    }
}

impl ServerThrottling {
    /// Writes the growth of the counters since `before`, and the quota in cores if there is one,
    /// into `evidence`.
    pub(crate) fn report_since(&self, before: &Self, evidence: &mut ServerEvidence) {
        let mut grown = |name: FigureName, now: f64, then: f64| {
            evidence.figure(name, (now - then).max(0.0));
        };
        grown(
            postgres::SERVER_CGROUP_PERIODS,
            self.periods,
            before.periods,
        );
        grown(
            postgres::SERVER_CGROUP_THROTTLED_PERIODS,
            self.throttled,
            before.throttled,
        );
        grown(
            postgres::SERVER_CGROUP_THROTTLED_NS,
            self.throttled_ns,
            before.throttled_ns,
        );
        if let Some(cores) = self.quota_cores {
            evidence.figure(postgres::SERVER_CGROUP_QUOTA_CORES, cores);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use host_metrics::source::cgroup::Throttling;

    #[test]
    fn counters_are_told_since_the_reading_before() {
        let quota = QuotaUse {
            cores: 0.5,
            throttling: Throttling {
                periods: 150,
                throttled_periods: 148,
                throttled_ns: 7_000,
            },
        };
        let after = ServerThrottling::from(Some(quota));
        let mut evidence = ServerEvidence::default();
        after.report_since(&ServerThrottling::from(None), &mut evidence);
        assert_eq!(evidence.figures["server.cgroup.throttled_periods"], 148.0);
        assert_eq!(evidence.figures["server.cgroup.periods"], 150.0);
        assert_eq!(evidence.figures["server.cgroup.throttled_ns"], 7_000.0);
        assert_eq!(evidence.figures["server.cgroup.quota_cores"], 0.5);
    }
}
