//! Definition of a metric: its names, and how it is read from samples and derived.

use host_metrics::rate_window::{FigureValue, RateWindow};

use super::unit::Unit;
use crate::figure::Figures;

/// Names and description of a metric.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MetricInfo {
    /// Name of the recorded series; its end states the unit.
    pub name: &'static str,
    /// Name of the exported Prometheus family, without `_total`; absent if the metric is only
    /// recorded.
    #[cfg_attr(
        not(feature = "export"),
        expect(dead_code, reason = "only the exporter reads it")
    )]
    pub exported: Option<&'static str>,
    /// Additional label of the exported samples, if several metrics share a family.
    pub label: Option<(&'static str, &'static str)>,
    /// Description in one sentence.
    #[cfg_attr(
        not(feature = "export"),
        expect(dead_code, reason = "only the exporter reads it")
    )]
    pub help: &'static str,
    /// Title in the result table of a recording; absent if the table does not list the metric.
    pub title: Option<&'static str>,
    /// True if the result leaves the metric out when it was always zero.
    pub hidden_if_zero: bool,
    /// True if the metric should level off, so that a recording warns if it keeps growing.
    pub should_level_off: bool,
}

impl MetricInfo {
    /// Returns the unit that the end of the name states.
    pub(crate) fn unit(&self) -> Unit {
        Unit::of(self.name)
    }
}

/// Kind of an exported metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg(feature = "export")]
pub(crate) enum MetricKind {
    /// Value that only grows, except after restarts.
    Counter,
    /// Value that rises and falls.
    Gauge,
}

/// Metric of a sample `S`: its names, and how it is read and derived.
#[derive(Debug)]
pub(crate) struct Metric<S: 'static> {
    /// Names and description.
    pub info: MetricInfo,
    method: Method<S>,
}

/// Function that reads an optional count from a sample.
type ReadCount<S> = fn(&S) -> Option<u64>;

/// Way in which a metric is read from samples and derived.
#[derive(Debug)]
enum Method<S: 'static> {
    /// Gauge.
    Gauge(fn(&S) -> Option<f64>),
    /// Gauge with whole numbers.
    Level(ReadCount<S>),
    /// Counter of events, whose growth per second is recorded.
    Rate(ReadCount<S>),
    /// Counter of rare events, whose growth since the previous sample is recorded.
    Growth(ReadCount<S>),
    /// Counter of nanoseconds in steps of `quantum_ns`, whose mean growth per time is recorded.
    Time {
        ns: ReadCount<S>,
        quantum_ns: u64,
        /// True if the counter cannot grow faster than time passes.
        is_share: bool,
    },
    /// Mean nanoseconds per event that ended since the previous sample. The total time is exported.
    TimePerEvent {
        ns: ReadCount<S>,
        events: ReadCount<S>,
        quantum_ns: u64,
    },
    /// Counter whose recorded figure has its own derivation. It counts nanoseconds if `is_time`.
    Counter {
        read: ReadCount<S>,
        #[cfg_attr(
            not(feature = "export"),
            expect(dead_code, reason = "only the exporter reads it")
        )]
        is_time: bool,
    },
    /// Figure that is calculated from others.
    Computed,
}

impl<S> Metric<S> {
    const fn new(
        name: &'static str,
        exported: Option<&'static str>,
        help: &'static str,
        method: Method<S>,
    ) -> Self {
        let info = MetricInfo {
            name,
            exported,
            label: None,
            help,
            title: None,
            hidden_if_zero: false,
            should_level_off: false,
        };
        Self { info, method }
    }

    pub(super) const fn gauge(
        name: &'static str,
        exported: Option<&'static str>,
        help: &'static str,
        read: fn(&S) -> Option<f64>,
    ) -> Self {
        Self::new(name, exported, help, Method::Gauge(read))
    }

    pub(super) const fn level(
        name: &'static str,
        exported: Option<&'static str>,
        help: &'static str,
        read: ReadCount<S>,
    ) -> Self {
        Self::new(name, exported, help, Method::Level(read))
    }

