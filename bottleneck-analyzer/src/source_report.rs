//! Report together with the JSON that it was read from, so that evidence can point at every figure.

use std::path::{Path, PathBuf};

use bench_report::names::{self, Place, reads};
use bench_report::store::{self, ReportDocument};
use bench_report::{Report, Warning, WarningCode};
use serde_json::Value;

use crate::assessment::{ComponentKind, EvidenceItem};
use crate::json_pointer::{escape, unescape};
use crate::{figures, requests};

/// Label for requests that had no answer when the drain of their step ended.
pub(crate) const NEVER_CAME_BACK: &str = "never came back";

/// One report, as types and as the JSON that it was read from.
#[derive(Debug, Clone)]
pub(crate) struct SourceReport {
    /// File name of the report, which evidence refers to.
    pub(crate) file: String,
    /// Path that the report was read from.
    pub(crate) path: PathBuf,
    /// Content of the report as types.
    pub(crate) report: Report,
    /// Content of the report as JSON, without its series.
    pub(crate) raw: Value,
}

impl SourceReport {
    /// Creates the report that was read from the file at `path`.
    pub(crate) fn new(path: &Path, document: ReportDocument) -> Self {
        let file = path.file_name().unwrap_or(path.as_os_str());
        Self {
            file: file.to_string_lossy().into_owned(),
            path: path.to_owned(),
            report: document.report,
            raw: document.json,
        }
    }

    /// Returns the component that the report is about; `None` for an unknown tool.
    pub(crate) fn component(&self) -> Option<ComponentKind> {
        ComponentKind::of_tool(&self.report.tool.name)
    }

    /// Returns the report's title as shown to people, component and scenario: `PostgreSQL sweep`.
    pub(crate) fn title(&self) -> String {
        let component = self.component().unwrap_or(ComponentKind::Machine);
        format!("{} {}", component.title(), self.report.scenario)
    }

    /// Returns the value at the JSON pointer `pointer` as evidence called `label`; `None` if the
    /// report has no single value there.
    pub(crate) fn evidence(&self, label: impl Into<String>, pointer: &str) -> Option<EvidenceItem> {
        let value = store::value_at(&self.report, &self.raw, pointer)?;
        let label = label.into();
        let named = self.named_figure(pointer);
        if let Some((place, name)) = &named {
            reads::note(*place, name);
        }
        // A figure that no rule gave words is told in the words of the registry.
        let words = named.filter(|(_, name)| *name == label);
        let words = words.and_then(|(place, name)| words_of(place, &name));
        Some(EvidenceItem {
            label: words.unwrap_or(label),
            file: self.file.clone(),
            pointer: pointer.to_owned(),
            shown: self.show(pointer, &value),
            value,
            spoiled: self.spoiled(pointer),
        })
    }

    /// Returns the place and the name of the figure, column or series that contains `pointer`; `None` for
    /// other fields of a report.
    fn named_figure(&self, pointer: &str) -> Option<(Place, String)> {
        let parts: Vec<&str> = pointer.split('/').collect();
        let (place, name) = match parts.as_slice() {
            ["", "steps", _, "figures", name] => (Place::Step, *name),
            ["", "steps", _, "server", "figures", name] => (Place::Server, *name),
            ["", "steps", _, "server", "tables", table, _, _, column] => {
                (Place::Table(names::table(&unescape(table))?), *column)
            }
            ["", "summary", "figures", name] => (Place::Summary, *name),
            ["", "series", index, ..] => return Some((Place::Series, self.series_name(index))),
            _ => return None,
        };
        Some((place, unescape(name)))
    }

    /// Returns the numbers of requests in step `index` as evidence, for each operation: successful
    /// ones, failed ones by kind, unanswered ones. Empty if there is no such step.
    pub(crate) fn outcomes(&self, index: usize) -> Vec<EvidenceItem> {
        let Some(step) = self.report.steps.get(index) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for (name, operation) in requests::request_operations(step) {
            let base = format!("/steps/{index}/operations/{}", escape(name));
            let mut count = |what: &str, field: &str| {
                found.extend(self.evidence(format!("{name}: {what}"), &format!("{base}/{field}")));
            };
            count("succeeded", "succeeded");
            for kind in operation.errors.keys() {
                count(kind, &format!("errors/{}", escape(kind)));
            }
            if operation.censored > 0 {
                count(NEVER_CAME_BACK, "censored");
            }
        }
        found
    }

