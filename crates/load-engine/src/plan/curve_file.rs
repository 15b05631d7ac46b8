//! Files that describe a load curve by lines of `seconds,value`.

use std::path::Path;
use std::time::Duration;

use super::load_curve_error::LoadCurveError;
use super::written_value::written_value;

/// Byte order mark, which some spreadsheets write at the start of a file; it is skipped.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Reads the points of a curve from a file of `seconds,value` lines: time since the start, and
/// value. Skips a heading, blank lines and comments after `#`. Two lines with the same time make a
/// jump. Adds a point at zero with the first value if there is none. Fails if the file cannot be
/// read, a line is malformed, times fall, or all times are zero.
pub(super) fn read_points(path: &Path) -> Result<Vec<(Duration, f64)>, LoadCurveError> {
    let text = std::fs::read_to_string(path).map_err(|error| LoadCurveError::File {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    let mut points: Vec<(Duration, f64)> = Vec::new();
    for (index, line) in text.trim_start_matches(BYTE_ORDER_MARK).lines().enumerate() {
        let content = line.split('#').next().unwrap_or_default().trim();
        if content.is_empty() {
            continue;
        }
        match point(content) {
            Some((at, _)) if points.last().is_some_and(|(before, _)| at < *before) => {
                return Err(LoadCurveError::Order {
                    path: path.to_owned(),
                    line: index + 1,
                    seconds: at.as_secs_f64(),
                    before: points
                        .last()
                        .map_or(0.0, |(before, _)| before.as_secs_f64()),
                });
            }
            Some(point) => points.push(point),
            None if points.is_empty() && is_heading(content) => {}
            None => {
                return Err(LoadCurveError::Point {
                    path: path.to_owned(),
                    line: index + 1,
                    text: line.trim().to_owned(),
                });
            }
        }
    }
    // Before its first point the curve has the value of that point.
    if let Some((_, first)) = points.first().copied().filter(|(at, _)| !at.is_zero()) {
        points.insert(0, (Duration::ZERO, first));
    }
    match points.last() {
        Some((length, _)) if !length.is_zero() => Ok(points),
        _ => Err(LoadCurveError::NoTime(path.to_owned())),
    }
}

/// Returns true if both parts of the line, around its comma, begin with a letter, as two column
/// names do.
fn is_heading(line: &str) -> bool {
    let is_name = |text: &str| text.trim().starts_with(char::is_alphabetic);
    line.split_once(',')
        .is_some_and(|(first, second)| is_name(first) && is_name(second))
}

fn point(line: &str) -> Option<(Duration, f64)> {
    let (seconds, value) = line.split_once(',')?;
    let seconds = seconds.trim().parse::<f64>().ok()?;
    let at = Duration::try_from_secs_f64(seconds).ok()?;
    Some((at, written_value(value).ok()?))
}
