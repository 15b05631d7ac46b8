//! Text about searches for rates: reason of a result, headline of the report, and tables of steps.

use bench_report::{
    FoundRate, Latency, Operation, QuantileEstimate, RateSearchEnd, RateVerdict, Report, Step,
    TriedRate,
};

use crate::objective::Objective;
use crate::rates::rate_search::RateSearch;
use crate::table::{self, Table};

/// Formats a rate in groups of three digits without a unit: `1,840`. A rate below 100 has one
/// decimal if that is not 0: `12.5`, `10`.
pub(crate) fn per_s(rate: f64) -> String {
    if rate < 99.95 {
        let text = format!("{rate:.1}");
        return text.strip_suffix(".0").unwrap_or(&text).to_owned();
    }
    let digits = format!("{rate:.0}");
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .filter_map(|group| std::str::from_utf8(group).ok())
        .collect();
    groups.join(",")
}

/// Returns the rate of a step and the reason of its verdict, such as `at 1,960/s p99 was 61.0 ms`;
/// without a reason it says that the bounds were kept.
fn shown_at(tried: &TriedRate) -> String {
    let reason = tried.reason.as_deref().unwrap_or("the bounds were kept");
    format!("at {}/s {reason}", per_s(tried.rate_per_s))
}

/// Returns the result of a search with the figures behind it, as a part of a sentence without a
/// full stop.
pub(crate) fn reason(search: &RateSearch) -> String {
    let rate = |rate: Option<f64>| rate.map_or_else(String::new, per_s);
    let broken = search.broken().map(shown_at).unwrap_or_default();
    let doubtful = search.doubtful().map(shown_at).unwrap_or_default();
    let also_broken = if broken.is_empty() {
        String::new()
    } else {
        format!("; {broken}")
    };
    let held = rate(search.held());
    match search.end() {
        RateSearchEnd::Bracketed => {
            let above = rate(search.broken().map(|tried| tried.rate_per_s));
            format!("between {held} and {above} requests/s: {broken}")
        }
        RateSearchEnd::NotJudgedAbove => format!(
            "at least {held} requests/s, and no limit of the target's was found: {doubtful}{also_broken}"
        ),
        RateSearchEnd::NotMet => format!("not met at the lowest rate tried: {broken}"),
        RateSearchEnd::NotBroken => {
            format!("at least {held} requests/s: never broken up to that rate, the highest tried")
        }
        RateSearchEnd::NotJudged => {
            format!("unknown, as no rate could be judged: {doubtful}{also_broken}")
        }
        RateSearchEnd::Unfinished => {
            let so_far = search.highest_held_so_far().map(|(rate, times)| {
                let steps = table::counted(times, "step");
                format!("; {} requests/s held in {steps}", per_s(rate))
            });
            let so_far = so_far.unwrap_or_default();
            format!("unknown, as the search did not come to its end{so_far}{also_broken}")
        }
    }
}

/// Returns the results of all searches in one line, each with its setting and bounds, separated by
/// semicolons.
pub(crate) fn headline(found: &[FoundRate]) -> String {
    let each = found.iter().map(|found| {
        let bounds = found.objectives.join(" and ");
        format!("{}: {bounds} {}", found.subject, found.reason)
    });
    each.collect::<Vec<String>>().join("; ")
}

/// Returns the text output of a run that searched for rates: a heading, a table for each setting
/// and the results. Only the tables may be wider than 80 columns.
pub fn found_rates(report: &Report) -> String {
    let Some(first) = report.summary.found_rates.first() else {
        return "Nothing was measured.\n".to_owned();
    };
    let head = format!(
        "{} {}: highest rate of arrivals that keeps {}, latency from the instant each was due",
        report.tool.name,
        report.scenario,
        first.objectives.join(" and "),
    );
    let mut text = table::paragraph(&head, 0);
    for found in &report.summary.found_rates {
        text += &format!("\n{}:\n", found.subject);
        text += &rates_table(found, report);
    }
    text.push('\n');
    for found in &report.summary.found_rates {
        let told = format!("{}: {}.", found.subject, found.reason);
        text += &table::paragraph(&told, 0);
    }
    text
}