    pub(super) const fn rate(
        name: &'static str,
        exported: Option<&'static str>,
        help: &'static str,
        read: ReadCount<S>,
    ) -> Self {
        Self::new(name, exported, help, Method::Rate(read))
    }

    pub(super) const fn growth(
        name: &'static str,
        exported: Option<&'static str>,
        help: &'static str,
        read: ReadCount<S>,
    ) -> Self {
        Self::new(name, exported, help, Method::Growth(read))
    }

    pub(super) const fn time(
        name: &'static str,
        exported: Option<&'static str>,
        help: &'static str,
        ns: ReadCount<S>,
        quantum_ns: u64,
    ) -> Self {
        let method = Method::Time {
            ns,
            quantum_ns,
            is_share: false,
        };
        Self::new(name, exported, help, method)
    }

    pub(super) const fn share(
        name: &'static str,
        exported: Option<&'static str>,
        help: &'static str,
        ns: ReadCount<S>,
        quantum_ns: u64,
    ) -> Self {
        let method = Method::Time {
            ns,
            quantum_ns,
            is_share: true,
        };
        Self::new(name, exported, help, method)
    }

    pub(super) const fn time_per_event(
        name: &'static str,
        exported: Option<&'static str>,
        help: &'static str,
        (ns, events): (ReadCount<S>, ReadCount<S>),
        quantum_ns: u64,
    ) -> Self {
        let method = Method::TimePerEvent {
            ns,
            events,
            quantum_ns,
        };
        Self::new(name, exported, help, method)
    }

    pub(super) const fn counter(
        name: &'static str,
        exported: Option<&'static str>,
        help: &'static str,
        read: ReadCount<S>,
    ) -> Self {
        let is_time = false;
        Self::new(name, exported, help, Method::Counter { read, is_time })
    }

    pub(super) const fn time_counter(
        name: &'static str,
        exported: Option<&'static str>,
        help: &'static str,
        read: ReadCount<S>,
    ) -> Self {
        let is_time = true;
        Self::new(name, exported, help, Method::Counter { read, is_time })
    }

    pub(super) const fn computed(
        name: &'static str,
        exported: Option<&'static str>,
        help: &'static str,
    ) -> Self {
        Self::new(name, exported, help, Method::Computed)
    }

    pub(super) const fn titled(mut self, title: &'static str) -> Self {
        self.info.title = Some(title);
        self
    }

    pub(super) const fn hidden_if_zero(mut self) -> Self {
        self.info.hidden_if_zero = true;
        self
    }

    pub(super) const fn should_level_off(mut self) -> Self {
        self.info.should_level_off = true;
        self
    }

    pub(super) const fn labelled(mut self, key: &'static str, value: &'static str) -> Self {
        self.info.label = Some((key, value));
        self
    }

