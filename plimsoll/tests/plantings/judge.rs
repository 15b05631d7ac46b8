//! Judgement whether the first finding of a run is the declared one.

use serde_json::Value;

use crate::planting::Planting;

/// First finding of a run whose kind is not information.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) rule: String,
    /// Thing that the finding names, its title and its detail, separated by ` | `.
    text: String,
    pub(crate) impact: Option<f64>,
}

/// Result of one run with a planted cause. `found` is an error with the reason if the run failed.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) found: Result<Option<Found>, String>,
    pub(crate) is_right: bool,
}

/// Returns the first finding of an assessment, in JSON, whose kind is not information; `None` if
/// there is none.
pub(crate) fn first(assessment: &Value) -> Option<Found> {
    let findings = assessment["findings"].as_array()?;
    let finding = findings.iter().find(|f| f["kind"] != "information")?;
    let text = |name: &str| finding[name].as_str().unwrap_or_default();
    Some(Found {
        rule: text("id").split(':').next().unwrap_or_default().to_owned(),
        text: [text("thing"), text("title"), text("detail")].join(" | "),
        impact: finding["impact"]["ratio"].as_f64(),
    })
}

/// Judges whether the first finding of a run is the declared one: its rule, the things that its
/// text names, and an impact within the tolerance. An error in `assessment` is a wrong result.
pub(crate) fn judge(planting: &Planting, assessment: Result<Value, String>) -> Outcome {
    let found = assessment.map(|assessment| first(&assessment));
    let is_right = matches!(&found, Ok(Some(found)) if fits(planting, found));
    Outcome { found, is_right }
}

fn fits(planting: &Planting, found: &Found) -> bool {
    let declared = &planting.declared;
    let text = found.text.to_lowercase();
    let named = declared
        .things
        .iter()
        .all(|thing| text.contains(&thing.to_lowercase()));
    let near = |impact: f64| (impact - declared.impact).abs() <= declared.tolerance;
    found.rule == declared.finding && named && found.impact.is_some_and(near)
}

impl Outcome {
    /// Returns the result as a cell of the Markdown table in the documentation: right or not, the
    /// rule, and the impact in percent.
    pub(crate) fn cell(&self) -> String {
        let mark = if self.is_right { "yes" } else { "**no**" };
        match &self.found {
            Err(reason) => format!(
                "{mark}: not run ({})",
                reason.lines().next().unwrap_or_default()
            ),
            Ok(None) => format!("{mark}: no finding"),
            Ok(Some(found)) => {
                let impact = found
                    .impact
                    .map_or("–".to_owned(), |i| format!("{:.0} %", i * 100.0));
                format!("{mark}: `{}`, {impact}", found.rule)
            }
        }
    }

    /// Returns the cell, followed by the text of the finding, for the output of the test.
    pub(crate) fn told(&self) -> String {
        let text = self.found.as_ref().ok().and_then(Option::as_ref);
        format!("{} {}", self.cell(), text.map_or("", |found| &found.text))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::planting::{Declared, EIGHT};

    const PLANTING: Planting = Planting {
        name: "a lock",
        declared: Declared {
            finding: "lock_waits",
            things: &["advisory", "42"],
            impact: 0.8,
            tolerance: 0.1,
        },
        server: &[],
        setup: "",
        script: "",
        load: EIGHT,
        beside: &[],
    };

    fn is_right(rule: &str, thing: &str, impact: f64) -> bool {
        let finding = json!({ "id": format!("{rule}:postgres.sweep"), "kind": "problem",
            "thing": thing, "title": "Sessions wait", "impact": { "ratio": impact } });
        let note = json!({ "id": "note:machine", "kind": "information", "title": "a note" });
        judge(&PLANTING, Ok(json!({ "findings": [note, finding] }))).is_right
    }

    #[test]
    fn only_the_declared_finding_with_its_thing_and_figure_is_right() {
        assert!(is_right(
            "lock_waits",
            "Lock:advisory, advisory lock 42",
            0.75
        ));
        assert!(!is_right(
            "cpu_others",
            "Lock:advisory, advisory lock 42",
            0.75
        ));
        assert!(!is_right("lock_waits", "Lock:advisory", 0.75));
        assert!(!is_right(
            "lock_waits",
            "Lock:advisory, advisory lock 42",
            0.5
        ));
        assert!(!judge(&PLANTING, Ok(json!({ "findings": [] }))).is_right);
        assert!(!judge(&PLANTING, Err("no server".to_owned())).is_right);
    }
}
