//! Figures that are read or derived at one tick.

use std::sync::Arc;

use host_metrics::rate_window::FigureValue;

/// Key and value that distinguish a figure from others with its name, such as `device = vda`.
pub(crate) type Label = (&'static str, String);

/// All labels of a figure. The figures of one device at one tick share them.
pub(crate) type Labels = Arc<[Label]>;

/// Returns the value; `None` if it exceeds `most` by more than its error, which is impossible.
pub(crate) fn at_most(reading: FigureValue, most: Option<f64>) -> Option<FigureValue> {
    let possible = most.is_none_or(|most| reading.value <= most + reading.error);
    possible.then_some(reading)
}

/// Figure that was read or derived. Figures that could not be are left out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Figure {
    /// Name of the series.
    pub name: &'static str,
    /// Labels; the first one has the number or name of the device. Empty for a figure of the whole
    /// host.
    pub labels: Labels,
    /// Value at this tick.
    pub reading: FigureValue,
}

/// Figures of one tick.
#[derive(Debug, Default)]
pub(crate) struct Figures(Vec<Figure>);

impl Figures {
    /// Adds a figure of the whole host (without labels), of a core, a device or an interface, unless it
    /// is absent or not finite.
    pub(crate) fn put_labelled(
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
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Figure> {
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
