//! Text about the sessions of a finished run: a table by form of storage, and what it means.

use bench_cli::table::{self, Table};
use bench_report::names::FigureName;
use bench_report::names::steps;
use bench_report::{Report, Step, StepEnd};
use statistics::mean;

use crate::results::group::groups;
use crate::run::workload::Variants;

/// Steps of one form of storage, with any way to connect.
struct FormSteps<'a> {
    name: String,
    steps: Vec<&'a Step>,
}

impl FormSteps<'_> {
    /// Returns the sum of a figure over all steps; `None` if no step has it.
    fn total(&self, name: FigureName) -> Option<f64> {
        let values = self.steps.iter().filter_map(|step| step.value(name));
        values.reduce(|sum, value| sum + value)
    }

    /// Returns the mean memory of a session over the steps that know it; `None` if none does.
    fn session_bytes(&self) -> Option<f64> {
        let each = self.steps.iter();
        let known = each.filter_map(|step| step.value(steps::SESSIONS_EACH_BYTES));
        mean(&known.collect::<Vec<_>>())
    }

    /// Returns the mean rate of log-ins over the completed steps; `None` if there are none.
    fn log_ins_per_s(&self) -> Option<f64> {
        let completed = self.steps.iter().filter(|s| s.end == StepEnd::Completed);
        let log_ins = completed.filter_map(|step| step.operations.get("login"));
        mean(
            &log_ins
                .map(|log_in| log_in.throughput_per_s)
                .collect::<Vec<_>>(),
        )
    }
}

/// Returns the text of a finished run; empty if no step counted anything.
pub(super) fn told(report: &Report, variants: &Variants) -> String {
    let mut forms: Vec<FormSteps<'_>> = Vec::new();
    for group in groups(report, variants) {
        let steps = group.steps.iter().map(|(_, step)| *step);
        let name = group.variant.unwrap_or_default();
        match forms.iter_mut().find(|form| form.name == name) {
            Some(form) => form.steps.extend(steps),
            None => forms.push(FormSteps {
                name,
                steps: steps.collect(),
            }),
        }
    }
    forms.retain(|form| form.total(steps::SESSIONS_LOG_INS).is_some());
    if forms.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{}\n", session_table(&forms));
    text.push_str(&table::paragraph(
        "bytes: memory of a session on the server. Other columns but log-ins count whole steps, \
         with the warm-up, by what the clients know from acknowledgements and later reads.",
        0,
    ));
    for sentence in sentences(&forms) {
        text.push('\n');
        text.push_str(&table::paragraph(&sentence, 0));
    }
    text
}

