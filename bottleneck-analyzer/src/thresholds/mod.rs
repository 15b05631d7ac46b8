//! Thresholds: values of an embedded file with comments. A user's file can replace each value, and add
//! gates and expectations of profiles. What nothing or everything would meet is refused with its line.

mod bench_objectives;
mod entries;
mod error;
mod order;
mod sections;
mod source_text;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use bench_objectives::BenchObjectives;
pub(crate) use entries::{GateEntry, ProfileExpectations};
pub(crate) use error::ThresholdsError;
pub(crate) use sections::{BandBounds, Objectives, Sla};

use sections::{Cache, Cpu, Measurement, Memory, Pool, Waits};
use source_text::SourceText;

/// Text of the thresholds that the analyzer uses unless the user replaces them, in TOML.
pub(crate) const DEFAULTS: &str = include_str!("../../thresholds.toml");

/// Thresholds that rules and gates use; the comments of `thresholds.toml` explain each value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(
    missing_docs,
    reason = "thresholds.toml documents the sections and their values"
)]
pub(crate) struct Thresholds {
    pub objectives: Objectives,
    #[serde(default)]
    pub bands: BandBounds,
    pub sla: Sla,
    pub cpu: Cpu,
    pub memory: Memory,
    pub pool: Pool,
    pub waits: Waits,
    pub cache: Cache,
    pub measurement: Measurement,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub profiles: BTreeMap<String, ProfileExpectations>,
    #[serde(default, rename = "gate", skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<GateEntry>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    #[serde(skip)]
    chosen: BTreeSet<String>,
}

impl Thresholds {
    /// Returns the embedded thresholds, with values from the file `overrides` in place of those of
    /// the same names, and with its gates and profiles.
    ///
    /// # Errors
    /// Fails if the file cannot be read or is not TOML, names an unknown value, or has a
    /// value of the wrong type, or one that nothing or everything would meet.
    pub(crate) fn load(overrides: Option<&Path>) -> Result<Self, ThresholdsError> {
        let shipped = SourceText::parse(Path::new("thresholds.toml"), DEFAULTS)?;
        let Some(path) = overrides else {
            return Self::merge(&shipped, &shipped);
        };
        let text = std::fs::read_to_string(path).map_err(|source| ThresholdsError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::merge(&shipped, &SourceText::parse(path, &text)?)
    }

    fn merge(shipped: &SourceText, given: &SourceText) -> Result<Self, ThresholdsError> {
        values::check(given, &shipped.values)?;
        let mut profiles = entries::profiles(shipped)?;
        profiles.extend(entries::profiles(given)?);
        let gates = entries::gates(given)?;
        entries::check_profiles(given, &gates, &profiles)?;
        let (numbers, chosen) = overlay(shipped, given);
        order::check(given, &numbers)?;
        let merged: Self = numbers.try_into().map_err(|e: toml::de::Error| {
            given.refuse("", e.message(), "compare the file with --print-thresholds")
        })?;
        Ok(Self {
            profiles,
            gates,
            chosen,
            ..merged
        })
    }

    /// Returns these thresholds with the expectations of the profile `name` for every report.
    ///
    /// # Errors
    /// Returns the names of the known profiles, as a list in words, if there is none called `name`.
    pub(crate) fn under(mut self, name: &str) -> Result<Self, String> {
        if !self.profiles.contains_key(name) {
            let names: Vec<&str> = self.profiles.keys().map(String::as_str).collect();
            return Err(names.join(", "));
        }
        self.profile = Some(name.to_owned());
        Ok(self)
    }

    /// Returns true if the user's file sets the value at `place`, as in
    /// `objectives.error_ratio`, to another one than the shipped file.
    pub(crate) fn is_chosen(&self, place: &str) -> bool {
        self.chosen.contains(place)
    }
}

/// Returns the numbers of `shipped` with those of `given` in their place, and the places of values
/// that differ from the shipped ones.
fn overlay(shipped: &SourceText, given: &SourceText) -> (toml::Table, BTreeSet<String>) {
    let mut numbers = shipped.values.clone();
    let mut chosen = BTreeSet::new();
    numbers.retain(|name, _| !values::ENTRIES.contains(&name));
    for (section, base) in &mut numbers {
        let given = given.values.get(section).and_then(toml::Value::as_table);
        let (Some(base), Some(given)) = (base.as_table_mut(), given) else {
            continue;
        };
        for (name, value) in given {
            let value = match (base.get(name), value) {
                // A whole number is accepted where a fraction is expected: 500 instead of 500.0.
                (Some(toml::Value::Float(_)), toml::Value::Integer(n)) => {
                    toml::Value::Float(*n as f64)
                }
                _ => value.clone(),
            };
            if base.get(name) != Some(&value) {
                chosen.insert(format!("{section}.{name}"));
                base.insert(name.clone(), value);
            }
        }
    }
    (numbers, chosen)
}
