//! Check that bounds of one figure are in their order: good before warning before critical.

use toml::{Table, Value};

use super::error::ThresholdsError;
use super::source_text::SourceText;

/// Bounds of one figure, from the best to the worst. Each must not be past the next.
struct BoundOrder {
    places: &'static [&'static str],
    /// True if more of the figure is better, so that bounds fall from the best to the worst.
    falls: bool,
}

/// Orders of all figures with more than one bound.
const ORDERS: [BoundOrder; 7] = [
    rising(&[
        "objectives.websocket_p95_ms",
        "bands.websocket_p95_critical_ms",
    ]),
    rising(&[
        "objectives.error_ratio",
        "bands.error_warning_ratio",
        "bands.error_critical_ratio",
    ]),
    BoundOrder {
        places: &[
            "objectives.websocket_success_ratio",
            "bands.websocket_success_critical_ratio",
        ],
        falls: true,
    },
    rising(&["cpu.warning_ratio", "cpu.critical_ratio"]),
    rising(&["memory.warning_ratio", "objectives.memory_used_ratio"]),
    rising(&[
        "pool.connections_warning_ratio",
        "pool.connections_critical_ratio",
    ]),
    rising(&["pool.use_warning_ratio", "pool.use_critical_ratio"]),
];

const fn rising(places: &'static [&'static str]) -> BoundOrder {
    BoundOrder {
        places,
        falls: false,
    }
}

/// Checks the orders in `merged`, which has the values of `source` in place of the shipped ones.
///
/// # Errors
/// Fails at the first bound that is past the next one.
pub(super) fn check(source: &SourceText, merged: &Table) -> Result<(), ThresholdsError> {
    for order in &ORDERS {
        for pair in order.places.windows(2) {
            let &[better, worse] = pair else { continue };
            let (Some(a), Some(b)) = (value(merged, better), value(merged, worse)) else {
                continue;
            };
            if if order.falls { a >= b } else { a <= b } {
                continue;
            }
            let place = if source.has(better) { better } else { worse };
            let side = if order.falls { "below" } else { "above" };
            let reason = format!(
                "{better} is {a}, {side} {worse}, which is {b}: a figure would be in the worse band before \
                 it leaves the better one"
            );
            let other = if place == better { worse } else { better };
            let remedy = format!("change one of the two, or set {other} as well");
            return Err(source.refuse(place, reason, remedy));
        }
    }
    Ok(())
}

fn value(merged: &Table, place: &str) -> Option<f64> {
    let (section, name) = place.split_once('.')?;
    let value = merged.get(section)?.as_table()?.get(name)?;
    match value {
        Value::Integer(n) => Some(*n as f64),
        other => other.as_float(),
    }
}