/// Returns a table with one line per rate, rising. Each line shows the steps whose verdict is that
/// of the rate, such as broken. Its carried share and percentiles are the worst of those steps,
/// its errors and unanswered requests their sums.
fn rates_table(found: &FoundRate, report: &Report) -> String {
    let mut rates: Vec<f64> = found.steps.iter().map(|tried| tried.rate_per_s).collect();
    rates.sort_by(f64::total_cmp);
    rates.dedup();
    let percentiles = percentiles(found);
    let mut header = vec!["rate", "steps", "carried"];
    header.extend(percentiles.iter().map(|(name, _)| *name));
    header.extend(["errors", "unanswered", "verdict"]);
    let mut table = Table::new(&header);
    for rate in rates {
        let at_rate = |tried: &&TriedRate| tried.rate_per_s.total_cmp(&rate).is_eq();
        let tried: Vec<&TriedRate> = found.steps.iter().filter(at_rate).collect();
        let verdict = verdict(&tried);
        let deciding = tried.iter().filter(|tried| tried.verdict == verdict);
        let steps = deciding.filter_map(|tried| report.steps.get(tried.step));
        let steps: Vec<&Step> = steps.collect();
        let mut row = vec![format!("{}/s", per_s(rate)), steps.len().to_string()];
        row.extend(figures(&steps, &percentiles));
        row.push(match (verdict, tried.len() - steps.len()) {
            (RateVerdict::Held, 0) => "held".to_owned(),
            (RateVerdict::Held, doubtful) => format!("held, {doubtful} doubtful"),
            (RateVerdict::Broken, _) => "broken".to_owned(),
            (RateVerdict::Doubtful, _) => "not judged".to_owned(),
        });
        table.row(&row);
    }
    table.to_string()
}

/// Returns table cells about `steps`: the smallest share of arrivals that succeeded, the largest
/// value of each percentile, the number of failures and that of unanswered requests, both summed
/// over the steps.
fn figures(steps: &[&Step], percentiles: &[(&str, f64)]) -> Vec<String> {
    let carried = steps.iter().filter_map(|step| step.carried_ratio());
    let carried = carried.min_by(f64::total_cmp);
    // A share above 1 comes from arrivals of the warm-up that were answered in the measured part.
    let carried = carried.map_or("–".to_owned(), |share| table::ratio(share.min(1.0)));
    let worst = percentiles.iter().map(|(_, q)| worst_quantile(steps, *q));
    let operations = || steps.iter().flat_map(|step| step.operations.values());
    let failures: u64 = operations().map(Operation::failures).sum();
    let censored: u64 = operations().map(|o| o.censored).sum();
    let mut cells = vec![carried];
    cells.extend(worst.map(table::quantile));
    cells.extend([failures.to_string(), censored.to_string()]);
    cells
}

/// Returns the percentiles to show, by name and quantile, rising: the median and those that the
/// bounds name, or the 99th if they name none.
fn percentiles(found: &FoundRate) -> Vec<(&'static str, f64)> {
    let objectives = found.objectives.iter().filter_map(|text| text.parse().ok());
    let named = objectives.filter_map(|objective| match objective {
        Objective::Latency { name, quantile, .. } => Some((name, quantile)),
        Objective::Errors { .. } => None,
    });
    let mut all: Vec<(&str, f64)> = [("p50", 0.5)].into_iter().chain(named).collect();
    if all.len() == 1 {
        all.push(("p99", 0.99));
    }
    all.sort_by(|a, b| a.1.total_cmp(&b.1));
    all.dedup_by(|a, b| a.0 == b.0);
    all
}

