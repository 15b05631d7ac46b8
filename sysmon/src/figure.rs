//! Figures that are read from the kernel or derived from its counters for one sample.

use std::sync::Arc;

use host_metrics::rate_window::FigureValue;

/// Key and value that distinguish a figure from others with its name, such as `device = vda`.
pub(crate) type Label = (&'static str, String);

/// All labels of a figure. Figures of the same device in one sample share them.
pub(crate) type Labels = Arc<[Label]>;

/// Returns `reading`; `None` if its value exceeds `most` by more than its error, which is
/// impossible and therefore a wrong reading. Without `most` every value is possible.
pub(crate) fn at_most(reading: FigureValue, most: Option<f64>) -> Option<FigureValue> {
    let possible = most.is_none_or(|most| reading.value <= most + reading.error);
    possible.then_some(reading)
}

/// Figure that was read or derived, with its name and labels. A figure that could not be read is
/// left out of [`Figures`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Figure {
    /// Name of the series that the figure belongs to, for example `cpu.busy_ratio`.
    pub name: &'static str,
    /// Labels; the first one contains the number or name of the device. Empty for a figure of the
    /// whole host.
    pub labels: Labels,
    /// Value of the figure in this sample, with its error.
    pub reading: FigureValue,
}

/// Figures of one sample, in the order in which they were added.
#[derive(Debug, Default)]
pub(crate) struct Figures(Vec<Figure>);

impl Figures {
    /// Adds a figure of the whole host (without labels), of a core, a device or an interface. Does
    /// nothing if the value is absent, or if value or error is not finite.
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

    /// Returns the labels of the figure that was added last if they are equal, because the figures
    /// of one device are added in sequence; else new labels.
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

    /// Iterates over the figures in the order in which they were added.
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
