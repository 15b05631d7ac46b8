//! Table of all trials, for the documentation, and the status of a harness that is running.

use std::fmt::Write as _;

use crate::trial::{FACTOR, PlantedResult, Trial, TrialResult, percent};

/// Lines of the documentation between which the table stands.
const BEGIN: &str = "<!-- begin: written by make prove -->";
const END: &str = "<!-- end: written by make prove -->";

/// Counts over all trials that count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Totals {
    pub(crate) planted: usize,
    /// Plantings whose finding came first, with its things and its figure.
    pub(crate) right: usize,
    /// Plantings whose finding came first, with its things.
    pub(crate) first: usize,
    /// Plantings whose finding was there at all.
    pub(crate) named: usize,
    /// Plantings with a told and a measured share, and those of which the two agree.
    pub(crate) compared: usize,
    pub(crate) agreeing: usize,
    /// Plantings of which taking them away gave back another share than was declared.
    pub(crate) planted_otherwise: usize,
    pub(crate) healthy: usize,
    pub(crate) false_alarms: usize,
    /// Trials that do not count: disturbed, or not carried out.
    pub(crate) without_count: usize,
}

/// Returns the counts over `trials`.
pub(crate) fn totals(trials: &[&Trial]) -> Totals {
    let mut totals = Totals::default();
    for trial in trials {
        if !trial.counts() {
            totals.without_count += 1;
            continue;
        }
        match &trial.result {
            TrialResult::Healthy { complaints } => {
                totals.healthy += 1;
                totals.false_alarms += usize::from(!complaints.is_empty());
            }
            TrialResult::Planted(planted) => totals.add(planted),
            TrialResult::Failed { .. } => {}
        }
    }
    totals
}

impl Totals {
    fn add(&mut self, planted: &PlantedResult) {
        let judgement = &planted.judgement;
        self.planted += 1;
        self.right += usize::from(judgement.is_right());
        self.first += usize::from(judgement.is_named_first);
        self.named += usize::from(judgement.is_named);
        self.planted_otherwise += usize::from(!planted.is_planted_as_declared());
        // A cause whose removal gave something back, and of which nothing was told, does not agree.
        if planted.measured().is_some() {
            self.compared += 1;
            let agrees = |factor: f64| (1.0 / FACTOR..=FACTOR).contains(&factor);
            self.agreeing += usize::from(planted.factor().is_some_and(agrees));
        }
    }

    /// Returns the counts in words.
    pub(crate) fn told(&self) -> String {
        let of = |part: usize, whole: usize| format!("{part} of {whole}");
        format!(
            "Planted: {}. Named first and rightly: {}; first, whatever its figure: {}; named at all: {}. Told \
             within a factor of {FACTOR} of what taking the cause away gave back: {}. Gave back another share \
             than was declared, so that the planting is off: {}. Healthy runs: {}, false alarms: {}. Trials that \
             do not count, because something else used the machine or they could not be carried out: {}.",
            self.planted,
            of(self.right, self.planted),
            of(self.first, self.planted),
            of(self.named, self.planted),
            of(self.agreeing, self.compared),
            self.planted_otherwise,
            self.healthy,
            self.false_alarms,
            self.without_count
        )
    }
}

/// Returns the status of a harness: what it does `now`, how many of all trials are `done`, and the
/// counts.
pub(crate) fn status(trials: &[&Trial], (done, all): (usize, usize), now: &str) -> String {
    let took: f64 = trials
        .iter()
        .map(|trial| trial.took_s + trial.quiet.waited_s)
        .sum();
    let mean_s = took / trials.len().max(1) as f64;
    let left = match trials.len() {
        0 => "not known".to_owned(),
        _ => format!("about {:.0} min", mean_s * (all - done) as f64 / 60.0),
    };
    let misses = trials
        .iter()
        .filter(|trial| is_amiss(trial))
        .map(|trial| trial.told() + "\n");
    format!(
        "{done} of {all} trials are behind it, {left} left; {now}\n{}\n{}",
        totals(trials).told(),
        misses.collect::<String>()
    )
}

