//! Tests of loads that are changed while their step runs: the requested load is made exactly, and
//! the report shows it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::float_cmp)]

#[path = "../known/mod.rs"]
mod known;
mod loopback;
mod refusals;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use bench_report::{Load, Series, StepEnd, StepSegment};
use known::{Known, KnownFactory, closed, hit, open};
use load_engine::{
    AppliedChange, Cancel, ChangeError, LoadControl, LoadCurve, Observer, RuntimeKind,
    SessionOpening, StepPlan, StepResult, TargetFactory, ThinkTime, Tick, run_requests,
};

const MS: fn(u64) -> Duration = Duration::from_millis;

/// Observer that sends the load control of a step to another thread through a channel.
struct HandsOver(Sender<LoadControl>);

impl Observer for HandsOver {
    fn load_control(&mut self, control: &LoadControl) {
        let _ = self.0.send(control.clone());
    }
}

/// Runs a step while another thread calls `change` with the step's load control. Returns the step's
/// result and the return value of `change`.
fn run_and_change<F: TargetFactory, T: Send + 'static>(
    plan: &StepPlan,
    factory: &Arc<F>,
    change: impl FnOnce(&LoadControl) -> T + Send + 'static,
) -> (StepResult, T) {
    let (sender, received) = mpsc::channel();
    let changing: JoinHandle<T> = std::thread::spawn(move || change(&received.recv().unwrap()));
    let result = run_requests(plan, factory, &Cancel::new(), &mut HandsOver(sender)).unwrap();
    (result, changing.join().unwrap())
}

fn known(known: Known) -> Arc<KnownFactory> {
    Arc::new(KnownFactory(Arc::new(known)))
}

fn series<'a>(result: &'a StepResult, name: &str) -> &'a Series {
    result.series.iter().find(|s| s.name == name).unwrap()
}

fn names(result: &StepResult) -> Vec<&str> {
    let segments = result.step.segments.iter();
    segments.map(|segment| segment.name.as_str()).collect()
}

fn wait_for(count: &AtomicU64, least: u64) {
    while count.load(Ordering::Relaxed) < least {
        std::thread::sleep(MS(1));
    }
}

/// Returns the time in seconds from the start of the measured part to the change `applied`.
fn seconds_until(result: &StepResult, applied: AppliedChange) -> f64 {
    (applied.at_ns - result.step.window.measure_start_ns) as f64 / 1e9
}

/// Asserts that the series of the intended rate is right: in each interval, the mean of the first
/// of `rates` (before the change) and the second (after it), in arrivals per second, weighted by
/// time.
fn assert_intended(result: &StepResult, applied: AppliedChange, rates: [f64; 2]) {
    let window = result.step.window;
    let intended = series(result, "load.intended_rate_per_s");
    let mut from_ns = window.start_ns;
    for (to_ns, mean) in intended.at_ns.iter().zip(&intended.mean) {
        let to_ns = (*to_ns).min(window.measure_end_ns);
        let Some(mean) = mean else { continue };
        let after_ns = to_ns.saturating_sub(applied.at_ns.max(from_ns));
        let after = after_ns as f64 / (to_ns - from_ns) as f64;
        let off = mean - (rates[0] + (rates[1] - rates[0]) * after);
        assert!(off.abs() < 1e-3, "{off} in {from_ns}..{to_ns}");
        from_ns = to_ns;
    }
    assert!(intended.mean.iter().flatten().count() > 2);
}

