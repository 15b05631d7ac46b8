//! Recovery of latency after the spike of a load curve.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Recovery from a spike: the time from its end until the 99th percentile of latency was back
/// within 10 % of its base, which is the 99th percentile of the requests due before the spike. If
/// both `after_ns` and `unknown` are absent, the latency was not back within `measured_ns`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct SpikeRecovery {
    /// 99th percentile of latency before the spike, in nanoseconds; absent where too little was
    /// measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_p99_ns: Option<u64>,
    /// Time from the end of the spike until latency was back within 10 % of its base, in
    /// nanoseconds; absent if it was not back or if that is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_ns: Option<u64>,
    /// Length of the measured time after the spike, in nanoseconds.
    pub measured_ns: u64,
    /// Precision of `after_ns`, in nanoseconds: the length of the periods in which requests after
    /// the spike are counted.
    pub resolution_ns: u64,
    /// Number of windows after the recovery, each long enough for a judgement, in which latency
    /// was more than 10 % above its base again.
    #[serde(default)]
    pub relapses: u64,
    /// Reason for which it is unknown whether latency was back within 10 % of its base; absent if
    /// it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
}

impl SpikeRecovery {
    /// Returns a sentence about the recovery, without a full stop; `duration` formats a number of
    /// nanoseconds as text.
    pub fn sentence(&self, duration: impl Fn(u64) -> String) -> String {
        if let Some(reason) = &self.unknown {
            return format!("recovery from the spike is unknown: {reason}");
        }
        let base = self
            .base_p99_ns
            .map_or_else(String::new, |base_ns| format!(" of {}", duration(base_ns)));
        let Some(after_ns) = self.after_ns else {
            let measured = duration(self.measured_ns);
            return format!(
                "p99 was not back within 10 % of its base{base} within the {measured} measured after \
                 the spike"
            );
        };
        let relapses = match self.relapses {
            0 => String::new(),
            1 => ", and above it again in one later window".to_owned(),
            n => format!(", and above it again in {n} later windows"),
        };
        let when = match after_ns {
            0 => "at once".to_owned(),
            _ => format!("after {}", duration(after_ns)),
        };
        format!("after the spike p99 was back within 10 % of its base{base} {when}{relapses}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(recovery: &SpikeRecovery) -> String {
        recovery.sentence(|ns| format!("{:.1} ms", ns as f64 / 1e6))
    }

    #[test]
    fn what_is_known_is_told_and_what_is_not_is_said_to_be_unknown() {
        let found = SpikeRecovery {
            base_p99_ns: Some(2_100_000),
            after_ns: Some(3_400_000_000),
            measured_ns: 20_000_000_000,
            ..SpikeRecovery::default()
        };
        assert_eq!(
            sentence(&found),
            "after the spike p99 was back within 10 % of its base of 2.1 ms after 3400.0 ms"
        );
        let at_once = SpikeRecovery {
            after_ns: Some(0),
            relapses: 2,
            ..found.clone()
        };
        assert!(sentence(&at_once).ends_with("at once, and above it again in 2 later windows"));
        let never = SpikeRecovery {
            after_ns: None,
            ..found.clone()
        };
        assert_eq!(
            sentence(&never),
            "p99 was not back within 10 % of its base of 2.1 ms within the 20000.0 ms measured after \
             the spike"
        );
        let unknown = SpikeRecovery {
            after_ns: None,
            unknown: Some("too few requests before the spike".to_owned()),
            ..found
        };
        assert_eq!(
            sentence(&unknown),
            "recovery from the spike is unknown: too few requests before the spike"
        );
    }
}
