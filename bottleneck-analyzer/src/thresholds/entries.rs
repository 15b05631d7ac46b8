//! Entries of a thresholds file that are no plain numbers: gates, and expectations of profiles.

use std::collections::BTreeMap;

use bench_cli::terminal_text::printable;
use bench_report::Parameter;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::error::ThresholdsError;
use super::source_text::SourceText;
use super::values::{kind, unknown};
use crate::assessment::ComponentKind;
use crate::requirement::{GateFigure, Requirement};

/// Gate of a thresholds file: a requirement, and what it is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct GateEntry {
    /// Figure with its bound, as in `p99 < 5s`.
    pub bound: Requirement,
    /// Id of the requirement, as in `9.3`; absent if the gate has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Requirement in the words of its author; absent if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Component that is judged; absent for every component that was loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<ComponentKind>,
    /// Scenario that is judged; absent for every scenario.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario: Option<String>,
    /// Operation that is judged; absent for the slowest, or for all operations together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Parameters of the steps that are judged; empty for the operating point.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub setting: BTreeMap<String, Parameter>,
    /// Profile of the runs that are judged; absent for every run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Name of the processes whose memory is judged; absent for the whole machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
}

impl GateEntry {
    /// Returns a key that is the larger, the more specific the gate is.
    pub(crate) fn rank(&self) -> (bool, bool, bool) {
        (
            self.scenario.is_some(),
            self.component.is_some(),
            self.profile.is_some(),
        )
    }
}

/// Expectations of a profile: what a run under it must show.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ProfileExpectations {
    /// Requirements that every component must meet.
    pub expect: Vec<Requirement>,
    /// True if the objectives on latency and errors are judged as well.
    pub objectives: bool,
}

/// Names that an entry may have.
const GATE_NAMES: [&str; 9] = [
    "bound",
    "id",
    "title",
    "component",
    "scenario",
    "operation",
    "setting",
    "profile",
    "process",
];

/// Reads the gates of the file. Empty if it has none.
///
/// # Errors
/// Fails at the first entry with an unknown name, a wrong type, or a bound that cannot be judged,
/// and at an entry that repeats another one.
pub(super) fn gates(source: &SourceText) -> Result<Vec<GateEntry>, ThresholdsError> {
    let Some(entries) = source.values.get("gate") else {
        return Ok(Vec::new());
    };
    let Some(entries) = entries.as_array() else {
        let reason = format!(
            "gate is {}, and has to be a list of sections",
            kind(entries)
        );
        return Err(source.refuse("gate", reason, "write [[gate]] above each gate"));
    };
    let mut gates: Vec<GateEntry> = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let place = format!("gate.{index}");
        let Some(entry) = entry.as_table() else {
            return Err(source.refuse(&place, "a gate has to be a section", "write [[gate]]"));
        };
        let gate = gate(source, &place, entry)?;
        let same = |other: &GateEntry| {
            let about = |gate: &GateEntry| GateEntry {
                bound: gate.bound,
                title: None,
                ..gate.clone()
            };
            let judged = other.bound.figure.judges_the_same_as(gate.bound.figure);
            let (mut a, mut b) = (about(other), about(&gate));
            (a.bound, b.bound) = (gate.bound, gate.bound);
            judged && a == b
        };
        if gates.iter().any(same) {
            let reason = format!(
                "a gate before this one sets another bound for the same: {}",
                gate.bound
            );
            return Err(source.refuse(
                &place,
                reason,
                "leave one of the two out, or give each an id",
            ));
        }
        gates.push(gate);
    }
    Ok(gates)
}

/// Checks that every profile that a gate names is in `profiles`.
///
/// # Errors
/// Fails at the first one that is not, because such a gate would never be judged.
pub(super) fn check_profiles(
    source: &SourceText,
    gates: &[GateEntry],
    profiles: &BTreeMap<String, ProfileExpectations>,
) -> Result<(), ThresholdsError> {
    for (index, gate) in gates.iter().enumerate() {
        let Some(name) = &gate.profile else { continue };
        if !profiles.contains_key(name) {
            let names: Vec<&str> = profiles.keys().map(String::as_str).collect();
            let place = format!("gate.{index}.profile");
            let reason = format!("there is no profile {name:?}");
            let remedy = format!("add [profiles.{name}], or use one of: {}", names.join(", "));
            return Err(source.refuse(&place, reason, remedy));
        }
    }
    Ok(())
}

