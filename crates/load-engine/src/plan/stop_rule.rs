//! Rules that end a step early, as users write them: `errors>10%`, `p99>500ms`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Bound on a figure of a step; a step that exceeds it ends early. It is checked once a second,
/// when enough requests have finished or are overdue. If no request at all was answered for a
/// second, a single overdue request is enough.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum StopRule {
    /// Share of failures: failed requests and requests so overdue that the drain would cut them
    /// off, divided by all finished and so overdue requests.
    ErrorRatio {
        /// Highest share that is allowed, 0 to 1.
        above: f64,
    },
    /// 99th percentile of response time, or of call time in a closed loop. A request without an
    /// answer counts too, once it has waited longer than the bound.
    LatencyP99 {
        /// Highest 99th percentile that is allowed.
        above: Duration,
    },
}

impl fmt::Display for StopRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ErrorRatio { above } => write!(f, "errors>{}%", above * 100.0),
            Self::LatencyP99 { above } => write!(f, "p99>{}", humantime::format_duration(*above)),
        }
    }
}

impl FromStr for StopRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || format!("{text:?} is no stop rule; write errors>10% or p99>500ms");
        let (figure, bound) = text.split_once('>').ok_or_else(form)?;
        match (figure.trim(), bound.trim()) {
            ("errors", bound) => {
                let percent = bound.strip_suffix('%').and_then(|b| b.trim().parse().ok());
                let percent = percent
                    .filter(|p: &f64| (0.0..100.0).contains(p))
                    .ok_or_else(form)?;
                Ok(Self::ErrorRatio {
                    above: percent / 100.0,
                })
            }
            ("p99", bound) => {
                let above = humantime::parse_duration(bound).map_err(|_| form())?;
                Ok(Self::LatencyP99 { above })
            }
            _ => Err(form()),
        }
    }
}
