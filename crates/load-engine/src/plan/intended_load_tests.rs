//! Tests of the load that a step is to make.

use std::time::Duration;

use bench_report::Pacing;

use super::intended_load::IntendedLoad;
use super::load_curve::LoadCurve;
use super::load_plan::LoadPlan;
use super::rate_curve::RateCurve;
use super::step_plan::StepPlan;
use super::think_time::ThinkTime;

fn plan(load: LoadPlan, curve: &str) -> StepPlan {
    let measure = Duration::from_secs(9);
    let curve: LoadCurve = curve.parse().unwrap();
    let mut plan = StepPlan::new("", load, measure).following(curve.over(measure).unwrap());
    plan.warmup = Duration::from_secs(2);
    plan
}

#[test]
fn the_mean_rate_of_each_interval_is_told_and_the_users_at_its_end() {
    let open = LoadPlan::Open {
        rate_per_s: 0.0,
        pacing: Pacing::Constant,
        in_flight_cap: 8,
    };
    let plan_of_rate = plan(open, "spike:20,200/3s");
    assert_eq!(
        plan_of_rate.load.reported(0),
        bench_report::Load::Open {
            rate_per_s: 80.0,
            pacing: Pacing::Constant,
            in_flight_cap: 8,
            delayed_at_cap: 0,
        }
    );
    let rate = plan_of_rate.intended_load().unwrap();
    let mean = |from, to| (rate.between(from, to) * 1e6).round() / 1e6;
    // A warm-up of 2 s at 20, 2 s before the spike, 3 s of it, 4 s after it.
    for (from, to, wanted) in [
        (0.0, 1.0, 20.0),
        (3.0, 5.0, 110.0),
        (4.0, 7.0, 200.0),
        (7.0, 11.0, 20.0),
    ] {
        assert_eq!(mean(from, to), wanted, "{from}..{to}");
    }
    let closed = LoadPlan::Closed {
        users: 1,
        think_time: ThinkTime::NONE,
    };
    let plan_of_users = plan(closed, "spike:2,8/3s").spawning(2.0);
    assert_eq!(plan_of_users.load.sessions(), 8);
    let users = plan_of_users.intended_load().unwrap();
    let at = [0.6, 1.9, 4.6, 6.9, 7.1].map(|t| users.between(t - 0.1, t));
    assert_eq!(at, [1.0, 2.0, 3.0, 7.0, 2.0], "two a second may start");
}

#[test]
fn a_change_counts_from_its_instant_and_asks_for_the_sessions_that_it_needs() {
    let users = |users| LoadPlan::Closed {
        users,
        think_time: ThinkTime::NONE,
    };
    let plan = StepPlan::new("", users(4), Duration::from_secs(10));
    let constant = |value, s| RateCurve::constant(value, Duration::from_secs(s)).unwrap();
    let mut load = plan.intended_load().unwrap();
    assert_eq!(load.sessions(&plan.load), 4);
    load.change_at(6.0, constant(9.0, 4));
    assert_eq!([5.9, 6.1].map(|t| load.between(t, t)), [4.0, 9.0]);
    assert_eq!((load.sessions(&plan.load), load.peak()), (9, 9.0));
    load.change_at(6.0, constant(2.0, 4));
    assert_eq!([5.9, 6.1].map(|t| load.between(t, t)), [4.0, 2.0]);
    assert_eq!(load.sessions(&plan.load), 4);
    assert!(matches!(load, IntendedLoad::Users(_)));

    let open = LoadPlan::Open {
        rate_per_s: 100.0,
        pacing: Pacing::Constant,
        in_flight_cap: 8,
    };
    let plan = StepPlan::new("", open, Duration::from_secs(10));
    let mut load = plan.intended_load().unwrap();
    load.change_at(5.0, constant(300.0, 5));
    assert_eq!(load.between(0.0, 10.0), 200.0, "the mean of both halves");
    assert_eq!(load.between(4.0, 6.0), 200.0);
    assert_eq!(load.sessions(&plan.load), 8, "the cap stays");
}
