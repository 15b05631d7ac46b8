//! Metric families, and the page made of them in either format that Prometheus reads: text 0.0.4
//! (Prometheus documentation, "Exposition formats") and `OpenMetrics` 1.0.0.
//!
//! The encoder is written for this program. A page has a few hundred lines that are made anew for
//! each sample, because processes and devices come and go. The usual client library keeps a
//! registry of counters that its program increments, and writes only one of the two formats.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use crate::metric::{Metric, MetricKind};

/// Units that a page in OpenMetrics declares, if the name of a metric ends with one of them.
const UNITS: [&str; 6] = ["seconds", "bytes", "ratio", "celsius", "hertz", "watts"];

/// Format of a page of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PageFormat {
    /// Prometheus text format 0.0.4.
    Text,
    /// `OpenMetrics` text format 1.0.0.
    OpenMetrics,
}

impl PageFormat {
    /// Returns the value of the HTTP header `Content-Type` for this format.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FamilyKind {
    Counter,
    Gauge,
    Info,
}

impl FamilyKind {
    /// Returns the suffix that is appended to the family's name to form the names of its samples;
    /// may be empty.
    fn suffix(self) -> &'static str {
        match self {
            Self::Counter => "_total",
            Self::Gauge => "",
            Self::Info => "_info",
        }
    }

    fn name(self, format: PageFormat) -> &'static str {
        match (self, format) {
            (Self::Counter, _) => "counter",
            (Self::Info, PageFormat::OpenMetrics) => "info",
            (Self::Gauge | Self::Info, _) => "gauge",
        }
    }
}

impl From<MetricKind> for FamilyKind {
    fn from(kind: MetricKind) -> Self {
        match kind {
            MetricKind::Counter => Self::Counter,
            MetricKind::Gauge => Self::Gauge,
        }
    }
}

#[derive(Debug)]
struct MetricFamily {
    kind: FamilyKind,
    help: &'static str,
    /// Samples of the family, each with its encoded labels in braces and its value.
    samples: Vec<(String, f64)>,
}

/// Label names and values of one sample, in order.
pub(crate) type LabelPairs<'a> = &'a [(&'a str, &'a str)];