    /// Iterates over the warnings that make the figure at `pointer` doubtful. What disturbed the server is not among
    /// them: the figures tell what it cost, and the rules look for it.
    pub(crate) fn spoiling<'a>(&'a self, pointer: &'a str) -> impl Iterator<Item = &'a Warning> {
        self.report
            .warnings
            .iter()
            .filter(|warning| warning.code != WarningCode::DisturbedServer)
            .filter(move |warning| warning.spoils(pointer))
    }

    /// Returns true if a warning makes the figure at `pointer` doubtful.
    pub(crate) fn spoiled(&self, pointer: &str) -> bool {
        self.spoiling(pointer).next().is_some()
    }

    /// Returns the code of warning `index` as written in the report, also one that this version does
    /// not know; empty if there is no such warning.
    pub(crate) fn warning_code(&self, index: usize) -> String {
        let written = self.raw.pointer(&format!("/warnings/{index}/code"));
        let written = written.and_then(Value::as_str).map(str::to_owned);
        let known = || Some(code_name(self.report.warnings.get(index)?.code));
        written.or_else(known).unwrap_or_default()
    }

    fn show(&self, pointer: &str, value: &Value) -> String {
        let Some(number) = value.as_f64() else {
            return value.as_str().map_or(value.to_string(), str::to_owned);
        };
        figures::show(&self.unit_name(pointer), number)
    }

    /// Returns the name of the series that has the key `index` in a pointer; empty if there is none.
    fn series_name(&self, index: &str) -> String {
        let index = index.parse::<usize>().ok();
        let series = index.and_then(|index| self.report.series.get(index));
        series.map_or(String::new(), |series| series.name.clone())
    }

    /// Returns the name whose suffix gives the unit of the value at `pointer`. For a point of a series and for
    /// a growth it is the name of the series, for the time of a point `at_ns`, for a percentile
    /// `percentiles_ns`, for the value of a warning the unit of what the warning is about, else the last key
    /// of the pointer.
    fn unit_name(&self, pointer: &str) -> String {
        let parts: Vec<&str> = pointer.split('/').collect();
        if let ["", "warnings", index, "value"] = parts.as_slice() {
            let index = index.parse::<usize>().ok();
            let warning = index.and_then(|index| self.report.warnings.get(index));
            return warning
                .map_or("", |warning| unit_of_warning(warning.code))
                .to_owned();
        }
        if let ["", "series", index, field, ..] = parts.as_slice() {
            return match *field {
                "at_ns" => "at_ns".to_owned(),
                _ => self.series_name(index),
            };
        }
        if let ["", "summary", "growth", index, field] = parts.as_slice() {
            let index = index.parse::<usize>().ok();
            let growth = index.and_then(|index| self.report.summary.growth.get(index));
            let series = growth.map_or("", |growth| &growth.series);
            return match *field {
                "per_s" => format!("{series}_per_s"),
                "grown" => series.to_owned(),
                other => other.to_owned(),
            };
        }
        let last = parts.last().copied().unwrap_or_default();
        let parent = parts.len().checked_sub(2).map_or("", |i| parts[i]);
        let named_by_parent = parent == "percentiles_ns";
        unescape(if named_by_parent { parent } else { last })
    }
}

/// Returns the words for a figure of the registry, and for one of a family its member: `mean number of sessions
/// that wait for an event: Lock.tuple`. `None` for a name that the registry does not have.
fn words_of(place: Place, name: &str) -> Option<String> {
    let entry = names::find(place, name)?;
    let meaning = entry.meaning.trim().trim_end_matches('.');
    // The rest is an example of a member.
    let meaning = meaning.split(", as `").next().unwrap_or(meaning);
    // The value is shown with its unit.
    let units = [", in seconds", ", in milliseconds", ", in microseconds"];
    let meaning = units
        .iter()
        .fold(meaning, |text, unit| text.trim_end_matches(unit));
    let mut letters = meaning.chars();
    let first = letters.next()?;
    let is_acronym = letters.as_str().starts_with(char::is_uppercase);
    let words = if is_acronym {
        meaning.to_owned()
    } else {
        first.to_lowercase().chain(letters).collect()
    };
    Some(match entry.member(name) {
        Some(member) => format!("{words}: {member}"),
        None => words,
    })
}

/// Returns the unit of the value that caused a warning, as [`figures::show`] knows it; empty for a count.
fn unit_of_warning(code: WarningCode) -> &'static str {
    match code {
        WarningCode::GeneratorSaturated
        | WarningCode::GeneratorThreadSaturated
        | WarningCode::PacingLag
        | WarningCode::InFlightCapReached => "ratio",
        WarningCode::GeneratorStalled => "ns",
        _ => "",
    }
}