#[test]
fn arrivals_follow_the_old_rate_up_to_the_change_and_the_new_one_from_it() {
    for (runtime, opening) in [
        (RuntimeKind::Shared, SessionOpening::Upfront),
        (RuntimeKind::PerCore, SessionOpening::WhenDue),
    ] {
        let mut plan = open(200.0, 64, MS(2_000)).taking_changes();
        (plan.runtime, plan.opening, plan.threads) = (runtime, opening, 3);
        let (result, applied) = run_and_change(&plan, &known(Known::default()), |control| {
            control.change(1_000.0).unwrap()
        });
        let (step, changed_s) = (&result.step, seconds_until(&result, applied));
        assert_eq!(step.end, StepEnd::Completed);
        assert_eq!(applied.segment, 1);
        assert_eq!(
            applied.at_ns.saturating_sub(step.window.start_ns) % 100_000_000,
            0,
            "a tick"
        );
        assert_eq!(names(&result), ["planned", "change_1"]);
        let wanted = [200.0 * changed_s, 1_000.0 * (2.0 - changed_s)];
        for (segment, wanted) in step.segments.iter().zip(wanted) {
            // Rounding may put the arrival at the change in either segment.
            let off = segment.attempted() as f64 - wanted;
            assert!(off.abs() <= 1.01, "{}: {off} of {wanted}", segment.name);
        }
        let attempted = step
            .segments
            .iter()
            .map(StepSegment::attempted)
            .sum::<u64>();
        assert_eq!(attempted, hit(&result).attempted, "segments add up");
        let off = attempted as f64 - wanted.iter().sum::<f64>();
        assert!(off.abs() <= 1.01, "{off}");
        let ends: Vec<u64> = step
            .segments
            .iter()
            .flat_map(|s| &s.spans)
            .map(|s| s.end_ns)
            .collect();
        assert_eq!(
            ends,
            [applied.at_ns, step.window.measure_end_ns],
            "the end stays"
        );

        let curve = step.curve.as_ref().unwrap();
        assert_eq!(
            (curve.written.as_str(), curve.first, curve.peak),
            ("200", 200.0, 1_000.0)
        );
        let [change] = &curve.changes[..] else {
            panic!("{curve:?}");
        };
        assert_eq!(
            (change.at_ns, change.curve.as_str()),
            (applied.at_ns, "1000")
        );
        let Load::Open { rate_per_s, .. } = step.load else {
            panic!("{:?}", step.load);
        };
        assert!(
            (rate_per_s * 2.0 - wanted.iter().sum::<f64>()).abs() < 1e-6,
            "{rate_per_s}"
        );
        assert_intended(&result, applied, [200.0, 1_000.0]);
        let steady = |code| !result.warnings.iter().any(|w| w.code == code);
        assert!(
            steady(bench_report::WarningCode::NotSteady),
            "it was changed, and did not drift"
        );
    }
}

#[test]
fn a_pacer_that_sleeps_for_minutes_wakes_for_a_change_and_a_pause_stays_one() {
    // Without the change, the second arrival would be due after 100 s.
    let plan = open(0.01, 64, MS(2_000)).taking_changes();
    let (result, applied) = run_and_change(&plan, &known(Known::default()), |control| {
        control.change(100.0).unwrap()
    });
    let wanted = 1.0 + 100.0 * (2.0 - seconds_until(&result, applied));
    let off = hit(&result).attempted as f64 - wanted;
    assert!(off.abs() <= 1.01, "{off} of {wanted}");

    let plan = open(500.0, 64, MS(1_500)).taking_changes();
    let (result, applied) = run_and_change(&plan, &known(Known::default()), |control| {
        (
            control.change(0.0).unwrap(),
            control.change("stairs:0,300/200ms".parse::<LoadCurve>().unwrap()),
        )
    });
    let (pause, stairs) = (applied.0, applied.1.unwrap());
    assert!(stairs.at_ns > pause.at_ns, "one after the other");
    assert_eq!(names(&result), ["planned", "change_1", "change_2"]);
    let [_, paused, up] = &result.step.segments[..] else {
        panic!("{:?}", names(&result));
    };
    assert!(paused.attempted() <= 1);
    let left_s = 1.5 - seconds_until(&result, stairs);
    let off = up.attempted() as f64 - 300.0 * (left_s - 0.2);
    assert!(off.abs() <= 1.01, "the last stair is held: {off}");
}

