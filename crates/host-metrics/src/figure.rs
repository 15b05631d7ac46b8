//! Figures that are read or derived at one tick.

use std::sync::Arc;

/// Key and value that distinguish a figure from others with its name, such as `device = vda`.
pub type Label = (&'static str, String);

/// All labels of a figure. The figures of one device at one tick share them.
pub type Labels = Arc<[Label]>;

/// Interval on the monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// Beginning of the interval, in nanoseconds.
    pub from_ns: u64,
    /// End of the interval, in nanoseconds.
    pub to_ns: u64,
}

impl Period {
    /// Returns the length of the interval, in nanoseconds.
    pub fn ns(self) -> u64 {
        self.to_ns.saturating_sub(self.from_ns)
    }
}

/// Value with its largest error, which comes from counters that grow in ticks and from the time
/// that reading takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FigureValue {
    /// Best estimate.
    pub value: f64,
    /// Largest difference between the true value and the estimate; zero for a gauge.
    pub error: f64,
    /// Interval over which the value is a mean, between two reads of its counter; absent for a
    /// gauge.
    pub over: Option<Period>,
}

impl FigureValue {
    /// Returns the value; `None` if it exceeds `most` by more than its error, which is impossible.
    pub(crate) fn at_most(self, most: Option<f64>) -> Option<Self> {
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

/// Figure that was read or derived. Figures that could not be are left out.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Name of its series.
    pub name: &'static str,
    /// Labels; the first one has the number or name of the device. Empty for a figure of the whole
    /// host.
    pub labels: Labels,
    /// Value at this tick.
    pub reading: FigureValue,
}

/// Figures of one tick.
#[derive(Debug, Default)]
pub struct Figures(Vec<Figure>);

impl Figures {
    /// Adds a figure of the whole host. Does nothing if the value is absent or not finite.
    pub fn put(&mut self, name: &'static str, value: Option<impl Into<FigureValue>>) {
        self.put_labelled(name, &[], value);
    }

    /// Adds a figure of a core, a device or an interface. Does nothing if the value is absent or
    /// not finite.
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

    /// Returns the labels of the previous figure if they are equal, because the figures of one
    /// device are added in sequence.
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

    /// Iterates over the figures added so far.
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
