//! Drift of a step's throughput or latency over its windows.

use bench_report::StepEnd;

use crate::assessment::{ComputedFigure, EvidenceItem};
use crate::figures::{self, duration_ns, share};
use crate::windows::{StepWindows, WindowTrend, WindowedSeries};

/// Smallest change over the step, as a share of the value at its start, that counts as a drift.
const LEAST_RATIO: f64 = 0.10;
/// Shortest measured time, in seconds, over which a drift is judged. In a shorter one everything is warm-up.
const SHORTEST_S: f64 = 5.0;

/// Drift of the median latency, or of the throughput where the latency keeps its level.
#[derive(Debug)]
pub(super) struct ResponseDrift<'a> {
    /// Windows of the step that drifts.
    pub(super) windows: &'a StepWindows<'a>,
    /// Trend of the figure that drifts.
    pub(super) trend: WindowTrend,
    /// Change of the mean time of a call over the step, in nanoseconds; `None` if latency was not recorded.
    pub(super) slower_ns: Option<f64>,
    /// True if the figure is the median latency, false if it is the throughput.
    pub(super) of_latency: bool,
    series: WindowedSeries<'a>,
}

/// Result of the check of one step.
#[derive(Debug)]
pub(super) enum StepVerdict<'a> {
    /// The step drifts.
    Drifts(Box<ResponseDrift<'a>>),
    /// The step keeps its level; the evidence is the throughput of its last window.
    Steady(Option<EvidenceItem>),
    /// The step cannot be judged: the reason, and the measurement that would tell.
    Unknown(&'static str, &'static str),
}

impl<'a> StepVerdict<'a> {
    /// Judges the step that `windows` cut.
    pub(super) fn of(windows: &'a StepWindows<'a>) -> Self {
        let step = windows.step;
        if step.curve.is_some() {
            return Self::Unknown("the load itself changes", "a step with a constant load");
        }
        if step.window.measured_s() < SHORTEST_S || step.end != StepEnd::Completed {
            return Self::Unknown("it was measured for less than 5 s", "steps of 5 s or more");
        }
        let Some(throughput) = windows.of_bench("throughput_per_s") else {
            return Self::Unknown(
                "the report has no throughput over time, or too few points of it",
                "a report with series, and steps of 5 s or more",
            );
        };
        let latency = windows.of_bench("latency.p50_ns");
        let slower_ns = latency
            .as_ref()
            .and_then(|latency| Some(latency.trend()?.change()));
        let steady = throughput.evidence("throughput in the last tenth of the step", 9);
        let candidates = [latency.map(|s| (s, true)), Some((throughput, false))];
        let drift = candidates
            .into_iter()
            .flatten()
            .find_map(|(series, of_latency)| {
                let trend = series.trend()?;
                let large = trend
                    .of_first()
                    .is_some_and(|ratio| ratio.abs() >= LEAST_RATIO);
                (large && trend.is_significant()).then_some(ResponseDrift {
                    windows,
                    trend,
                    slower_ns,
                    of_latency,
                    series,
                })
            });
        drift.map_or(Self::Steady(steady), |drift| Self::Drifts(Box::new(drift)))
    }

    /// Returns the drift; `None` if the step keeps its level or cannot be judged.
    pub(super) fn drift(&self) -> Option<&ResponseDrift<'a>> {
        match self {
            Self::Drifts(drift) => Some(drift),
            Self::Steady(_) | Self::Unknown(..) => None,
        }
    }

    /// Returns true if the step could be judged.
    pub(super) fn is_judged(&self) -> bool {
        !matches!(self, Self::Unknown(..))
    }

    /// Returns why the step cannot be judged, and what would tell; `None` if it was judged.
    pub(super) fn reason(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Unknown(why, to_find_out) => Some((why, to_find_out)),
            Self::Drifts(_) | Self::Steady(_) => None,
        }
    }

    /// Returns the evidence of a step that keeps its level; `None` for others.
    pub(super) fn evidence(&self) -> Option<EvidenceItem> {
        match self {
            Self::Steady(evidence) => evidence.clone(),
            Self::Drifts(_) | Self::Unknown(..) => None,
        }
    }
}

impl ResponseDrift<'_> {
    /// Returns the change over the step as a share of the value at its start; negative for a fall.
    pub(super) fn change_ratio(&self) -> f64 {
        self.trend.of_first().unwrap_or(0.0)
    }

    /// Returns true if the target gets worse: latency rises, or throughput falls.
    pub(super) fn worsens(&self) -> bool {
        (self.trend.change() > 0.0) == self.of_latency
    }

    /// Returns the share of the response time, or of the capacity, that would come back if the step had kept
    /// its start: half of the change. 0 or less if the target gets better.
    pub(super) fn lost_ratio(&self) -> f64 {
        let (first, last) = (self.trend.first, self.trend.last);
        let mean = f64::midpoint(first, last);
        let half = (last - first) / 2.0;
        let (worse, whole) = if self.of_latency {
            (half, mean)
        } else {
            (-half, first)
        };
        if whole > 0.0 { worse / whole } else { 0.0 }
    }

    /// Returns the figures of [`ResponseDrift::sentence`] with the way in which they were computed.
    pub(super) fn computed(&self) -> Vec<ComputedFigure> {
        let what = if self.of_latency {
            "p50 in nanoseconds"
        } else {
            "throughput per second"
        };
        self.trend.computed(what)
    }

    /// Returns the title of the finding: `Calls get slower in the course of the step: p50 rises by 30 %, from
    /// 4.00 ms to 5.20 ms, in 60.0 s`.
    pub(super) fn sentence(&self) -> String {
        let (what, name) = if self.of_latency {
            ("p50", "p50_ns")
        } else {
            ("throughput", "throughput_per_s")
        };
        let head = match (self.worsens(), self.of_latency) {
            (true, true) => "Calls get slower",
            (true, false) => "Throughput falls",
            (false, true) => "Calls get faster",
            (false, false) => "Throughput rises",
        };
        let verb = if self.trend.change() > 0.0 {
            "rises"
        } else {
            "falls"
        };
        format!(
            "{head} in the course of the step: {what} {verb} by {}, from {} to {}, in {}",
            share(self.change_ratio().abs()),
            figures::show(name, self.trend.first),
            figures::show(name, self.trend.last),
            duration_ns(self.windows.step.window.measured_s() * 1e9)
        )
    }

    /// Returns the figure in the first and in the last window as evidence.
    pub(super) fn evidence(&self) -> Vec<EvidenceItem> {
        let what = if self.of_latency { "p50" } else { "throughput" };
        let last = self.series.readings.len().saturating_sub(1);
        let first = self
            .series
            .evidence(&format!("{what} in the first tenth of the step"), 0);
        let last = self
            .series
            .evidence(&format!("{what} in the last tenth of the step"), last);
        first.into_iter().chain(last).collect()
    }

    /// Returns the throughput of each window, in requests per second; `None` if it was not recorded.
    pub(super) fn throughput(&self) -> Option<Vec<f64>> {
        let series = self.windows.of_bench("throughput_per_s")?;
        Some(series.means())
    }
}