fn is_amiss(trial: &Trial) -> bool {
    match &trial.result {
        TrialResult::Planted(planted) => !trial.counts() || !planted.judgement.is_right(),
        TrialResult::Healthy { complaints } => !trial.counts() || !complaints.is_empty(),
        TrialResult::Failed { .. } => true,
    }
}

/// Returns the table of all trials in Markdown, with the machine and the totals.
pub(crate) fn table(trials: &[&Trial], machine: &str) -> String {
    let commits = |of: fn(&Trial) -> &str| {
        let mut names: Vec<&str> = trials.iter().map(|trial| of(trial)).collect();
        names.sort_unstable();
        names.dedup();
        names.join(", ")
    };
    let mut text = format!(
        "Ran by {}, judged by {}; {machine}.\n\n{}\n\n",
        commits(|trial| &trial.ran_by),
        commits(|trial| &trial.judged_by),
        totals(trials).told()
    );
    text.push_str(
        "| Planted | Severity | Declared | First | At all | Told | Measured | Told ÷ measured |\n",
    );
    text.push_str("|---|---|---|---|---|---|---|---|\n");
    for trial in trials {
        if let TrialResult::Planted(planted) = &trial.result {
            let _ = writeln!(text, "{}", row(trial, planted));
        }
    }
    for trial in trials.iter().filter(|trial| is_amiss(trial)) {
        if !matches!(&trial.result, TrialResult::Planted(planted) if planted.judgement.is_named_first)
        {
            let _ = write!(text, "\n- {}", trial.told().replace('\n', " "));
        }
    }
    text
}

fn row(trial: &Trial, planted: &PlantedResult) -> String {
    let (judgement, severity) = (&planted.judgement, &planted.severity);
    let yes = |is: bool| if is { "yes" } else { "**no**" };
    let share = severity.share.map_or(String::new(), |share| {
        format!(
            ", {:.0} % ± {:.0}",
            share * 100.0,
            severity.tolerance * 100.0
        )
    });
    let measured = if planted.is_planted_as_declared() {
        ""
    } else {
        " **(not as declared)**"
    };
    let factor = planted
        .factor()
        .map_or("–".to_owned(), |factor| format!("{factor:.2}"));
    let disturbed = if trial.quiet.is_disturbed {
        " (disturbed)"
    } else {
        ""
    };
    let figure = if judgement.is_as_declared {
        ""
    } else {
        " **(not as declared)**"
    };
    format!(
        "| {}{disturbed} | {} | `{}`: {}{share} | {} | {} | {}{figure} | {}{measured} | {factor} |",
        trial.name,
        severity.name,
        planted.declared.rule,
        planted.declared.things.join(", "),
        yes(judgement.is_named_first),
        yes(judgement.is_named),
        percent(judgement.told),
        percent(planted.measured())
    )
}

