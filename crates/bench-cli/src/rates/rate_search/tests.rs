//! Tests of the choice of rates in a search, with made-up verdicts.

use super::*;

const RANGE: (f64, f64) = (1.0, 1e7);

fn broke() -> (RateVerdict, &'static str) {
    (RateVerdict::Broken, "p99 was 80 ms")
}

fn held() -> (RateVerdict, &'static str) {
    (RateVerdict::Held, "")
}

fn doubtful() -> (RateVerdict, &'static str) {
    (RateVerdict::Doubtful, "the generator was saturated")
}

/// Runs a search to its end and returns it. `at` gives the verdict on a step from its rate and the
/// number of steps made at that rate before. Panics if the search does not end within 100 steps.
fn run(
    mut search: RateSearch,
    mut at: impl FnMut(f64, u64) -> (RateVerdict, &'static str),
) -> RateSearch {
    while let Some(rate) = search.next_rate() {
        assert!(search.tried().len() < 100, "no end: {search:?}");
        assert!(search.steps_left() > 0);
        let (verdict, reason) = at(rate, search.steps_at(rate));
        search.record(TriedRate {
            step: search.tried().len(),
            rate_per_s: rate,
            verdict,
            reason: Some(reason.to_owned()),
        });
    }
    assert_eq!(search.steps_left(), 0);
    search
}

/// Returns verdicts of a target that breaks its bounds at every rate above `limit` and holds at
/// others.
fn limited(limit: f64) -> impl FnMut(f64, u64) -> (RateVerdict, &'static str) {
    move |rate, _| if rate > limit { broke() } else { held() }
}

#[test]
fn a_limit_is_bracketed_to_five_percent_and_its_answer_held_in_every_repeat() {
    for limit in [3.0, 137.0, 999.0, 1_000.0, 54_321.0] {
        for start in [1.0, 100.0, 100_000.0] {
            let found = run(RateSearch::new(start, RANGE, 3), limited(limit));
            assert_eq!(found.end(), RateSearchEnd::Bracketed);
            let held = found.held().unwrap();
            let broken = found.broken().unwrap();
            assert!(held <= limit && limit < broken.rate_per_s, "{found:?}");
            assert!(broken.rate_per_s <= held * CLOSE + 1e-9, "{found:?}");
            assert_eq!(broken.reason.as_deref(), Some("p99 was 80 ms"));
            assert_eq!(found.steps_at(held), 3);
            assert!(found.tried().len() < 30, "{found:?}");
        }
    }
}

#[test]
fn the_worst_of_the_repeats_decides() {
    // The rate 800 holds in its first two steps, and breaks in its last repeat. 400 always holds.
    let found = run(RateSearch::new(100.0, RANGE, 3), |rate, before| {
        if rate > 820.0 || (rate > 790.0 && before == 2) {
            broke()
        } else {
            held()
        }
    });
    assert_eq!(found.end(), RateSearchEnd::Bracketed);
    let held = found.held().unwrap();
    assert!(held < 790.0 && held * CLOSE >= 760.0, "{found:?}");
    assert_eq!(found.steps_at(held), 3);
}

#[test]
fn a_break_at_a_rate_undoes_what_held_above_it() {
    let mut calls = 0;
    // The first steps at 200 and 400 hold by luck only; the true limit is 150.
    let found = run(RateSearch::new(100.0, RANGE, 2), |rate, before| {
        calls += 1;
        let is_lucky = before == 0 && rate <= 400.0 && calls < 5;
        if rate > 150.0 && !is_lucky {
            broke()
        } else {
            held()
        }
    });
    let held = found.held().unwrap();
    let broken = found.broken().unwrap().rate_per_s;
    assert!(held <= 150.0 && broken > 150.0, "{found:?}");
    assert_eq!(found.steps_at(held), 2);
}

#[test]
fn the_generators_limit_is_not_the_targets() {
    let found = run(RateSearch::new(100.0, RANGE, 1), |rate, _| {
        if rate > 3_000.0 { doubtful() } else { held() }
    });
    assert_eq!(found.end(), RateSearchEnd::NotJudgedAbove);
    let held = found.held().unwrap();
    assert!(held <= 3_000.0 && held * CLOSE >= 3_000.0, "{held}");
    assert_eq!(
        found.broken(),
        None,
        "nothing is known of the target's limit"
    );
    assert!(found.doubtful().unwrap().rate_per_s > 3_000.0);
}

#[test]
fn a_disturbance_that_passes_decides_nothing() {
    // The first step at each rate is disturbed; the second one can be judged.
    let found = run(RateSearch::new(100.0, RANGE, 1), |rate, before| {
        if before == 0 {
            doubtful()
        } else if rate > 777.0 {
            broke()
        } else {
            held()
        }
    });
    assert_eq!(found.end(), RateSearchEnd::Bracketed);
    let held = found.held().unwrap();
    assert!(held <= 777.0 && held * CLOSE * CLOSE > 777.0, "{found:?}");
}

#[test]
fn a_rate_between_held_and_broken_that_was_never_judged_stays_open() {
    let found = run(RateSearch::new(1_000.0, RANGE, 1), |rate, _| match rate {
        r if r > 600.0 => broke(),
        r if r > 250.0 => doubtful(),
        _ => held(),
    });
    assert_eq!(found.end(), RateSearchEnd::NotJudgedAbove);
    assert!(found.held().unwrap() <= 250.0);
    assert!(found.doubtful().unwrap().rate_per_s <= 500.0);
    assert_eq!(found.broken().unwrap().rate_per_s, 1_000.0);
}

#[test]
fn a_target_that_carries_nothing_is_tried_down_to_the_lowest_rate() {
    let found = run(RateSearch::new(100.0, (10.0, 1e7), 3), limited(0.0));
    assert_eq!(found.end(), RateSearchEnd::NotMet);
    assert_eq!(
        (found.held(), found.broken().unwrap().rate_per_s),
        (None, 10.0)
    );
    let rates: Vec<f64> = found.tried().iter().map(|t| t.rate_per_s).collect();
    assert_eq!(rates, [100.0, 50.0, 25.0, 12.5, 10.0]);
}

#[test]
fn a_target_that_never_breaks_is_tried_up_to_the_highest_rate() {
    let found = run(RateSearch::new(100.0, (1.0, 1_000.0), 3), limited(1e9));
    assert_eq!(found.end(), RateSearchEnd::NotBroken);
    assert_eq!((found.held(), found.broken()), (Some(1_000.0), None));
    assert_eq!(found.steps_at(1_000.0), 3);
}

#[test]
fn where_nothing_can_be_judged_nothing_is_concluded() {
    let found = run(RateSearch::new(100.0, (10.0, 1e7), 3), |_, _| doubtful());
    assert_eq!(found.end(), RateSearchEnd::NotJudged);
    assert_eq!((found.held(), found.broken()), (None, None));
}

#[test]
fn a_search_that_was_cut_short_is_unfinished_and_tells_what_held_so_far() {
    let mut search = RateSearch::new(100.0, RANGE, 2);
    assert_eq!(search.end(), RateSearchEnd::Unfinished);
    search.record(TriedRate {
        step: 0,
        rate_per_s: 100.0,
        verdict: RateVerdict::Held,
        reason: None,
    });
    assert_eq!(search.end(), RateSearchEnd::Unfinished);
    assert_eq!(search.held(), None, "one repeat of two");
    assert_eq!(search.highest_held_so_far(), Some((100.0, 1)));
}
