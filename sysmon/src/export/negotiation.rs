//! Content negotiation: the format that a scraper accepts, by its `Accept` header (RFC 9110,
//! section 12.5.1).

use super::exposition::PageFormat;

/// Returns the format of the answer; `accept` are the values of the `Accept` headers. OpenMetrics
/// is preferred if both are accepted equally. A scraper that accepts neither format gets the text
/// format, because every scraper can read it, and a page is more useful than a refusal.
pub(crate) fn format<'a>(accept: impl Iterator<Item = &'a str>) -> PageFormat {
    let (mut open, mut text) = (0.0_f64, 0.0_f64);
    for range in accept.flat_map(|header| header.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
        let (mut weight, mut version) = (1.0, None);
        for (key, value) in parts.filter_map(|part| part.split_once('=')) {
            match key.trim().to_ascii_lowercase().as_str() {
                "q" => weight = value.trim().parse().unwrap_or(0.0),
                "version" => version = Some(value.trim().trim_matches('"')),
                _ => {}
            }
        }
        match (kind.as_str(), version) {
            ("application/openmetrics-text", None | Some("0.0.1" | "1.0.0")) => {
                open = open.max(weight);
            }
            ("text/plain", None | Some("0.0.4")) | ("text/*" | "*/*", None) => {
                text = text.max(weight);
            }
            _ => {}
        }
    }
    if open > 0.0 && open >= text {
        PageFormat::OpenMetrics
    } else {
        PageFormat::Text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heavier_wish_is_met() {
        for (accept, expected) in [
            ("", PageFormat::Text),
            ("*/*", PageFormat::Text),
            ("application/json", PageFormat::Text),
            ("text/plain;version=0.0.4", PageFormat::Text),
            ("application/openmetrics-text", PageFormat::OpenMetrics),
            (
                "Application/OpenMetrics-Text; Version=\"1.0.0\"",
                PageFormat::OpenMetrics,
            ),
            (
                "application/openmetrics-text;version=2.0.0",
                PageFormat::Text,
            ),
            ("application/openmetrics-text;q=0", PageFormat::Text),
            (
                "application/openmetrics-text;q=x,*/*;q=0.1",
                PageFormat::Text,
            ),
            (
                "application/openmetrics-text;q=0.2,text/plain;q=0.9",
                PageFormat::Text,
            ),
            (
                // Header as a Prometheus server sends it.
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                 application/openmetrics-text;version=0.0.1;q=0.5,\
                 text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
                 text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                PageFormat::OpenMetrics,
            ),
            (";;;=,,q=,;q", PageFormat::Text),
        ] {
            assert_eq!(format([accept].into_iter()), expected, "{accept}");
        }
        let two = ["text/plain;q=0.1", "application/openmetrics-text"];
        assert_eq!(format(two.into_iter()), PageFormat::OpenMetrics);
    }
}
