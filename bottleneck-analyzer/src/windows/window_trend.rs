//! Trend of a figure over the windows of a step.

use statistics::{mann_kendall, median, theil_sen};

use crate::assessment::ComputedFigure;

/// Largest p value of the test for a trend, from 0 to 1, at which a change counts as a trend.
const SIGNIFICANT: f64 = 0.01;

/// Trend of a figure over equal windows, by the Theil–Sen slope and the Mann–Kendall test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct WindowTrend {
    /// Value at the start of the first window, on the fitted line, in the unit of the figure.
    pub(crate) first: f64,
    /// Value at the end of the last window, on the fitted line, in the unit of the figure.
    pub(crate) last: f64,
    /// Two-sided p value of the Mann–Kendall test, from 0 to 1.
    pub(crate) p_value: f64,
    /// Index of the first window from which on all windows lie on the last value's side of the middle
    /// between `first` and `last`. The figure that changes earlier has the lower index.
    pub(crate) turn: usize,
}

impl WindowTrend {
    /// Returns the ends of the fitted line of the figure called `what`, and its change, as computed figures.
    pub(crate) fn computed(&self, what: &str) -> Vec<ComputedFigure> {
        const HOW: &str = "line through the means of equal windows of the step (Theil–Sen)";
        let mut figures = vec![
            ComputedFigure::new(format!("{what} at the start of the step"), self.first, HOW),
            ComputedFigure::new(format!("{what} at its end"), self.last, HOW),
        ];
        figures.extend(self.of_first().map(|ratio| {
            let how = "value at the end ÷ value at the start − 1";
            ComputedFigure::new(format!("change of {what}, as a share"), ratio.abs(), how)
        }));
        figures
    }

    /// Computes the trend of the means of equal windows. `None` for fewer windows than the test needs, or
    /// if one is not finite.
    pub(crate) fn of(means: &[f64]) -> Option<Self> {
        let test = mann_kendall(means)?;
        let points: Vec<(f64, f64)> = (0..)
            .map(|i| f64::from(i) + 0.5)
            .zip(means.iter().copied())
            .collect();
        let slope = theil_sen(&points)?;
        let offsets: Vec<f64> = points.iter().map(|(at, mean)| mean - slope * at).collect();
        let first = median(&offsets)?;
        let last = first + slope * means.len() as f64;
        let middle = f64::midpoint(first, last);
        let is_past = |mean: &f64| (mean - middle) * (last - first) > 0.0;
        let turn = means
            .iter()
            .rposition(|mean| !is_past(mean))
            .map_or(0, |at| at + 1);
        Some(Self {
            first,
            last,
            p_value: test.p_value,
            turn,
        })
    }

    /// Returns the change over all windows, in the unit of the figure; negative if it falls.
    pub(crate) fn change(&self) -> f64 {
        self.last - self.first
    }

    /// Returns the change as a share of the larger one of the values at both ends, from −1 to 1; 0 if both
    /// are 0.
    pub(crate) fn ratio(&self) -> f64 {
        let whole = self.first.abs().max(self.last.abs());
        if whole > 0.0 {
            self.change() / whole
        } else {
            0.0
        }
    }

    /// Returns the change as a share of the first value; `None` if that is not above 0.
    pub(crate) fn of_first(&self) -> Option<f64> {
        (self.first > 0.0).then(|| self.change() / self.first)
    }

    /// Returns true if the windows are in an order that chance hardly brings about.
    pub(crate) fn is_significant(&self) -> bool {
        self.p_value <= SIGNIFICANT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_rise_is_told_with_both_ends_and_its_turn_in_the_middle() {
        let rising: Vec<f64> = (0..10).map(|i| 100.0 + 4.0 * f64::from(i)).collect();
        let trend = WindowTrend::of(&rising).unwrap();
        // The line goes through the middles of the windows: 98 at the start, 138 at the end.
        assert!((trend.first - 98.0).abs() < 1e-9 && (trend.last - 138.0).abs() < 1e-9);
        assert!((trend.of_first().unwrap() - 40.0 / 98.0).abs() < 1e-9);
        assert!(trend.is_significant());
        assert_eq!(trend.turn, 5);
    }

    #[test]
    fn what_jumps_early_turns_before_what_jumps_late() {
        let jump = |at: usize| -> Vec<f64> {
            // The ripple keeps neighbours apart, as measured values are.
            (0..10)
                .map(|i| if i < at { 1.0 } else { 2.0 } + 0.001 * i as f64)
                .collect()
        };
        let (early, late) = (
            WindowTrend::of(&jump(4)).unwrap(),
            WindowTrend::of(&jump(6)).unwrap(),
        );
        assert!(early.turn < late.turn);
    }

    #[test]
    fn ripples_are_no_trend_and_seven_windows_are_too_few() {
        let ripple: Vec<f64> = (0..10).map(|i| 100.0 + f64::from(i % 3)).collect();
        assert!(!WindowTrend::of(&ripple).unwrap().is_significant());
        assert_eq!(WindowTrend::of(&[1.0; 7]), None);
        assert!(WindowTrend::of(&[0.0; 10]).unwrap().ratio().abs() < 1e-12);
    }
}