fn worst_quantile(steps: &[&Step], q: f64) -> Option<QuantileEstimate> {
    let of = |step: &&Step| {
        let latency = Latency::from_operations(step.operations.values());
        latency.ok()?.quantile(q)
    };
    steps.iter().filter_map(of).max_by_key(|found| found.ns)
}

/// Returns the verdict on a rate from the verdicts on its steps: broken if one step broke,
/// doubtful if two or more could not be judged or none held, else held.
fn verdict(tried: &[&TriedRate]) -> RateVerdict {
    let count = |verdict: RateVerdict| tried.iter().filter(|t| t.verdict == verdict).count();
    let doubtful = count(RateVerdict::Doubtful);
    if count(RateVerdict::Broken) > 0 {
        RateVerdict::Broken
    } else if doubtful >= RateSearch::DOUBTS || count(RateVerdict::Held) == 0 {
        RateVerdict::Doubtful
    } else {
        RateVerdict::Held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(tries: &[(f64, RateVerdict, Option<&str>)], repeats: u64) -> String {
        let mut search = RateSearch::new(100.0, (10.0, 400.0), repeats);
        for (step, (rate_per_s, verdict, reason)) in tries.iter().enumerate() {
            assert_eq!(search.next_rate(), Some(*rate_per_s), "{search:?}");
            search.record(TriedRate {
                step,
                rate_per_s: *rate_per_s,
                verdict: *verdict,
                reason: reason.map(str::to_owned),
            });
        }
        reason(&search)
    }

    #[test]
    fn rates_are_told_with_all_their_digits() {
        for (rate, text) in [
            (1.0, "1"),
            (12.5, "12.5"),
            (100.0, "100"),
            (999.0, "999"),
            (1_840.0, "1,840"),
            (12_345_678.0, "12,345,678"),
        ] {
            assert_eq!(per_s(rate), text);
        }
    }

    #[test]
    fn each_end_of_a_search_is_told_with_its_figures() {
        use RateVerdict::{Broken, Doubtful, Held};
        let slow = Some("p99 was 61.0 ms");
        let saturated = Some("p99 was 61.0 ms, but the generator was the limit itself");
        assert_eq!(
            found(
                &[
                    (100.0, Held, None),
                    (200.0, Broken, slow),
                    (141.0, Broken, slow),
                    (119.0, Broken, slow),
                    (109.0, Broken, slow),
                    (104.0, Broken, slow),
                ],
                1
            ),
            "between 100 and 104 requests/s: at 104/s p99 was 61.0 ms"
        );
        assert_eq!(
            found(
                &[
                    (100.0, Broken, slow),
                    (50.0, Broken, slow),
                    (25.0, Broken, slow),
                    (12.5, Broken, slow),
                    (10.0, Broken, slow)
                ],
                1
            ),
            "not met at the lowest rate tried: at 10/s p99 was 61.0 ms"
        );
        let rise = [
            (100.0, Held, None),
            (200.0, Held, None),
            (400.0, Held, None),
        ];
        assert_eq!(
            found(&rise, 1),
            "at least 400 requests/s: never broken up to that rate, the highest tried"
        );
        assert_eq!(
            found(&rise, 2),
            "unknown, as the search did not come to its end; 400 requests/s held in 1 step"
        );
        let spoilt: Vec<_> = [200.0, 141.0, 119.0, 109.0, 104.0]
            .into_iter()
            .flat_map(|rate| [(rate, Doubtful, saturated); 2])
            .collect();
        assert_eq!(
            found(&[&[(100.0, Held, None)], &spoilt[..]].concat(), 1),
            "at least 100 requests/s, and no limit of the target's was found: at 104/s p99 was 61.0 ms, \
             but the generator was the limit itself"
        );
        let spoilt: Vec<_> = [100.0, 50.0, 25.0, 12.5, 10.0]
            .into_iter()
            .flat_map(|rate| [(rate, Doubtful, saturated); 2])
            .collect();
        assert!(found(&spoilt, 1).starts_with("unknown, as no rate could be judged: at 10/s p99"));
    }
}