fn session_table(forms: &[FormSteps<'_>]) -> Table {
    let mut table = Table::new(&[
        "",
        "log-ins",
        "bytes",
        "changes",
        "lost",
        "refused",
        "log-outs",
        "resurrected",
    ]);
    let count = |total: Option<f64>| total.map_or("–".to_owned(), |n| format!("{n:.0}"));
    for form in forms {
        let (log_ins, bytes) = (form.log_ins_per_s(), form.session_bytes());
        table.row(&[
            form.name.clone(),
            log_ins.map_or("–".to_owned(), table::rate),
            bytes.map_or("–".to_owned(), |bytes| table::bytes(bytes as u64)),
            count(form.total(steps::SESSIONS_UPDATES)),
            count(form.total(steps::SESSIONS_LOST_UPDATES)),
            count(form.total(steps::SESSIONS_REFUSED_UPDATES)),
            count(form.total(steps::SESSIONS_LOG_OUTS)),
            count(form.total(steps::SESSIONS_RESURRECTED)),
        ]);
    }
    table
}

/// Returns a sentence for each thing that was found, in the order of its weight.
fn sentences(forms: &[FormSteps<'_>]) -> Vec<String> {
    let mut told = Vec::new();
    let with = |name: FigureName, of: FigureName| with_share(forms, name, of);
    if let Some(which) = with(steps::SESSIONS_LOST_UPDATES, steps::SESSIONS_UPDATES) {
        told.push(format!(
            "The last write wins, and acknowledged changes are lost: {which} of the changes. A \
             request wrote the whole session back as it had loaded it, over the change of another \
             request of the same page view."
        ));
    }
    if let Some(which) = with(steps::SESSIONS_RESURRECTED, steps::SESSIONS_LOG_OUTS) {
        told.push(format!(
            "Log-outs do not hold: {which} of the log-outs. A request that had loaded the session \
             before wrote it again after its removal was acknowledged."
        ));
    }
    told.extend(clean(forms));
    if let Some(which) = with(steps::SESSIONS_REFUSED_UPDATES, steps::SESSIONS_UPDATES) {
        told.push(format!(
            "Writes over a version that had been replaced were refused and repeated: {which} of \
             the changes."
        ));
    }
    for (name, what) in [
        (
            steps::SESSIONS_LOST,
            "Sessions that were gone before the end of their life (evicted, or removed by others)",
        ),
        (
            steps::SESSIONS_OUTLIVED,
            "Abandoned sessions that were still there after their expiry",
        ),
        (
            steps::SESSIONS_ORPHANS,
            "Members of users' indexes whose session had expired; log-outs removed them",
        ),
        (
            steps::SESSIONS_TIMED_OUT,
            "Sessions that expired between two page views, for which --ttl is short",
        ),
        (
            steps::SESSIONS_TOKENS_ACCEPTED_TWICE,
            "CSRF tokens that were accepted more than once",
        ),
        (
            steps::SESSIONS_TOKENS_LOST,
            "CSRF tokens that were refused before the end of their life",
        ),
    ] {
        let found = forms.iter().filter_map(|form| {
            let count = form.total(name).filter(|count| *count > 0.0)?;
            Some(format!("{} {count:.0}", form.name))
        });
        let found: Vec<String> = found.collect();
        if !found.is_empty() {
            told.push(format!("{what}: {}.", found.join(", ")));
        }
    }
    told
}

/// Returns the forms with a count of `name` above 0, each with its share of the count of `of`:
/// `string 9.8 %, indexed 10.2 %`. `None` if there are none.
fn with_share(forms: &[FormSteps<'_>], name: FigureName, of: FigureName) -> Option<String> {
    let shares = forms.iter().filter_map(|form| {
        let count = form.total(name).filter(|count| *count > 0.0)?;
        let whole = form.total(of).filter(|whole| *whole > 0.0)?;
        Some(format!("{} {}", form.name, table::ratio(count / whole)))
    });
    let shares: Vec<String> = shares.collect();
    (!shares.is_empty()).then(|| shares.join(", "))
}

/// Returns a sentence about the forms that made changes and lost none of them; `None` if there are
/// none. It says nothing about a form that was not put to the test.
fn clean(forms: &[FormSteps<'_>]) -> Option<String> {
    let kept = forms.iter().filter_map(|form| {
        let updates = form.total(steps::SESSIONS_UPDATES)?;
        let lost = form.total(steps::SESSIONS_LOST_UPDATES)?;
        (updates > 0.0 && lost == 0.0).then(|| format!("{} ({updates:.0})", form.name))
    });
    let kept: Vec<String> = kept.collect();
    (!kept.is_empty()).then(|| format!("No change was lost of those with {}.", kept.join(", ")))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use bench_report::{Operation, Tool};
    use test_support::empty_step;

    use super::*;

    fn step(store: &str, figures: &[(FigureName, f64)]) -> Step {
        let mut step = Step {
            parameters: BTreeMap::from([
                ("client".to_owned(), "multiplexed".into()),
                ("connections".to_owned(), 1_u64.into()),
                ("store".to_owned(), store.into()),
            ]),
            operations: BTreeMap::from([(
                "login".to_owned(),
                Operation {
                    throughput_per_s: 1_234.0,
                    ..Operation::default()
                },
            )]),
            ..empty_step(store)
        };
        for (name, value) in figures {
            step.figure(*name, *value);
        }
        step
    }

    fn text(steps: Vec<Step>) -> String {
        let tool = Tool {
            name: "redis-bench".into(),
            version: "0".into(),
            commit: None,
        };
        let mut report = Report::begin(tool, "run".into(), "session");
        let names = ["string", "string-cas"].map(str::to_owned).to_vec();
        report.steps = steps;
        let parameter = "store";
        told(&report, &Variants { parameter, names })
    }

    #[test]
    fn lost_changes_are_told_by_form_and_fit_80_columns() {
        let string = |lost| {
            step(
                "string",
                &[
                    (steps::SESSIONS_LOG_INS, 10.0),
                    (steps::SESSIONS_UPDATES, 500_000.0),
                    (steps::SESSIONS_LOST_UPDATES, lost),
                    (steps::SESSIONS_LOG_OUTS, 400_000.0),
                    (steps::SESSIONS_RESURRECTED, 40_000.0),
                    (steps::SESSIONS_LOST, 3.0),
                    (steps::SESSIONS_EACH_BYTES, 704.0),
                ],
            )
        };
        let cas = step(
            "string-cas",
            &[
                (steps::SESSIONS_LOG_INS, 10.0),
                (steps::SESSIONS_UPDATES, 200.0),
                (steps::SESSIONS_LOST_UPDATES, 0.0),
                (steps::SESSIONS_REFUSED_UPDATES, 20.0),
            ],
        );
        let text = text(vec![string(100_000.0), cas, string(50_000.0)]);
        for wanted in [
            "704 B",
            "1000000",
            "150000",
            "last write wins",
            "string 15.0 %",
            "Log-outs do not hold: string 10.0 %",
            "No change was lost of those with string-cas (200)",
            "string-cas 10.0 %",
            "removed by others): string 6",
        ] {
            let unbroken = text.replace("-\n", "-").replace('\n', " ");
            assert!(unbroken.contains(wanted), "{wanted}: {text}");
        }
        let lines = text.lines();
        assert!(
            lines.clone().all(|line| line.chars().count() <= 80),
            "{text}"
        );
    }

    #[test]
    fn a_form_without_a_change_is_not_said_to_keep_all() {
        let idle = step(
            "string",
            &[
                (steps::SESSIONS_LOG_INS, 1.0),
                (steps::SESSIONS_UPDATES, 0.0),
                (steps::SESSIONS_LOST_UPDATES, 0.0),
            ],
        );
        let told = text(vec![idle]);
        assert!(
            !told.contains("was lost") && !told.contains("wins"),
            "{told}"
        );
        assert!(text(vec![step("string", &[])]).is_empty());
    }
}