#[test]
fn users_come_and_leave_with_a_change_and_have_their_answers_first() {
    for opening in [SessionOpening::Upfront, SessionOpening::WhenDue] {
        let mut plan = closed(2, MS(3_000)).taking_changes();
        plan.opening = opening;
        let target = Arc::new(Known {
            takes: MS(5),
            ..Known::default()
        });
        let seen = Arc::clone(&target);
        let factory = Arc::new(KnownFactory(target));
        let (result, applied) = run_and_change(&plan, &factory, move |control| {
            let more = control.change(6.0).unwrap();
            wait_for(&seen.opened, 6);
            let fewer = control.change(1.0).unwrap();
            wait_for(&seen.closed, 5);
            (more, fewer)
        });
        let step = &result.step;
        assert_eq!(step.end, StepEnd::Completed);
        assert_eq!(hit(&result).censored, 0, "who leaves has the answer first");
        assert_eq!(
            step.load,
            Load::Closed {
                users: 6,
                think_time_ns: 0
            }
        );
        let sessions = step.sessions.as_ref().unwrap();
        let before = match opening {
            SessionOpening::Upfront => 2,
            SessionOpening::WhenDue => 0,
        };
        assert_eq!(
            (sessions.opened, sessions.present_max),
            (6 - before, 6),
            "{opening:?}"
        );
        let (intended, users) = (
            series(&result, "load.intended_users"),
            series(&result, "load.users"),
        );
        let told = intended.at_ns.iter().zip(&intended.mean);
        for (at_ns, present) in told.filter_map(|(at_ns, users)| Some((*at_ns, (*users)?))) {
            let wanted = match at_ns.min(step.window.measure_end_ns) {
                before if before < applied.0.at_ns => 2.0,
                between if between < applied.1.at_ns => 6.0,
                _ => 1.0,
            };
            assert_eq!(present, wanted, "at {at_ns} of {applied:?}");
        }
        let present = users
            .mean
            .iter()
            .flatten()
            .rev()
            .find(|users| **users > 0.0);
        assert_eq!(present, Some(&1.0));
        assert_eq!(names(&result), ["planned", "change_1", "change_2"]);
    }
}

#[test]
fn users_who_think_for_an_hour_leave_at_once_and_come_back_with_the_next_change() {
    let mut plan = closed(2, MS(3_000)).taking_changes();
    plan.load = load_engine::LoadPlan::Closed {
        users: 2,
        think_time: ThinkTime::Constant(Duration::from_hours(1)),
    };
    let target = Arc::new(Known::default());
    let seen = Arc::clone(&target);
    let factory = Arc::new(KnownFactory(target));
    let (result, ()) = run_and_change(&plan, &factory, move |control| {
        wait_for(&seen.served, 2);
        control.change(0.0).unwrap();
        wait_for(&seen.closed, 2);
        control.change(3.0).unwrap();
        wait_for(&seen.opened, 5);
    });
    // Each of the first two users makes one request, and so does the third. The first two are still
    // in their think time.
    assert_eq!(hit(&result).attempted, 3);
    assert_eq!(result.step.sessions.as_ref().unwrap().opened, 3);
}

#[test]
fn a_spawn_rate_holds_for_the_users_whom_a_change_adds() {
    let plan = closed(1, MS(2_000)).spawning(20.0).taking_changes();
    let takes = MS(5);
    let factory = known(Known {
        takes,
        ..Known::default()
    });
    let (result, applied) = run_and_change(&plan, &factory, |control| control.change(9.0).unwrap());
    let intended = series(&result, "load.intended_users");
    let first = intended
        .at_ns
        .iter()
        .position(|at| *at > applied.at_ns)
        .unwrap();
    let since_s = (intended.at_ns[first] - applied.at_ns) as f64 / 1e9;
    assert_eq!(
        intended.mean[first],
        Some((1.0 + (20.0 * since_s)).min(9.0).floor())
    );
    assert_eq!(result.step.sessions.as_ref().unwrap().opened, 9);
}
