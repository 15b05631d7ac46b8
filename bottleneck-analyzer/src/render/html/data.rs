//! Data of the charts, which the page embeds as JSON.

use serde::Serialize;

/// One chart of the page, as the page's script reads it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Chart {
    /// Id of the chart's HTML element.
    pub(super) id: String,
    /// Title of the chart.
    pub(super) title: String,
    /// Explanation of the chart, shown beside its title.
    pub(super) caption: String,
    /// Name of the x axis.
    pub(super) x_label: String,
    /// Scale of x: `seconds`, `linear`, `log2` or `percentile`.
    pub(super) x_scale: &'static str,
    /// Unit of y: `ns`, `ratio`, `per_s`, `bytes_per_s`, `cores`, `count`.
    pub(super) unit: &'static str,
    /// True if the y axis is logarithmic.
    pub(super) y_log: bool,
    /// Lines of the chart, drawn in this order.
    pub(super) lines: Vec<ChartLine>,
    /// Shaded ranges of x, such as the steps of a bench; empty if there are none.
    pub(super) bands: Vec<ChartBand>,
    /// Name of the group of charts that zoom together; `None` if the chart zooms alone.
    pub(super) group: Option<&'static str>,
}

/// One line of a chart: a label, and points given by `x` and `y`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct ChartLine {
    pub(super) label: String,
    pub(super) x: Vec<f64>,
    /// Value at each x; `null` in JSON if nothing was read at that point, which breaks the line.
    pub(super) y: Vec<Option<f64>>,
    /// Highest sample at each x; absent if each point is a single sample.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) peak: Option<Vec<Option<f64>>>,
}

/// Shaded range of x with a label.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct ChartBand {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) label: String,
}

/// Instant to which the user gave a name during the run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct ChartMark {
    pub(super) at_s: f64,
    pub(super) name: String,
}

/// All charts of a page, with what the time charts share.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct PageCharts {
    /// Length of the run in seconds, at which the axis of every time chart ends.
    pub(super) end_s: f64,
    /// Marks in order of time, drawn in every time chart.
    pub(super) marks: Vec<ChartMark>,
    pub(super) charts: Vec<Chart>,
}

/// Returns JSON that is safe inside a `<script>` element: without `<` it cannot end the element or open
/// a comment, and without U+2028 and U+2029 it is one line.
pub(super) fn inert_json(data: &PageCharts) -> String {
    let json = serde_json::to_string(data).unwrap_or_else(|_| "{}".to_owned());
    json.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

/// Rounds to the four significant digits that charts show; a value that is not finite stays as it
/// is.
pub(super) fn four_digits(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let unit = 10f64.powf(value.abs().log10().floor() - 3.0);
    let rounded = (value / unit).round() * unit;
    // Powers of ten below one are not exact in binary, so the value is printed and parsed again.
    format!("{rounded:.6}").parse().unwrap_or(rounded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_four_digits_and_no_more() {
        assert!((four_digits(123_456.0) - 123_500.0).abs() < 1e-6);
        assert_eq!(four_digits(0.123_456).to_string(), "0.1235");
    }

    #[test]
    fn no_label_can_end_the_script_element_and_none_is_changed() {
        let hostile = "</script><script>alert(1)</script><!-- \u{2028}";
        let data = PageCharts {
            end_s: 1.0,
            marks: vec![],
            charts: vec![Chart {
                id: "c".into(),
                title: hostile.into(),
                caption: String::new(),
                x_label: String::new(),
                x_scale: "linear",
                unit: "ns",
                y_log: false,
                lines: vec![],
                bands: vec![],
                group: None,
            }],
        };
        let json = inert_json(&data);
        assert!(!json.contains('<') && !json.contains('\u{2028}'), "{json}");
        let back: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(back["charts"][0]["title"], hostile);
    }
}
