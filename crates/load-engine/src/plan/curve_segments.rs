//! Named segments of load curves: parts of a step that have results of their own.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::rate_curve::{CurveError, RateCurve};

/// Largest number of segments of a curve. Each segment needs histograms of its own.
pub(super) const MOST_SEGMENTS: usize = 16;

/// Name of the segment before the spike of a curve.
pub(super) const BEFORE_SPIKE: &str = "before";
/// Name of the segment during the spike of a curve.
pub(super) const SPIKE: &str = "spike";

/// Part of a step that has results of its own, such as the spike of `spike:…`. It may consist of
/// several spans, as the upper halves of a wave do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NamedSegment {
    /// Name of the segment, such as `before`, `spike` or `after`.
    pub name: String,
    /// Spans as pairs of start and end, in seconds since the start of the measured part, rising.
    pub spans: Vec<(f64, f64)>,
}

/// Curve over the measured part of a step, and the segments of that curve.
type Fitted = (RateCurve, Vec<NamedSegment>);

pub(super) fn ramp(
    from: f64,
    to: f64,
    ramp: Duration,
    step: Duration,
) -> Result<Fitted, CurveError> {
    let mut points = vec![(Duration::ZERO, from), (ramp, to)];
    if step > ramp {
        points.push((step, to));
    }
    let third = ramp.as_secs_f64() / 3.0;
    let mut segments: Vec<NamedSegment> = ["low", "middle", "high"]
        .iter()
        .zip([0.0, 1.0, 2.0])
        .map(|(name, k)| NamedSegment::one(name, k * third, (k + 1.0) * third))
        .collect();
    if to < from {
        segments[0].name = String::from("high");
        segments[2].name = String::from("low");
    }
    segments.extend(NamedSegment::held(ramp, step));
    Ok((RateCurve::points(&points)?, segments))
}

pub(super) fn stairs(values: &[f64], each: Duration, step: Duration) -> Result<Fitted, CurveError> {
    let mut stairs: Vec<(f64, Duration)> = values.iter().map(|value| (*value, each)).collect();
    let own = each * values.len() as u32;
    let seconds = each.as_secs_f64();
    let mut segments: Vec<NamedSegment> = (0..values.len())
        .map(|k| {
            let start = k as f64 * seconds;
            NamedSegment::one(&format!("stair_{}", k + 1), start, start + seconds)
        })
        .collect();
    if let (Some(held), Some(last)) = (NamedSegment::held(own, step), values.last()) {
        stairs.push((*last, step.saturating_sub(own)));
        segments.push(held);
    }
    Ok((RateCurve::steps(&stairs)?, segments))
}

/// Builds a curve with one spike and its segments `before`, `spike` and `after`. A third of the
/// time beside the spike lies before it, and two thirds after it, in which the target recovers.
/// Fails if a value is negative or a part has no length.
pub(super) fn spike(
    base: f64,
    peak: f64,
    spike: Duration,
    step: Duration,
) -> Result<Fitted, CurveError> {
    let rest = step.saturating_sub(spike);
    let before = rest / 3;
    let after = rest.saturating_sub(before);
    let curve = RateCurve::spike(base, peak, before, spike, after)?;
    let (start, end) = (before.as_secs_f64(), (before + spike).as_secs_f64());
    let segments = vec![
        NamedSegment::one(BEFORE_SPIKE, 0.0, start),
        NamedSegment::one(SPIKE, start, end),
        NamedSegment::one("after", end, step.as_secs_f64()),
    ];
    Ok((curve, segments))
}

pub(super) fn wave_halves(period: Duration, step: Duration) -> Vec<NamedSegment> {
    let (half, end) = (period.as_secs_f64() / 2.0, step.as_secs_f64());
    let spans = |first: f64| {
        let starts = std::iter::successors(Some(first), |start| Some(start + 2.0 * half));
        starts
            .take_while(|start| *start < end)
            .map(|start| (start, (start + half).min(end)))
            .collect()
    };
    let above = NamedSegment {
        name: "above_mean".to_owned(),
        spans: spans(0.0),
    };
    let below = NamedSegment {
        name: "below_mean".to_owned(),
        spans: spans(half),
    };
    let mut segments = vec![above, below];
    segments.retain(|segment| !segment.spans.is_empty());
    segments
}