    /// Returns the name of its series.
    pub(crate) const fn name(&self) -> &'static str {
        self.info.name
    }

    /// Returns the kind of the exported metric.
    #[cfg(feature = "export")]
    pub(crate) fn kind(&self) -> MetricKind {
        match self.method {
            Method::Gauge(_) | Method::Level(_) | Method::Computed => MetricKind::Gauge,
            _ => MetricKind::Counter,
        }
    }

    /// Reads the kernel's counter; `None` for a gauge.
    pub(crate) fn count(&self, sample: &S) -> Option<u64> {
        match &self.method {
            Method::Rate(read) | Method::Growth(read) | Method::Counter { read, .. } => {
                read(sample)
            }
            Method::Time { ns, .. } | Method::TimePerEvent { ns, .. } => ns(sample),
            Method::Gauge(_) | Method::Level(_) | Method::Computed => None,
        }
    }

    /// Reads the value to export: a gauge, a count, or a time in seconds.
    #[cfg(feature = "export")]
    pub(crate) fn exported_value(&self, sample: &S) -> Option<f64> {
        match &self.method {
            Method::Gauge(_) | Method::Level(_) | Method::Computed => self.gauge_value(sample),
            _ => self.count(sample).map(|count| self.exported_count(count)),
        }
    }

    /// Converts a counter to its exported unit: nanoseconds to seconds; counts are unchanged.
    #[cfg(feature = "export")]
    pub(crate) fn exported_count(&self, count: u64) -> f64 {
        match self.method {
            Method::Time { .. }
            | Method::TimePerEvent { .. }
            | Method::Counter { is_time: true, .. } => count as f64 / 1e9,
            _ => count as f64,
        }
    }

    /// Reads a gauge; `None` for a metric that needs an earlier sample.
    pub(crate) fn gauge_value(&self, sample: &S) -> Option<f64> {
        match &self.method {
            Method::Gauge(read) => read(sample),
            Method::Level(read) => read(sample).map(|level| level as f64),
            _ => None,
        }
    }

    /// Derives the figure of the time between two samples. `None` for a gauge, or if a counter fell
    /// or is absent.
    pub(crate) fn derive(&self, old: &S, new: &S, window: RateWindow) -> Option<FigureValue> {
        match &self.method {
            Method::Rate(read) => window.per_s(read(old), read(new)),
            Method::Growth(read) => read(new)?.checked_sub(read(old)?).map(FigureValue::from),
            Method::Time {
                ns,
                quantum_ns,
                is_share: false,
            } => window.mean(ns(old), ns(new), *quantum_ns),
            Method::Time { ns, quantum_ns, .. } => window.share(ns(old), ns(new), *quantum_ns),
            Method::TimePerEvent {
                ns,
                events,
                quantum_ns,
            } => {
                let ended = events(new)?.checked_sub(events(old)?)? as f64;
                let spent_ns = ns(new)?.checked_sub(ns(old)?)? as f64;
                (ended > 0.0).then(|| FigureValue {
                    value: spent_ns / ended,
                    error: *quantum_ns as f64 / ended,
                    over: Some(window.period),
                })
            }
            Method::Gauge(_) | Method::Level(_) | Method::Counter { .. } | Method::Computed => None,
        }
    }

    fn is_derived(&self) -> bool {
        matches!(
            self.method,
            Method::Rate(_) | Method::Growth(_) | Method::Time { .. } | Method::TimePerEvent { .. }
        )
    }
}

/// Labels of a sample, such as `device = vda`.
type SampleLabels<'a> = &'a [(&'static str, &'a str)];

/// Adds the gauges of a sample.
pub(crate) fn put_gauges<S>(
    metrics: &[&Metric<S>],
    sample: &S,
    labels: SampleLabels<'_>,
    out: &mut Figures,
) {
    for metric in metrics {
        out.put_labelled(metric.name(), labels, metric.gauge_value(sample));
    }
}

/// Adds the figures that are derived from two samples.
pub(crate) fn put_rates<S>(
    metrics: &[&Metric<S>],
    (old, new): (&S, &S),
    window: RateWindow,
    labels: SampleLabels<'_>,
    out: &mut Figures,
) {
    for metric in metrics.iter().filter(|metric| metric.is_derived()) {
        out.put_labelled(metric.name(), labels, metric.derive(old, new, window));
    }
}

/// Defines the table of the metrics of one type of sample: a static for each row, and a list of all
/// rows.
macro_rules! metrics {
    (
        $(#[$table_doc:meta])*
        $table:ident: $sample:ty {
            $($row:ident = $new:ident($name:literal, $exported:expr, $help:literal $(, $read:expr)*)
                $(.$option:ident($($value:literal),*))*;)*
        }
    ) => {
        $(
            #[doc = $help]
            pub(crate) static $row: $crate::metric::Metric<$sample> =
                $crate::metric::Metric::<$sample>::$new($name, $exported, $help $(, $read)*)
                    $(.$option($($value),*))*;
        )*
        $(#[$table_doc])*
        pub(crate) static $table: &[&$crate::metric::Metric<$sample>] = &[$(&$row),*];
    };
}
pub(super) use metrics;