/// Returns the documentation `text` with `table` between its two marks.
///
/// # Errors
/// Fails with a sentence if the marks are not there.
pub(crate) fn placed(text: &str, table: &str) -> Result<String, String> {
    let (before, rest) = text
        .split_once(BEGIN)
        .ok_or("the mark of the table's begin is missing")?;
    let (_, after) = rest
        .split_once(END)
        .ok_or("the mark of the table's end is missing")?;
    Ok(format!(
        "{before}{BEGIN}\n\n{}\n\n{END}{after}",
        table.trim_end()
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::judge::Judgement;
    use crate::measured_run::MeasuredRun;
    use crate::planting::{DeclaredFigure, DeclaredFinding, Severity};
    use crate::trial::Quietness;

    fn run(mean_ms: f64) -> MeasuredRun {
        MeasuredRun {
            mean_ms: Some(mean_ms),
            arrivals_per_s: 10.0,
            carried_per_s: 10.0,
            failed_ratio: 0.0,
            versions: BTreeMap::new(),
        }
    }

    fn trial(result: TrialResult) -> Trial {
        Trial {
            id: "postgres/hot-row/mild".to_owned(),
            group: "PostgreSQL".to_owned(),
            name: "hot row".to_owned(),
            digest: String::new(),
            ran_by: "aaaa".to_owned(),
            judged_by: "bbbb".to_owned(),
            started_at_s: 0,
            took_s: 20.0,
            quiet: Quietness::default(),
            result,
        }
    }

    /// A planted cause that was declared as half of the response time, and of which `told` was told.
    fn planted(is_named_first: bool, told: Option<f64>, without_ms: f64) -> Trial {
        let is_as_declared = told.is_some_and(|told| (told - 0.5).abs() <= 0.1);
        trial(TrialResult::Planted(Box::new(PlantedResult {
            declared: DeclaredFinding {
                rule: "lock_waits".to_owned(),
                things: vec!["stock".to_owned()],
                figure: DeclaredFigure::ResponseTime,
                is_information: false,
            },
            severity: Severity {
                name: "mild".to_owned(),
                share: Some(0.5),
                tolerance: 0.1,
                values: BTreeMap::new(),
            },
            judgement: Judgement {
                first: Some("lock_waits: x".to_owned()),
                is_named_first,
                is_named: told.is_some(),
                told,
                is_as_declared,
            },
            with: run(20.0),
            without: Some(run(without_ms)),
        })))
    }

    #[test]
    fn the_totals_count_what_was_named_what_agrees_and_the_false_alarms() {
        let healthy = trial(TrialResult::Healthy {
            complaints: Vec::new(),
        });
        let alarm = trial(TrialResult::Healthy {
            complaints: vec!["a problem".to_owned()],
        });
        let failed = trial(TrialResult::Failed {
            reason: "no server".to_owned(),
        });
        let mut disturbed = planted(true, Some(0.5), 10.0);
        disturbed.quiet.is_disturbed = true;
        // Told 0.5 where half came back; told 0.8 where a tenth came back; nothing told.
        let (right, wrong, missed) = (
            planted(true, Some(0.5), 10.0),
            planted(true, Some(0.8), 18.0),
            planted(false, None, 10.0),
        );
        let trials = [
            &healthy, &alarm, &failed, &disturbed, &right, &wrong, &missed,
        ];
        let expected = Totals {
            planted: 3,
            right: 1,
            first: 2,
            named: 2,
            compared: 3,
            agreeing: 1,
            planted_otherwise: 1,
            healthy: 2,
            false_alarms: 1,
            without_count: 2,
        };
        assert_eq!(totals(&trials), expected);
        let status = status(&trials, (7, 10), "runs x");
        assert!(
            status.starts_with("7 of 10 trials are behind it, about 1 min left; runs x\n"),
            "{status}"
        );
        assert!(
            status.contains("FALSE ALARM") && status.contains("no server"),
            "{status}"
        );
    }

    #[test]
    fn a_row_tells_what_was_declared_told_and_measured_and_stands_between_the_marks() {
        let wrong = planted(true, Some(0.8), 18.0);
        let table = table(&[&wrong], "2 cores");
        let row = "| hot row | mild | `lock_waits`: stock, 50 % ± 10 | yes | yes | 80 % **(not as declared)** | 10 % **(not as declared)** | 8.00 |";
        assert!(table.contains(row), "{table}");
        assert!(
            table.starts_with("Ran by aaaa, judged by bbbb; 2 cores."),
            "{table}"
        );
        let text = format!("# Title\n{BEGIN}\nstale\n{END}\nrest\n");
        let placed = placed(&text, &table).unwrap();
        assert!(placed.contains(row) && !placed.contains("stale") && placed.ends_with("\nrest\n"));
        assert!(super::placed("nothing", &table).is_err());
    }
}