/// Returns the code of a warning as written in JSON: `pacing_lag`.
pub(crate) fn code_name(code: WarningCode) -> String {
    let name = serde_json::to_value(code).ok();
    name.and_then(|n| n.as_str().map(str::to_owned))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bench_report::names::FigureName;
    use bench_report::{Series, Tool};

    fn source() -> SourceReport {
        let tool = Tool {
            name: "sysmon".into(),
            version: "0".into(),
            commit: None,
        };
        let mut report = Report::begin(tool, "r".into(), "record");
        let own = bench_report::names::summaries::OWN_CPU_NS;
        report.summary.figure(own, 1_500_000.0);
        report.summary.figures.insert("a/b_ratio".to_owned(), 0.5);
        let mut series = Series::new("cpu.busy_ratio");
        series.push(1, Some(0.975));
        report.series.push(series);
        let mut doubt = Warning::new(WarningCode::DisturbedMachine, "shared");
        doubt.spoils.push("/summary/figures/own.cpu_ns".into());
        report.warnings.push(doubt);
        let raw = serde_json::to_value(&report).unwrap();
        SourceReport {
            file: "sysmon.record.json".into(),
            path: "sysmon.record.json".into(),
            report,
            raw,
        }
    }

    #[test]
    fn evidence_shows_the_unit_that_the_name_tells() {
        let s = source();
        let shown = |pointer| s.evidence("x", pointer).unwrap().shown;
        assert_eq!(shown("/summary/figures/own.cpu_ns"), "1.50 ms");
        assert_eq!(shown("/series/0/mean/0"), "97.5 %");
        let keyed = format!("/summary/figures/{}", escape("a/b_ratio"));
        assert_eq!(shown(&keyed), "50.0 %");
    }

    #[test]
    fn a_figure_without_words_of_its_own_is_told_in_those_of_the_registry() {
        let words = |name: FigureName| words_of(Place::Server, name.as_str()).unwrap();
        let load_cpu = words(names::postgres::SERVER_LOAD_CPU_NS);
        assert_eq!(load_cpu, "CPU time of the load's sessions");
        let fork = words(names::redis::LATEST_FORK_US);
        assert_eq!(fork, "time of the latest fork");
        let tuple = names::postgres::WAITS.of("Lock.tuple");
        let waits = words_of(Place::Server, &tuple).unwrap();
        assert_eq!(
            waits,
            "mean number of sessions that wait for an event: Lock.tuple"
        );
        assert_eq!(words_of(Place::Server, "never.heard_of"), None);
    }

    #[test]
    fn what_disturbed_the_server_makes_no_figure_doubtful() {
        let mut s = source();
        for code in [WarningCode::DisturbedServer, WarningCode::ServerDiffers] {
            let mut warning = Warning::new(code, "a fork");
            warning.spoils.push("/series/0".into());
            s.report.warnings = vec![warning];
            let is_spoiled = code == WarningCode::ServerDiffers;
            assert_eq!(s.spoiled("/series/0/mean/0"), is_spoiled, "{code:?}");
        }
    }

    #[test]
    fn the_value_of_a_warning_has_the_unit_of_what_it_is_about() {
        let mut s = source();
        let late = Warning::new(WarningCode::PacingLag, "late").with_figures(0.38, 0.1);
        let stalled = Warning::new(WarningCode::GeneratorStalled, "late").with_figures(2e8, 1e8);
        s.report.warnings = vec![late, stalled];
        s.raw = serde_json::to_value(&s.report).unwrap();
        let shown = |pointer| s.evidence("x", pointer).unwrap().shown;
        assert_eq!(shown("/warnings/0/value"), "38.0 %");
        assert_eq!(shown("/warnings/1/value"), "200 ms");
    }

    #[test]
    fn evidence_that_does_not_resolve_cannot_be_made() {
        assert!(source().evidence("x", "/summary/figures/none").is_none());
        assert!(source().evidence("x", "/series/0/mean").is_none());
    }

    #[test]
    fn evidence_knows_whether_a_warning_spoils_it() {
        let s = source();
        assert!(
            s.evidence("x", "/summary/figures/own.cpu_ns")
                .unwrap()
                .spoiled
        );
        assert!(!s.evidence("x", "/series/0/mean/0").unwrap().spoiled);
    }
}
