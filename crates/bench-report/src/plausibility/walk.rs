//! Comparison of every number of a report with the values that it can have.

use serde_json::Value;

use super::fault::{Fault, FaultExtent, MOST_FAULTS, escaped};
use super::figure_range::range_of;

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

/// Place in a report, from the outermost key to the innermost.
struct Place<'a> {
    key: &'a str,
    above: Option<&'a Self>,
}

impl Place<'_> {
    fn pointer(&self) -> String {
        let above = self.above.map_or(String::new(), Place::pointer);
        format!("{above}/{}", escaped(self.key))
    }
}

/// Returns the numbers of a report's JSON that cannot be.
pub(super) fn faults(json: &Value) -> Vec<Fault> {
    let mut found = Vec::new();
    if let Value::Object(members) = json {
        for (key, value) in members {
            let place = Place { key, above: None };
            walk(value, key, &place, FaultExtent::Report, &mut found);
        }
    }
    found
}

/// Adds the faults below `place` to `found`. `name` is the name whose end gives the unit.
fn walk(value: &Value, name: &str, place: &Place<'_>, extent: FaultExtent, found: &mut Vec<Fault>) {
    if found.len() > MOST_FAULTS || FREE.contains(&name) {
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
            found.extend(range_of(name).refuses(value).map(|reason| Fault {
                pointer: place.pointer(),
                reason,
                extent,
            }));
        }
        Value::Object(members) => {
            for (key, value) in members {
                let inner = Place {
                    key,
                    above: Some(place),
                };
                // The keys of percentiles have no unit of their own.
                let named = if name == "percentiles_ns" { name } else { key };
                walk(value, named, &inner, below, found);
            }
        }
        Value::Array(elements) => {
            for (index, value) in elements.iter().enumerate() {
                let key = index.to_string();
                let inner = Place {
                    key: &key,
                    above: Some(place),
                };
                walk(value, name, &inner, below, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
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
