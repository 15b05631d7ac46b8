//! Definition of a metric: how it is read from samples, and how the recorded figure is derived.

use std::collections::BTreeMap;

use host_metrics::rate_window::{FigureValue, RateWindow};

use super::info::MetricInfo;
#[cfg(feature = "export")]
use super::info::MetricKind;
use crate::figure::Figures;

/// Metric that is read from samples of type `S`: its names, and how it is read and derived.
#[derive(Debug)]
pub(crate) struct Metric<S: 'static> {
    /// Names, description and display options.
    pub info: MetricInfo,
    method: Method<S>,
}

/// Function that reads a count from a sample; `None` if the sample does not have it.
type ReadCount<S> = fn(&S) -> Option<u64>;

/// Way in which a metric is read from samples, and how the recorded figure is derived from it.
#[derive(Debug)]
enum Method<S: 'static> {
    /// Value of a single sample, recorded as it is.
    Gauge(fn(&S) -> Option<f64>),
    /// Whole number of a single sample, recorded as it is.
    Level(ReadCount<S>),
    /// Counter of events; its growth per second between two samples is recorded.
    Rate(ReadCount<S>),
    /// Counter of rare events; its growth since the previous sample is recorded, not a rate.
    Growth(ReadCount<S>),
    /// Counter of nanoseconds that advances in steps of `quantum_ns`; its growth divided by the
    /// time that passed is recorded.
    Time {
        ns: ReadCount<S>,
        quantum_ns: u64,
        /// True if the counter cannot grow faster than time passes, so that the figure is a share
        /// of at most 1.
        is_share: bool,
    },
    /// Mean nanoseconds per event that ended since the previous sample. The total time in seconds
    /// is exported.
    TimePerEvent {
        ns: ReadCount<S>,
        events: ReadCount<S>,
        quantum_ns: u64,
    },
    /// Counter from which code outside this table derives the recorded figure. It counts
    /// nanoseconds if `is_time`, otherwise events.
    Counter {
        read: ReadCount<S>,
        #[cfg_attr(
            not(feature = "export"),
            expect(dead_code, reason = "only the exporter reads it")
        )]
        is_time: bool,
    },
    /// Figure that code outside this table calculates from other figures; nothing is read from a
    /// sample.
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

    /// Returns the name of the series in which the metric is recorded.
    pub(crate) const fn name(&self) -> &'static str {
        self.info.name
    }

    /// Returns the kind of the exported metric; a computed figure is a gauge.
    #[cfg(feature = "export")]
    pub(crate) fn kind(&self) -> MetricKind {
        match self.method {
            Method::Gauge(_) | Method::Level(_) | Method::Computed => MetricKind::Gauge,
            _ => MetricKind::Counter,
        }
    }

    /// Reads the kernel's counter from a sample, in events or nanoseconds. `None` if the sample
    /// does not have it, or if the metric is a gauge or computed.
    pub(crate) fn count(&self, sample: &S) -> Option<u64> {
        match &self.method {
            Method::Rate(read) | Method::Growth(read) | Method::Counter { read, .. } => {
                read(sample)
            }
            Method::Time { ns, .. } | Method::TimePerEvent { ns, .. } => ns(sample),
            Method::Gauge(_) | Method::Level(_) | Method::Computed => None,
        }
    }

    /// Reads the value to export: a gauge, a count, or a time in seconds. `None` if the sample does
    /// not have it, or if the metric is computed.
    #[cfg(feature = "export")]
    pub(crate) fn exported_value(&self, sample: &S) -> Option<f64> {
        match &self.method {
            Method::Gauge(_) | Method::Level(_) | Method::Computed => self.gauge_value(sample),
            _ => self.count(sample).map(|count| self.exported_count(count)),
        }
    }

    /// Converts the value of a counter to its exported unit: nanoseconds become seconds, and counts
    /// of events stay as they are.
    #[cfg(feature = "export")]
    pub(crate) fn exported_count(&self, count: u64) -> f64 {
        match self.method {
            Method::Time { .. }
            | Method::TimePerEvent { .. }
            | Method::Counter { is_time: true, .. } => count as f64 / 1e9,
            _ => count as f64,
        }
    }

    /// Reads the value of a gauge. `None` if the sample does not have it, or if the metric is a
    /// counter or computed.
    pub(crate) fn gauge_value(&self, sample: &S) -> Option<f64> {
        match &self.method {
            Method::Gauge(read) => read(sample),
            Method::Level(read) => read(sample).map(|level| level as f64),
            _ => None,
        }
    }

    /// Derives the figure for the time between the samples `old` and `new`. `None` if a counter
    /// fell or is absent, if no event ended whose mean time is wanted, or if the metric is a gauge
    /// or is derived by other code.
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

/// Label names and values of a sample, such as `device = vda`.
type SampleLabels<'a> = &'a [(&'static str, &'a str)];

/// Adds the value of each gauge among `metrics` to `out`, with `labels`. Counters, and gauges that
/// the sample does not have, add nothing.
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

/// Adds the figure that each of `metrics` derives from the samples `old` and `new`, with `labels`.
/// Gauges, and metrics that other code derives, add nothing.
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

/// Adds the rates of each device that both `old` and `new` contain. The label `key` has the
/// device's name.
pub(crate) fn put_rates_of_each<S>(
    metrics: &[&Metric<S>],
    key: &'static str,
    (old, new): (&BTreeMap<String, S>, &BTreeMap<String, S>),
    window: RateWindow,
    out: &mut Figures,
) {
    for (name, new) in new {
        if let Some(old) = old.get(name) {
            put_rates(metrics, (old, new), window, &[(key, name)], out);
        }
    }
}

/// Defines the metrics of one type of sample: a static for each row, documented by its description,
/// and a slice of references to all of them in the order of the rows.
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
