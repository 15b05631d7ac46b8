//! Steps of a report that belong to a search for a rate.
//!
//! A search overloads its target on purpose. A step above the rate that was found is evidence for the upper
//! end of the found interval. It is not a setting of its own, and its failures are no problem by themselves.

use bench_cli::Objective;
use bench_report::{FoundRate, RateSearchEnd, RateVerdict, Report};

/// Returns true if step `index` shows the limit of its setting. A step of a search does so only if
/// the search found a limit and the step stands for its result; a step of no search always does.
pub(crate) fn shows_limit(report: &Report, index: usize) -> bool {
    let found = report.summary.search_of_step(index);
    found.is_none_or(|(_, search, tried)| {
        search.end == RateSearchEnd::Bracketed && search.stands_for_result(tried)
    })
}

/// Returns the bounds that a search keeps as text, such as `p99<50ms and errors<1%`.
pub(crate) fn bounds(search: &FoundRate) -> String {
    search.objectives.join(" and ")
}

/// Returns the verdict of a search on step `index`, for labels, such as `tried by the search: broke a bound`.
/// `None` if the step belongs to no search.
pub(crate) fn verdict(report: &Report, index: usize) -> Option<&'static str> {
    let (_, search, tried) = report.summary.search_of_step(index)?;
    Some(match tried.verdict {
        RateVerdict::Held if search.stands_for_result(tried) => "result of the search",
        RateVerdict::Held => "tried by the search: held",
        RateVerdict::Broken => "tried by the search: broke a bound",
        RateVerdict::Doubtful => "tried by the search: not judged",
    })
}

/// Returns the objectives of a search that bound a percentile of latency, in their order. Texts of
/// another form, as a later version may write, are left out.
pub(crate) fn latency_objectives(search: &FoundRate) -> impl Iterator<Item = Objective> {
    let read = search.objectives.iter().map(|text| text.parse());
    read.filter_map(Result::ok)
        .filter(|objective| matches!(objective, Objective::Latency { .. }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bench_report::{Tool, TriedRate};

    fn report(steps: &[(f64, RateVerdict)], held_per_s: Option<f64>) -> Report {
        let tool = Tool {
            name: "redis-bench".into(),
            version: "0.1.0".into(),
            commit: None,
        };
        let mut report = Report::begin(tool, "run".into(), "pool");
        let steps = steps.iter().enumerate();
        let tried = steps.map(|(step, (rate_per_s, verdict))| TriedRate {
            step,
            rate_per_s: *rate_per_s,
            verdict: *verdict,
            reason: None,
        });
        report.summary.found_rates.push(FoundRate {
            subject: "pool of 8".into(),
            objectives: vec!["p99<50ms".into()],
            repeats: 1,
            held_per_s,
            broken_per_s: None,
            end: RateSearchEnd::Unfinished,
            reason: String::new(),
            steps: tried.collect(),
        });
        report
    }

    fn stand(report: &Report) -> Vec<usize> {
        let count = report.summary.found_rates[0].steps.len();
        (0..count)
            .filter(|i| !report.summary.is_on_the_way(*i))
            .collect()
    }

    #[test]
    fn what_held_stands_for_a_search_and_what_was_tried_on_the_way_does_not() {
        use RateVerdict::{Broken, Doubtful, Held};
        let found = [
            (100.0, Held),
            (200.0, Broken),
            (150.0, Doubtful),
            (150.0, Held),
            (175.0, Broken),
        ];
        assert_eq!(stand(&report(&found, Some(150.0))), [3]);
        assert!(
            !shows_limit(&report(&found, Some(150.0)), 3),
            "no end, no limit"
        );
        // The search has not ended: 150/s may break a bound in the next step, but it is the best result so
        // far.
        assert_eq!(stand(&report(&found[..4], None)), [3]);
        // A rate that broke a bound once does not hold.
        assert_eq!(
            stand(&report(&[(100.0, Held), (100.0, Broken)], None)),
            [0, 1]
        );
        // No rate held. The lowest rate then stands for the result, because it did not overload the target on
        // purpose.
        let broken = [
            (100.0, Broken),
            (50.0, Broken),
            (10.0, Broken),
            (10.0, Doubtful),
        ];
        assert_eq!(stand(&report(&broken, None)), [2, 3]);
        assert!(
            !report(&found, None).summary.is_on_the_way(9),
            "of no search"
        );
    }

    #[test]
    fn objectives_on_latency_are_read_as_a_bench_writes_them() {
        let mut report = report(&[(100.0, RateVerdict::Held)], None);
        let search = &mut report.summary.found_rates[0];
        search.objectives = ["p999<1s 500ms", "errors<1%", "p98<1s", "of a later version"]
            .map(str::to_owned)
            .into();
        let read: Vec<String> = latency_objectives(search).map(|o| o.to_string()).collect();
        assert_eq!(read, ["p999<1s 500ms"]);
    }
}
