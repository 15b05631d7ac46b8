//! One derived figure at one tick, under the name it has in the report.

/// What tells a figure from its siblings, as in `device = vda`.
pub type Label = (&'static str, String);

/// A figure that was read or derived; what could not be is no figure at all.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// The name of its series.
    pub name: &'static str,
    /// None where there is but one; what numbers or names it comes first.
    pub labels: Vec<Label>,
    /// Its value over the tick.
    pub value: f64,
}

/// The figures of one tick.
#[derive(Debug, Default)]
pub struct Figures(Vec<Figure>);

impl Figures {
    /// Adds a figure of the whole machine; one that is absent or not finite is left out.
    pub fn put(&mut self, name: &'static str, value: Option<f64>) {
        self.put_labelled(name, &[], value);
    }

    /// The same of one core, device or interface.
    pub fn put_of(&mut self, name: &'static str, key: &'static str, of: &str, value: Option<f64>) {
        self.put_labelled(name, &[(key, of)], value);
    }

    /// The same of what takes several labels to tell.
    pub fn put_labelled(
        &mut self,
        name: &'static str,
        labels: &[(&'static str, &str)],
        value: Option<f64>,
    ) {
        if let Some(value) = value.filter(|v| v.is_finite()) {
            let owned = labels.iter().map(|(key, of)| (*key, (*of).to_owned()));
            let labels = owned.collect();
            self.0.push(Figure {
                name,
                labels,
                value,
            });
        }
    }
}

impl IntoIterator for Figures {
    type Item = Figure;
    type IntoIter = std::vec::IntoIter<Figure>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
