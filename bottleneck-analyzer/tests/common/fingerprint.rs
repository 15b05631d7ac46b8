//! Distinct values for the figures of made-up reports.
//!
//! Planted figures are round, so that many are equal by chance: half of a second, half of the calls, two of
//! four cores. Each figure is therefore changed a little, by an amount of its own. The test that walks the
//! figures of sentences can then tell which figure a sentence names.

use bench_report::Report;
use serde_json::Value;

/// Smallest relative change of a figure.
const STEP: f64 = 1e-12;
/// Number of different changes in each direction.
const STEPS: u64 = 500;
/// Fields that stay as they are: settings, times of the clock, and histograms, whose mean must lie between
/// their percentiles.
const KEPT: [&str; 12] = [
    "parameters",
    "window",
    "load",
    "response",
    "call",
    "service",
    "checkout",
    "backlog",
    "pacing_lag",
    "failed",
    "at_ns",
    "config",
];

/// Returns `report` with a change of its own for each fraction among its figures. Whole numbers stay whole.
pub(crate) fn fingerprinted(report: &Report) -> Report {
    let mut document = serde_json::to_value(report).unwrap();
    for part in ["steps", "series"] {
        if let Some(part_of_report) = document.get_mut(part) {
            mark(part_of_report, part);
        }
    }
    serde_json::from_value(document).unwrap()
}

fn mark(value: &mut Value, place: &str) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                // The lowest, mean and highest reading of a point stay in their order.
                let is_reading = ["min", "mean", "max"].contains(&name.as_str());
                let below = if is_reading {
                    place
                } else {
                    &format!("{place}/{name}")
                };
                if !KEPT.contains(&name.as_str()) {
                    mark(field, below);
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                mark(item, &format!("{place}/{index}"));
            }
        }
        Value::Number(number) => {
            let fraction = number.as_f64().filter(|n| n.fract() != 0.0);
            if let Some(changed) = fraction.map(|n| n * (1.0 + change(place))) {
                *value = changed.into();
            }
        }
        _ => {}
    }
}

/// Returns a relative change that depends on `place` alone and is not 0.
fn change(place: &str) -> f64 {
    let hash = place.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let steps = (hash >> 8) % STEPS + 1;
    let sign = if hash & 1 == 0 { 1.0 } else { -1.0 };
    sign * steps as f64 * STEP
}