/// Metric families of one sample of the machine, in order of name. Absent values and families
/// without any value are left out.
#[derive(Debug, Default)]
pub(crate) struct Families(BTreeMap<&'static str, MetricFamily>);

impl Families {
    /// Adds the exported metrics of `table`, with the values that `sample` has for them. Each
    /// sample gets `labels`.
    pub(crate) fn table<S>(&mut self, table: &[&Metric<S>], sample: &S, labels: LabelPairs<'_>) {
        for metric in table {
            self.metric(metric, metric.exported_value(sample), labels);
        }
    }

    /// Adds a value of a metric, if that metric is exported and the value is present and finite.
    /// The metric's own label follows `labels`.
    pub(crate) fn metric<S>(
        &mut self,
        metric: &Metric<S>,
        value: Option<f64>,
        labels: LabelPairs<'_>,
    ) {
        let info = &metric.info;
        let Some(name) = info.exported else {
            return;
        };
        let labels: Vec<_> = labels.iter().copied().chain(info.label).collect();
        self.add(metric.kind().into(), name, info.help, &labels, value);
    }

    /// Adds a counter; `_total` is appended to `name` for its samples. Adds nothing without a
    /// `count`.
    pub(crate) fn counter(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: LabelPairs<'_>,
        count: Option<u64>,
    ) {
        let count = count.map(|count| count as f64);
        self.add(FamilyKind::Counter, name, help, labels, count);
    }

    /// Adds a counter of `ns` nanoseconds, exported in seconds; `_total` is appended to `name` for
    /// its samples. Adds nothing without a value.
    pub(crate) fn seconds(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: LabelPairs<'_>,
        ns: Option<u64>,
    ) {
        let seconds = ns.map(|ns| ns as f64 / 1e9);
        self.add(FamilyKind::Counter, name, help, labels, seconds);
    }

    /// Adds a gauge. Adds nothing unless the value is present and finite.
    pub(crate) fn gauge(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: LabelPairs<'_>,
        value: Option<f64>,
    ) {
        self.add(FamilyKind::Gauge, name, help, labels, value);
    }

    /// Adds a metric with the value 1 that carries its information in labels; `_info` is appended
    /// to `name`.
    pub(crate) fn info(&mut self, name: &'static str, help: &'static str, labels: LabelPairs<'_>) {
        self.add(FamilyKind::Info, name, help, labels, Some(1.0));
    }

    fn add(
        &mut self,
        kind: FamilyKind,
        name: &'static str,
        help: &'static str,
        labels: LabelPairs<'_>,
        value: Option<f64>,
    ) {
        let Some(value) = value.filter(|value| value.is_finite()) else {
            return;
        };
        let family = self.0.entry(name).or_insert_with(|| MetricFamily {
            kind,
            help,
            samples: Vec::new(),
        });
        family.samples.push((written(labels), value));
    }
}

/// Encodes labels as `{key="value",…}`, with values escaped; empty if there are none.
fn written(labels: LabelPairs<'_>) -> String {
    let mut text = String::new();
    for (key, value) in labels {
        text.push(if text.is_empty() { '{' } else { ',' });
        text.push_str(key);
        text.push_str("=\"");
        for c in value.chars() {
            match c {
                '\\' => text.push_str("\\\\"),
                '"' => text.push_str("\\\""),
                '\n' => text.push_str("\\n"),
                c => text.push(c),
            }
        }
        text.push('"');
    }
    if !text.is_empty() {
        text.push('}');
    }
    text
}

/// Page that is encoded at most once in each format, at its first request.
#[derive(Debug, Default)]
pub(crate) struct Page {
    families: Families,
    text: OnceLock<Bytes>,
    open_metrics: OnceLock<Bytes>,
}

impl Page {
    /// Creates a page of `families`; nothing is encoded yet.
    pub(crate) fn new(families: Families) -> Self {
        Self {
            families,
            ..Self::default()
        }
    }

    /// Returns the page encoded in `format`. The first request for a format encodes it and
    /// increments `written`; later requests share the same bytes.
    pub(crate) fn body(&self, format: PageFormat, written: &AtomicU64) -> Bytes {
        let place = match format {
            PageFormat::Text => &self.text,
            PageFormat::OpenMetrics => &self.open_metrics,
        };
        let body = place.get_or_init(|| {
            written.fetch_add(1, Ordering::Relaxed);
            Bytes::from(self.families.write(format))
        });
        body.clone()
    }
}

impl Families {
    fn write(&self, format: PageFormat) -> String {
        let samples = self.0.values().map(|family| family.samples.len());
        // Reserves 80 bytes for a line, which is more than most lines need.
        let mut page = String::with_capacity(samples.sum::<usize>() * 80 + self.0.len() * 200);
        for (name, family) in &self.0 {
            family.write(name, format, &mut page);
        }
        if format == PageFormat::OpenMetrics {
            page.push_str("# EOF\n");
        }
        page
    }
}

impl MetricFamily {
    fn write(&self, name: &str, format: PageFormat, page: &mut String) {
        let suffix = self.kind.suffix();
        // The text format describes the name of the samples; OpenMetrics describes that of the family.
        let (described, kind) = match format {
            PageFormat::Text => (suffix, self.kind.name(format)),
            PageFormat::OpenMetrics => ("", self.kind.name(format)),
        };
        let help = self.help;
        // Writing to a string cannot fail.
        let _ = writeln!(page, "# HELP {name}{described} {help}");
        let _ = writeln!(page, "# TYPE {name}{described} {kind}");
        if let (PageFormat::OpenMetrics, Some(unit)) = (format, unit(name)) {
            let _ = writeln!(page, "# UNIT {name} {unit}");
        }
        let mut seen = HashSet::with_capacity(self.samples.len());
        for (labels, value) in &self.samples {
            // Prometheus rejects a whole page if it has two samples with the same name and labels.
            if seen.insert(labels.as_str()) {
                let _ = writeln!(page, "{name}{suffix}{labels} {value}");
            }
        }
    }
}

fn unit(name: &str) -> Option<&'static str> {
    let last = name.rsplit('_').next()?;
    UNITS.into_iter().find(|unit| *unit == last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> Page {
        let mut families = Families::default();
        let hostile = [("name", "a\"} 1\nb\\n"), ("pid", "7")];
        families.seconds("z_seconds", "Time.", &hostile, Some(1_500_000_000));
        families.seconds("z_seconds", "Time.", &hostile, Some(9));
        families.gauge("m_bytes", "Size.", &[], Some((1_u64 << 60) as f64));
        families.gauge("absent_bytes", "Size.", &[], None);
        families.gauge("odd_ratio", "Share.", &[], Some(f64::NAN));
        families.info("a_build", "Who.", &[("version", "1")]);
        Page::new(families)
    }

    #[test]
    fn each_format_has_its_own_way() {
        let (page, written) = (page(), AtomicU64::new(0));
        let text = page.body(PageFormat::Text, &written);
        assert_eq!(
            text,
            "# HELP a_build_info Who.\n# TYPE a_build_info gauge\na_build_info{version=\"1\"} 1\n\
             # HELP m_bytes Size.\n# TYPE m_bytes gauge\nm_bytes 1152921504606847000\n\
             # HELP z_seconds_total Time.\n# TYPE z_seconds_total counter\n\
             z_seconds_total{name=\"a\\\"} 1\\nb\\\\n\",pid=\"7\"} 1.5\n"
        );
        let open = page.body(PageFormat::OpenMetrics, &written);
        assert_eq!(
            open,
            "# HELP a_build Who.\n# TYPE a_build info\na_build_info{version=\"1\"} 1\n\
             # HELP m_bytes Size.\n# TYPE m_bytes gauge\n# UNIT m_bytes bytes\n\
             m_bytes 1152921504606847000\n\
             # HELP z_seconds Time.\n# TYPE z_seconds counter\n# UNIT z_seconds seconds\n\
             z_seconds_total{name=\"a\\\"} 1\\nb\\\\n\",pid=\"7\"} 1.5\n# EOF\n"
        );
    }

    #[test]
    fn a_page_is_written_once_in_each_format() {
        let (page, written) = (page(), AtomicU64::new(0));
        for _ in 0..50 {
            let text = page.body(PageFormat::Text, &written);
            assert_eq!(
                text.as_ptr(),
                page.body(PageFormat::Text, &written).as_ptr()
            );
            page.body(PageFormat::OpenMetrics, &written);
        }
        assert_eq!(written.load(Ordering::Relaxed), 2);
    }
}
