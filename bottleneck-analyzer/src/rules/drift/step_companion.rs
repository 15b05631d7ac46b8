//! Figure that moves in the course of a step together with the step's response.

use super::response_drift::ResponseDrift;
use crate::assessment::{ComputedFigure, EvidenceItem};
use crate::figures;
use crate::windows::{WindowTrend, WindowedSeries};

/// Smallest share of the change of a call's time that the companion's own time must cover to be its cause.
const COVERS: f64 = 0.5;

/// Figure of the machine or of the server that moves with the response.
#[derive(Debug)]
pub(super) struct StepCompanion<'a> {
    /// Name of the figure in words, with its owner, as in `CPU time of postgres in each call`.
    pub(super) title: String,
    /// Action that the figure suggests.
    pub(super) advice: &'static str,
    /// Trend of the figure over the windows.
    pub(super) trend: WindowTrend,
    /// Name whose suffix gives the unit of the figure.
    pub(super) unit: &'static str,
    /// True if the figure is a time that each call takes, so that its size can be compared with the change.
    pub(super) is_of_each_call: bool,
    /// Series that the figure was computed from.
    pub(super) series: WindowedSeries<'a>,
}

impl StepCompanion<'_> {
    /// Returns the change of the figure as a share of the change of a call's time; `None` if the figure is no
    /// time of a call, or the time of a call was not recorded or did not rise.
    pub(super) fn covered_ratio(&self, drift: &ResponseDrift<'_>) -> Option<f64> {
        let slower_ns = drift.slower_ns.filter(|ns| *ns > 0.0)?;
        self.is_of_each_call
            .then(|| self.trend.change() / slower_ns)
    }

    /// Returns true if the figure can be the cause of the drift: its time covers half of the change or more,
    /// and it moved no later.
    pub(super) fn explains(&self, drift: &ResponseDrift<'_>) -> bool {
        let covers = self
            .covered_ratio(drift)
            .is_some_and(|ratio| ratio >= COVERS);
        covers && self.trend.turn <= drift.trend.turn
    }

    /// Describes the movement: `CPU time of postgres in each call rose from 1.00 ms to 1.40 ms`.
    pub(super) fn sentence(&self) -> String {
        let verb = if self.trend.change() > 0.0 {
            "rose"
        } else {
            "fell"
        };
        let show = |value: f64| match self.unit {
            "cores" => format!("{} cores", figures::plain(value)),
            unit => figures::show(unit, value),
        };
        format!(
            "{} {verb} from {} to {}",
            self.title,
            show(self.trend.first),
            show(self.trend.last)
        )
    }

    /// Returns the figures of its movement, and of its share of the change of `drift`, with the way in which
    /// they were computed.
    pub(super) fn computed(&self, drift: &ResponseDrift<'_>) -> Vec<ComputedFigure> {
        let mut figures = self.trend.computed(&self.title);
        figures.extend(self.covered_ratio(drift).map(|ratio| {
            let how = "its change ÷ change of the median time of a call";
            ComputedFigure::new("share of the drift that it accounts for", ratio, how)
        }));
        figures
    }

    /// Returns the figures of the series in the first and in the last window as evidence.
    pub(super) fn evidence(&self) -> Vec<EvidenceItem> {
        let name = &self.series.series.name;
        let last = self.series.readings.len().saturating_sub(1);
        let first = self
            .series
            .evidence(&format!("{name} in the first tenth"), 0);
        let last = self
            .series
            .evidence(&format!("{name} in the last tenth"), last);
        first.into_iter().chain(last).collect()
    }
}
