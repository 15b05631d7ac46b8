//! Names, description and display options of a metric.

use super::unit::Unit;

/// Names, description and display options of a metric.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MetricInfo {
    /// Name under which the metric is recorded as a series; its ending states the unit, such as
    /// `_bytes`.
    pub name: &'static str,
    /// Name of the exported Prometheus family, without `_total`; `None` if the metric is only
    /// recorded.
    #[cfg_attr(
        not(feature = "export"),
        expect(dead_code, reason = "only the exporter reads it")
    )]
    pub exported: Option<&'static str>,
    /// Name and value of a label that distinguishes the exported samples of this metric from those
    /// of other metrics in the same family; `None` if no other metric shares the family.
    pub label: Option<(&'static str, &'static str)>,
    /// Description of the metric in one sentence.
    #[cfg_attr(
        not(feature = "export"),
        expect(dead_code, reason = "only the exporter reads it")
    )]
    pub help: &'static str,
    /// Title in the result table of a recording; `None` if the table does not list the metric.
    pub title: Option<&'static str>,
    /// True if the result table leaves the metric out when it was zero throughout the recording.
    pub hidden_if_zero: bool,
    /// True if the metric should level off in a healthy program, so that a recording warns if it
    /// keeps growing.
    pub should_level_off: bool,
}

impl MetricInfo {
    /// Returns the unit that the ending of the name states; [`Unit::Count`] if it states none.
    pub(crate) fn unit(&self) -> Unit {
        Unit::of(self.name)
    }
}

/// Kind of an exported metric, as Prometheus distinguishes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg(feature = "export")]
pub(crate) enum MetricKind {
    /// Value that only grows, except that it may restart from zero.
    Counter,
    /// Value that may rise and fall.
    Gauge,
}