/// Reads one gate, and checks that what it names goes together.
fn gate(source: &SourceText, place: &str, entry: &Table) -> Result<GateEntry, ThresholdsError> {
    for name in entry.keys() {
        if !GATE_NAMES.contains(&name.as_str()) {
            let place = format!("{place}.{name}");
            return Err(unknown(
                source,
                &place,
                "name in a gate called",
                GATE_NAMES.into_iter(),
            ));
        }
    }
    let read = |name: &str| text(source, place, entry, name);
    let Some(bound) = read("bound")? else {
        let remedy = "write bound = \"p99 < 5s\"";
        return Err(source.refuse(place, "this gate has no bound", remedy));
    };
    let component = match read("component")? {
        Some(name) => Some(component(source, &format!("{place}.component"), &name)?),
        None => None,
    };
    let gate = GateEntry {
        bound: requirement(source, &format!("{place}.bound"), &bound)?,
        id: read("id")?,
        title: read("title")?,
        component,
        scenario: read("scenario")?,
        operation: read("operation")?,
        setting: setting(source, &format!("{place}.setting"), entry.get("setting"))?,
        profile: read("profile")?,
        process: read("process")?,
    };
    fits_together(source, place, &gate)?;
    Ok(gate)
}

/// Checks that the figure of a gate exists for what the gate names.
fn fits_together(
    source: &SourceText,
    place: &str,
    gate: &GateEntry,
) -> Result<(), ThresholdsError> {
    let figure = gate.bound.figure;
    let at = |name: &str| format!("{place}.{name}");
    let refuse = |name, reason: &str, remedy: &str| {
        let reason = format!("{reason} ({})", gate.bound);
        Err(source.refuse(&at(name), reason, remedy))
    };
    let of_operations = figure.is_latency()
        || matches!(
            figure,
            GateFigure::Errors | GateFigure::Success | GateFigure::Throughput
        );
    if gate.operation.is_some() && !of_operations {
        return refuse(
            "operation",
            "this figure is not of an operation",
            "leave operation out",
        );
    }
    if gate.process.is_some() && figure != GateFigure::MemoryGrowth {
        return refuse(
            "process",
            "only the growth of memory is judged for a process",
            "bound = \"memory growth < 500MB\", or leave process out",
        );
    }
    if figure.is_of_machine() && !gate.setting.is_empty() {
        return refuse(
            "setting",
            "this figure is of the whole run",
            "leave setting out",
        );
    }
    let is_machine = gate.component == Some(ComponentKind::Machine);
    if is_machine && !figure.is_of_machine() {
        return refuse(
            "component",
            "the machine has no requests",
            &format!("component = {}", loaded_components()),
        );
    }
    if let (Some(only), Some(component)) = (ComponentKind::owner_of(figure), gate.component)
        && only != component
    {
        let remedy = format!("component = {:?}", only.name());
        return refuse("component", "this component has no such figure", &remedy);
    }
    Ok(())
}

/// Returns the names of the components that can be loaded, as in `"postgres" or "redis"`.
fn loaded_components() -> String {
    let loaded = ComponentKind::ALL.iter();
    let loaded = loaded.filter(|kind| **kind != ComponentKind::Machine);
    let names: Vec<String> = loaded.map(|kind| format!("{:?}", kind.name())).collect();
    match names.split_last() {
        Some((last, first)) if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => names.concat(),
    }
}

/// Reads the expectations of all profiles of the file, by the profile's name.
///
/// # Errors
/// Fails at the first profile with an unknown name, a wrong type, or a bound that cannot be judged.
pub(super) fn profiles(
    source: &SourceText,
) -> Result<BTreeMap<String, ProfileExpectations>, ThresholdsError> {
    let Some(found) = source.values.get("profiles") else {
        return Ok(BTreeMap::new());
    };
    let section = |place: &str, value: &Value| {
        let reason = format!("{place} is {}, and has to be a section", kind(value));
        source.refuse(place, reason, "write [profiles.NAME]")
    };
    let found = found.as_table().ok_or_else(|| section("profiles", found))?;
    let mut profiles = BTreeMap::new();
    for (name, entry) in found {
        let place = format!("profiles.{name}");
        let entry = entry.as_table().ok_or_else(|| section(&place, entry))?;
        profiles.insert(name.clone(), profile(source, &place, entry)?);
    }
    Ok(profiles)
}