pub(super) fn points(points: &[(Duration, f64)], step: Duration) -> Result<Fitted, CurveError> {
    let mut points = points.to_vec();
    let own = points.last().map_or(Duration::ZERO, |(at, _)| *at);
    let held = NamedSegment::held(own, step);
    let mut segments = segments_of_points(&points);
    if let (true, Some((_, last))) = (held.is_some(), points.last().copied()) {
        points.push((step, last));
    }
    segments.extend(held);
    Ok((RateCurve::points(&points)?, segments))
}

/// Straight line between two points of a curve: `start` and `end` in seconds since the start of the
/// curve, `from` and `to` values of the load.
struct Line {
    start: f64,
    end: f64,
    from: f64,
    to: f64,
}

/// Returns the lines between successive points, without pairs of points at the same time, which are
/// jumps.
fn straight_lines(points: &[(Duration, f64)]) -> impl Iterator<Item = Line> {
    let line = |pair: &[(Duration, f64)]| match *pair {
        [(start, from), (end, to)] if start != end => Some(Line {
            start: start.as_secs_f64(),
            end: end.as_secs_f64(),
            from,
            to,
        }),
        _ => None,
    };
    points.windows(2).filter_map(line)
}

/// Makes one segment of each straight line, named `part_1` and so on, and only one of successive
/// lines with the same constant value. With [`MOST_SEGMENTS`] lines or more, makes a segment of
/// each third of the range of values instead.
fn segments_of_points(points: &[(Duration, f64)]) -> Vec<NamedSegment> {
    // Start and end in seconds, and the value of a line that is constant.
    let mut lines: Vec<(f64, f64, Option<f64>)> = Vec::new();
    for Line {
        start,
        end,
        from,
        to,
    } in straight_lines(points)
    {
        let plateau = from.total_cmp(&to).is_eq().then_some(from);
        match lines.last_mut() {
            Some(last) if plateau.is_some() && last.2 == plateau => last.1 = end,
            _ => lines.push((start, end, plateau)),
        }
    }
    if lines.len() >= MOST_SEGMENTS {
        return thirds_of_values(points);
    }
    let part = |(k, (start, end, _)): (usize, &(f64, f64, Option<f64>))| {
        NamedSegment::one(&format!("part_{}", k + 1), *start, *end)
    };
    lines.iter().enumerate().map(part).collect()
}

fn thirds_of_values(points: &[(Duration, f64)]) -> Vec<NamedSegment> {
    let values = || points.iter().map(|(_, value)| *value);
    let (low, high) = (
        values().fold(f64::MAX, f64::min),
        values().fold(0.0, f64::max),
    );
    let third = (high - low) / 3.0;
    let bounds = [low + third, low + 2.0 * third];
    let mut segments: Vec<NamedSegment> = ["low", "middle", "high"]
        .iter()
        .map(|name| NamedSegment {
            name: (*name).to_owned(),
            spans: Vec::new(),
        })
        .collect();
    for Line {
        start,
        end,
        from,
        to,
    } in straight_lines(points)
    {
        let crossing = |bound: f64| start + (end - start) * (bound - from) / (to - from);
        let mut cuts = vec![start, end];
        cuts.extend(
            bounds
                .iter()
                .map(|bound| crossing(*bound))
                .filter(|at| at.is_finite() && *at > start && *at < end),
        );
        cuts.sort_by(f64::total_cmp);
        for cut in cuts.windows(2) {
            let middle = f64::midpoint(cut[0], cut[1]);
            let value = from + (to - from) * (middle - start) / (end - start);
            let class = bounds.iter().filter(|bound| value >= **bound).count();
            segments[class].extend_to(cut[0], cut[1]);
        }
    }
    segments.retain(|segment| !segment.spans.is_empty());
    segments
}

impl NamedSegment {
    fn one(name: &str, start: f64, end: f64) -> Self {
        Self {
            name: name.to_owned(),
            spans: vec![(start, end)],
        }
    }

    /// Creates the segment `held`, from the end of the curve to the end of the step; `None` if the
    /// curve fills the step.
    fn held(curve: Duration, step: Duration) -> Option<Self> {
        (step > curve).then(|| Self::one("held", curve.as_secs_f64(), step.as_secs_f64()))
    }

    /// Adds a span from `start` to `end`, in seconds. Lengthens the last span instead if the new
    /// one starts at its end.
    fn extend_to(&mut self, start: f64, end: f64) {
        match self.spans.last_mut() {
            Some(last) if last.1 >= start => last.1 = end,
            _ => self.spans.push((start, end)),
        }
    }
}
