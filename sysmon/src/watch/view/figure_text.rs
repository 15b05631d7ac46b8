//! Text of a figure, also of one that could not be read.

/// Text shown in place of a figure that could not be read.
pub(super) const ABSENT: &str = "–";

/// Formats a figure with `unit`, which adds its unit; returns [`ABSENT`] for `None`.
pub(super) fn figure(value: Option<f64>, unit: impl Fn(f64) -> String) -> String {
    value.map_or_else(|| ABSENT.to_owned(), unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_figure_is_no_zero() {
        assert_eq!(figure(None, |v| v.to_string()), "–");
        assert_eq!(figure(Some(0.0), |v| format!("{v:.1}")), "0.0");
    }
}
