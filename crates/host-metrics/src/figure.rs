//! One derived figure at one tick, under the name it has in the report.

use std::sync::Arc;

/// What tells a figure from its siblings, as in `device = vda`.
pub type Label = (&'static str, String);

/// All labels of a figure, shared with its siblings of the same tick.
pub type Labels = Arc<[Label]>;

/// A stretch of the monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// Its begin.
    pub from_ns: u64,
    /// Its end.
    pub to_ns: u64,
}

impl Period {
    /// Its length.
    pub fn ns(self) -> u64 {
        self.to_ns.saturating_sub(self.from_ns)
    }
}

/// A value, and how far off it may be because its counter moves in ticks and its reads take time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FigureValue {
    /// The best guess.
    pub value: f64,
    /// The most that the truth may lie above or below it; zero for what is read as it is.
    pub error: f64,
    /// What it is the mean over, from one read of its counter to the next; absent for what is
    /// read as it is.
    pub over: Option<Period>,
}

impl FigureValue {
    /// `None` when it is more than there can be, its error granted.
    pub fn at_most(self, most: Option<f64>) -> Option<Self> {
        let possible = most.is_none_or(|most| self.value <= most + self.error);
        possible.then_some(self)
    }
}

impl From<f64> for FigureValue {
    fn from(value: f64) -> Self {
        Self {
            value,
            error: 0.0,
            over: None,
        }
    }
}

impl From<u64> for FigureValue {
    fn from(count: u64) -> Self {
        Self::from(count as f64)
    }
}

/// A figure that was read or derived; what could not be is no figure at all.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// The name of its series.
    pub name: &'static str,
    /// None where there is but one; what numbers or names it comes first.
    pub labels: Labels,
    /// Its value over the tick.
    pub reading: FigureValue,
}

/// The figures of one tick.
#[derive(Debug, Default)]
pub struct Figures(Vec<Figure>);

impl Figures {
    /// Adds a figure of the whole machine; one that is absent or not finite is left out.
    pub fn put(&mut self, name: &'static str, value: Option<impl Into<FigureValue>>) {
        self.put_labelled(name, &[], value);
    }

    /// The same of what takes labels to tell: a core, a device, an interface.
    pub fn put_labelled(
        &mut self,
        name: &'static str,
        labels: &[(&'static str, &str)],
        value: Option<impl Into<FigureValue>>,
    ) {
        let Some(reading) = value.map(Into::into) else {
            return;
        };
        let finite = |reading: &FigureValue| reading.value.is_finite() && reading.error.is_finite();
        if finite(&reading) {
            let labels = self.labels(labels);
            self.0.push(Figure {
                name,
                labels,
                reading,
            });
        }
    }

    /// Those of the figure before, if they are the same: a device's figures come one after another.
    fn labels(&self, labels: &[(&'static str, &str)]) -> Labels {
        if labels.is_empty() {
            return Labels::default();
        }
        let same = |figure: &&Figure| {
            let known = figure.labels.iter().map(|(key, of)| (*key, of.as_str()));
            known.eq(labels.iter().copied())
        };
        match self.0.last().filter(same) {
            Some(figure) => Arc::clone(&figure.labels),
            None => labels
                .iter()
                .map(|(key, of)| (*key, (*of).to_owned()))
                .collect(),
        }
    }

    /// Figures that were added so far.
    pub fn iter(&self) -> impl Iterator<Item = &Figure> {
        self.0.iter()
    }
}

impl Extend<Figure> for Figures {
    fn extend<T: IntoIterator<Item = Figure>>(&mut self, figures: T) {
        self.0.extend(figures);
    }
}

impl IntoIterator for Figures {
    type Item = Figure;
    type IntoIter = std::vec::IntoIter<Figure>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
