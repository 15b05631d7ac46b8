//! Comparison of every number of a report with the values that it can have.

use std::collections::HashMap;

use serde_json::Value;

use super::fault::{Fault, FaultExtent, MOST_FAULTS, escaped};
use super::figure_range::{FigureRange, range_of};

/// Parts of a report whose numbers are settings or of any unit.
const FREE: [&str; 6] = [
    "config",
    "parameters",
    "versions",
    "warnings",
    "recommendations",
    "comparisons",
];

/// Parts of a report that hold figures by name, which nothing else depends on.
const NAMED: &str = "figures";

/// Key of a value in the object or list that contains it.
#[derive(Clone, Copy)]
enum Key<'a> {
    Name(&'a str),
    Index(usize),
}

/// Place in a report, from the innermost key to the outermost.
struct Place<'a> {
    key: Key<'a>,
    above: Option<&'a Self>,
}

impl Place<'_> {
    fn pointer(&self) -> String {
        let above = self.above.map_or(String::new(), Place::pointer);
        match self.key {
            Key::Name(name) => format!("{above}/{}", escaped(name)),
            Key::Index(index) => format!("{above}/{index}"),
        }
    }
}

/// Comparison of the numbers of one report. Reports have few names and many numbers, so the range
/// of each name is looked up once.
#[derive(Default)]
struct Comparison<'a> {
    ranges: HashMap<&'a str, FigureRange>,
    found: Vec<Fault>,
}

/// Returns the numbers of a report's JSON that cannot be.
pub(super) fn faults(json: &Value) -> Vec<Fault> {
    let mut comparison = Comparison::default();
    if let Value::Object(members) = json {
        for (key, value) in members {
            let place = Place {
                key: Key::Name(key),
                above: None,
            };
            comparison.walk(value, key, &place, FaultExtent::Report);
        }
    }
    comparison.found
}

impl<'a> Comparison<'a> {
    /// Adds the faults below `place`. `name` is the name whose end gives the unit.
    fn walk(&mut self, value: &'a Value, name: &'a str, place: &Place<'_>, extent: FaultExtent) {
        if self.found.len() > MOST_FAULTS || FREE.contains(&name) {
            return;
        }
        let below = if name == NAMED {
            FaultExtent::Figure
        } else {
            extent
        };
        match value {
            Value::Number(number) => {
                let value = number.as_f64().unwrap_or(f64::NAN);
                let range = self.ranges.entry(name).or_insert_with(|| range_of(name));
                self.found.extend(range.refuses(value).map(|reason| Fault {
                    pointer: place.pointer(),
                    reason,
                    extent,
                }));
            }
            Value::Object(members) => {
                for (key, value) in members {
                    let inner = Place {
                        key: Key::Name(key),
                        above: Some(place),
                    };
                    // The keys of percentiles have no unit of their own.
                    let named = if name == "percentiles_ns" { name } else { key };
                    self.walk(value, named, &inner, below);
                }
            }
            Value::Array(elements) => {
                for (index, value) in elements.iter().enumerate() {
                    let inner = Place {
                        key: Key::Index(index),
                        above: Some(place),
                    };
                    self.walk(value, name, &inner, below);
                }
            }
            Value::Null | Value::Bool(_) | Value::String(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_number_that_cannot_be_is_told_with_its_place() {
        let report = json!({
            "duration_ns": -1,
            "config": {"rate_per_s": -1, "of": {"a_ratio": 1e300}},
            "steps": [{"operations": {"a/b": {"throughput_per_s": 1e300,
                "call": {"percentiles_ns": {"p50": 1, "p99": 1e300}}}},
                "figures": {"hit_ratio": 7}}],
            "warnings": [{"value": -1e300}],
        });
        let found = faults(&report);
        let told: Vec<(&str, FaultExtent)> = found
            .iter()
            .map(|fault| (fault.pointer.as_str(), fault.extent))
            .collect();
        assert_eq!(
            told,
            [
                ("/duration_ns", FaultExtent::Report),
                ("/steps/0/figures/hit_ratio", FaultExtent::Figure),
                (
                    "/steps/0/operations/a~1b/call/percentiles_ns/p99",
                    FaultExtent::Report
                ),
                (
                    "/steps/0/operations/a~1b/throughput_per_s",
                    FaultExtent::Report
                ),
            ]
        );
    }
}