fn profile(
    source: &SourceText,
    place: &str,
    entry: &Table,
) -> Result<ProfileExpectations, ThresholdsError> {
    let mut profile = ProfileExpectations::default();
    for (name, value) in entry {
        let place = format!("{place}.{name}");
        match (name.as_str(), value) {
            ("objectives", Value::Boolean(judged)) => profile.objectives = *judged,
            ("expect", Value::Array(all)) => {
                for (index, bound) in all.iter().enumerate() {
                    let place = format!("{place}.{index}");
                    let bound = bound.as_str().ok_or_else(|| {
                        let reason = format!("{place} is {}, and has to be a text", kind(bound));
                        source.refuse(&place, reason, "write \"p95 < 10s\"")
                    })?;
                    profile.expect.push(requirement(source, &place, bound)?);
                }
            }
            ("objectives", other) => {
                let reason = format!("{place} is {}, and has to be true or false", kind(other));
                return Err(source.refuse(&place, reason, "write objectives = true"));
            }
            ("expect", other) => {
                let reason = format!("{place} is {}, and has to be a list", kind(other));
                return Err(source.refuse(&place, reason, "write expect = [\"p95 < 10s\"]"));
            }
            _ => {
                let known = ["expect", "objectives"].into_iter();
                return Err(unknown(source, &place, "name in a profile called", known));
            }
        }
    }
    Ok(profile)
}

fn requirement(
    source: &SourceText,
    place: &str,
    text: &str,
) -> Result<Requirement, ThresholdsError> {
    text.parse().map_err(|error: String| {
        let (reason, remedy) = error.split_once("; ").unwrap_or((&error, "write p99 < 5s"));
        source.refuse(place, reason, remedy)
    })
}

fn component(
    source: &SourceText,
    place: &str,
    name: &str,
) -> Result<ComponentKind, ThresholdsError> {
    let value = Value::String(name.to_owned());
    value.try_into().map_err(|error: toml::de::Error| {
        let reason = format!("there is no component {name:?}");
        source.refuse(
            place,
            reason,
            error.message().replace("unknown variant", "not"),
        )
    })
}

/// Returns the text called `name` in `entry`; `None` if there is none.
fn text(
    source: &SourceText,
    place: &str,
    entry: &Table,
    name: &str,
) -> Result<Option<String>, ThresholdsError> {
    match entry.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if printable(text) != *text => {
            let place = format!("{place}.{name}");
            let reason = format!("{name} has a character that is not shown");
            let remedy = format!("write {name} = {:?}", printable(text));
            Err(source.refuse(&place, reason, remedy))
        }
        Some(Value::String(text)) if !text.trim().is_empty() => Ok(Some(text.trim().to_owned())),
        Some(Value::String(_)) => {
            let place = format!("{place}.{name}");
            let reason = format!("{name} is empty");
            Err(source.refuse(&place, reason, format!("leave {name} out, or fill it in")))
        }
        Some(other) => {
            let place = format!("{place}.{name}");
            let reason = format!("{name} is {}, and has to be a text", kind(other));
            Err(source.refuse(&place, reason, format!("write {name} = \"{other}\"")))
        }
    }
}

/// Returns the parameters of a setting; empty without one.
fn setting(
    source: &SourceText,
    place: &str,
    value: Option<&Value>,
) -> Result<BTreeMap<String, Parameter>, ThresholdsError> {
    let Some(value) = value else {
        return Ok(BTreeMap::new());
    };
    let like = "write setting = { driver = \"deadpool\", pool_size = 8 }";
    let refuse = |place: &str, value: &Value, wanted: &str| {
        let reason = format!("{place} is {}, and has to be {wanted}", kind(value));
        source.refuse(place, reason, like)
    };
    let table = value
        .as_table()
        .ok_or_else(|| refuse(place, value, "a section"))?;
    if table.is_empty() {
        return Err(source.refuse(place, "setting names no parameter", like));
    }
    let mut setting = BTreeMap::new();
    for (name, value) in table {
        let place = format!("{place}.{name}");
        let parameter = match value {
            Value::String(text) => Parameter::Text(text.clone()),
            Value::Boolean(flag) => Parameter::Flag(*flag),
            Value::Integer(n) if *n >= 0 => Parameter::Integer(n.unsigned_abs()),
            Value::Float(n) if n.is_finite() => Parameter::Number(*n),
            other => return Err(refuse(&place, other, "a text, a number, true or false")),
        };
        setting.insert(name.clone(), parameter);
    }
    Ok(setting)
}
