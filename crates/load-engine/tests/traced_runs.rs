//! Tests of traced runs: the effect of an actor shows in the segment in which the actor is active,
//! and every request is in the trace, including those that were cut off.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod known;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bench_report::{Step, StepEnd, Warning, WarningCode};
use known::{Known, KnownFactory, KnownTarget, closed};
use load_engine::{
    Actor, Cancel, Failure, Observer, RunView, StepPlan, StepResult, TracedPlan, TracedResult,
    run_traced,
};

const SEGMENT: Duration = Duration::from_millis(400);
const PLACES: usize = 2;

/// Creates the plan of a run of four users in three segments of 400 ms. Tests add holders that are
/// active in the second one. `rule` is its only stop rule, if any.
fn plan(rule: Option<&str>) -> TracedPlan {
    let mut whole = closed(4, SEGMENT);
    whole.stop_rules = rule.map(|rule| rule.parse().unwrap()).into_iter().collect();
    whole.drain = Duration::from_millis(300);
    let segment = |part: &str| StepPlan {
        name: part.to_owned(),
        ..closed(4, SEGMENT).parameter("part", part)
    };
    TracedPlan::new(whole, ["before", "held", "after"].map(segment).into())
}

fn known() -> Known {
    Known {
        at_once: PLACES,
        takes: Duration::from_millis(2),
        ..Known::default()
    }
}

fn run(plan: &TracedPlan, known: Known, actors: Vec<Holder>) -> TracedResult {
    let factory = Arc::new(KnownFactory(Arc::new(known)));
    run_traced(plan, &factory, actors, &Cancel::new(), &mut ()).unwrap()
}

/// Actor that occupies a place of the target during the second segment, and notes the number of
/// free places after the run. It reports `fails` failures at its start.
struct Holder {
    fails: u64,
    /// Numbers of free places of the target, one from each holder, as examined after the run.
    free: Arc<Mutex<Vec<usize>>>,
}

impl Holder {
    fn new(fails: u64) -> Self {
        Self {
            fails,
            free: Arc::default(),
        }
    }
}

impl Actor<KnownTarget> for Holder {
    async fn act(&mut self, target: &Arc<KnownTarget>, run: &RunView) {
        for _ in 0..self.fails {
            run.note_failure(&Failure::new("refused", "refused"));
        }
        if run.ends_before(run.segment_start_ns(1)).await {
            return;
        }
        let _place = target.place().await;
        run.ends_before(run.segment_start_ns(2)).await;
    }

    async fn examine(self, target: &Arc<KnownTarget>) {
        self.free.lock().unwrap().push(target.free());
    }
}

fn attempted(step: &Step) -> u64 {
    step.operations.values().map(|o| o.attempted).sum()
}

#[test]
fn what_is_planted_in_a_segment_shows_there_alone() {
    let free = Arc::default();
    let holder = |_| Holder {
        fails: 0,
        free: Arc::clone(&free),
    };
    let result = run(&plan(None), known(), (0..PLACES).map(holder).collect());
    let steps: Vec<&Step> = result.steps.iter().map(|result| &result.step).collect();
    let names: Vec<&str> = steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["before", "held", "after"]);
    assert!(steps.iter().all(|step| step.end == StepEnd::Completed));
    let rates = [0, 1, 2].map(|n| steps[n].throughput_per_s());
    assert!(rates[1] < 0.2 * rates[0].min(rates[2]), "{rates:?}");
    for (n, step) in steps.iter().enumerate() {
        let window = step.window;
        assert_eq!(window.measure_start_ns, result.boundaries_ns[n]);
        assert_eq!(window.measure_end_ns, result.boundaries_ns[n + 1]);
        assert!(step.generator.worst_stall_ns > 0 && step.generator.cpu_ns > 0);
        assert!(step.pool.is_some());
        for series in &result.steps[n].series {
            let within = |at_ns: &u64| (window.start_ns..).contains(at_ns);
            assert!(series.at_ns.len() >= 2, "{}", series.name);
            assert!(series.at_ns.iter().all(within), "{}", series.name);
        }
        let traced = result.trace.iter();
        let traced = traced.filter(|r| r.segment == Some(n));
        assert_eq!(traced.count() as u64, attempted(step), "{}", step.name);
    }
    let begins: Vec<u64> = result.trace.iter().map(|r| r.timestamps.due_ns).collect();
    assert!(begins.is_sorted());
    assert_eq!(*free.lock().unwrap(), [PLACES; PLACES], "all gave back");
}

#[test]
fn what_hangs_ends_the_run_and_is_censored_in_the_trace() {
    let hung = Known {
        hangs: true,
        ..known()
    };
    let begun = Instant::now();
    let result = run(&plan(Some("p99>50ms")), hung, Vec::new());
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "the drain is bounded"
    );
    assert_eq!(result.boundaries_ns.len(), 4, "also of what was not begun");
    let last = &result.steps.last().unwrap().step;
    let StepEnd::Stopped { rule, .. } = &last.end else {
        panic!("{:?}", last.end);
    };
    assert_eq!(rule, "p99>50ms");
    let censored: u64 = result
        .steps
        .iter()
        .map(|result| result.step.censored())
        .sum();
    assert_eq!(censored, 4);
    assert_eq!(result.trace.len(), 4);
    for request in &result.trace {
        assert!(request.cut_off && !request.gave_up() && request.failure.is_none());
        assert!(
            request.felt_ns() >= 50_000_000,
            "it waited until it was cut off"
        );
    }
}

#[test]
fn an_actor_that_fails_breaks_a_rule_though_all_requests_succeed() {
    let holder = Holder::new(1_000_000);
    let free = Arc::clone(&holder.free);
    let result = run(&plan(Some("errors>50%")), known(), vec![holder]);
    let last = &result.steps.last().unwrap().step;
    assert!(
        matches!(last.end, StepEnd::Stopped { .. }),
        "{:?}",
        last.end
    );
    assert!(result.trace.iter().all(|request| request.failure.is_none()));
    assert!(
        free.lock().unwrap().is_empty(),
        "a run that ended early is not examined"
    );
}

/// Observer that always reports the target as absent (being restarted), so that stop rules pause,
/// and that counts the segments which begin after the first.
struct Away(AtomicUsize);

impl Observer for Away {
    fn absence(&mut self) -> Option<bool> {
        Some(true)
    }

    fn segment_begins(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn rules_rest_while_the_target_is_away() {
    let failing = Known {
        fails_every: 1,
        ..known()
    };
    let factory = Arc::new(KnownFactory(Arc::new(failing)));
    let mut away = Away(AtomicUsize::new(0));
    let (plan, nobody) = (plan(Some("errors>50%")), Vec::<Holder>::new());
    let result = run_traced(&plan, &factory, nobody, &Cancel::new(), &mut away).unwrap();
    let ends = result.steps.iter().map(|result| &result.step.end);
    assert!(ends.clone().all(|end| *end == StepEnd::Completed));
    assert_eq!((ends.count(), away.0.into_inner()), (3, 2));
}

#[test]
fn a_run_whose_target_refuses_is_one_step_that_failed() {
    let closed = Known {
        opens: false,
        ..known()
    };
    let result = run(&plan(None), closed, vec![Holder::new(0)]);
    let [only] = &result.steps[..] else {
        panic!("{} steps", result.steps.len());
    };
    assert!(
        matches!(only.step.end, StepEnd::Failed { .. }),
        "{:?}",
        only.step.end
    );
    assert_eq!((only.step.name.as_str(), result.trace.len()), ("before", 0));
}

/// Creates the plan of a run of 30 users who make `requests` requests each, of a minute at most.
/// `rule` is its only stop rule, if any.
fn counted(requests: u64, rule: Option<&str>) -> TracedPlan {
    let mut whole = closed(30, Duration::from_mins(1)).asking(requests);
    whole.stop_rules = rule.map(|rule| rule.parse().unwrap()).into_iter().collect();
    whole.drain = Duration::from_millis(300);
    TracedPlan::new(whole.clone(), vec![whole])
}

#[test]
fn a_load_of_counted_requests_ends_with_the_last_answer() {
    let begun = Instant::now();
    let result = run(&counted(3, None), known(), Vec::new());
    assert!(begun.elapsed() < Duration::from_secs(30), "not a minute");
    let [StepResult { step, warnings, .. }] = &result.steps[..] else {
        panic!("{} steps", result.steps.len());
    };
    assert_eq!(step.end, StepEnd::Completed);
    let hits = &step.operations["hit"];
    assert_eq!(
        (hits.attempted, hits.succeeded, hits.censored),
        (90, 90, 0),
        "three for each user"
    );
    let last_ns = result.trace.iter().map(|r| r.timestamps.done_ns).max();
    let window = step.window;
    assert!(
        Some(window.measure_end_ns) >= last_ns && window.measured_s() >= 0.09,
        "two at a time, of 2 ms each"
    );
    let carried = hits.throughput_per_s * window.measured_s();
    assert!((carried - 90.0).abs() < 1e-6, "all within: {carried}");
    assert!(step.generator.worst_stall_ns > 0 && step.generator.cpu_ns > 0);
    let is_short = |warning: &&Warning| warning.code == WarningCode::StepTooShort;
    assert_eq!(warnings.iter().find(is_short), None, "it has no set length");
}

#[test]
fn who_fails_asks_no_more_and_rules_see_it_however_soon_all_is_over() {
    let failing = || Known {
        fails_every: 1,
        takes: Duration::ZERO,
        ..known()
    };
    let result = run(&counted(3, None), failing(), Vec::new());
    let step = &result.steps[0].step;
    let hits = &step.operations["hit"];
    assert_eq!((hits.attempted, hits.errors["broken"]), (30, 30));
    assert_eq!(step.end, StepEnd::Completed);
    let result = run(&counted(3, Some("errors>10%")), failing(), Vec::new());
    let StepEnd::Stopped { rule, .. } = &result.steps[0].step.end else {
        panic!("{:?}", result.steps[0].step.end);
    };
    assert_eq!(rule, "errors>10%");
}

#[test]
fn counted_requests_that_hang_break_a_rule_and_are_censored() {
    let hung = Known {
        hangs: true,
        ..known()
    };
    let result = run(&counted(1, Some("p99>50ms")), hung, Vec::new());
    let step = &result.steps[0].step;
    let StepEnd::Stopped { rule, .. } = &step.end else {
        panic!("{:?}", step.end);
    };
    assert_eq!((rule.as_str(), step.censored()), ("p99>50ms", 30));
}

#[test]
fn counted_users_who_come_one_after_the_other_end_the_load_too() {
    let plan = counted(2, None).whole().clone().spawning(200.0);
    let result = run(
        &TracedPlan::new(plan.clone(), vec![plan]),
        known(),
        Vec::new(),
    );
    let step = &result.steps[0].step;
    assert_eq!(step.end, StepEnd::Completed);
    assert_eq!(step.operations["hit"].succeeded, 60);
    let measured_s = step.window.measured_s();
    assert!((0.14..30.0).contains(&measured_s), "{measured_s} s");
}

#[test]
fn sessions_that_open_when_due_are_told_by_the_segment_in_which_they_come() {
    // Ten users start per second, which is four in each of the first two segments of 400 ms.
    let mut whole = closed(8, SEGMENT).spawning(10.0);
    whole.drain = Duration::from_millis(300);
    let segment = |part: &str| StepPlan {
        name: part.to_owned(),
        ..closed(8, SEGMENT)
    };
    whole.measure = 3 * SEGMENT;
    let plan = TracedPlan::new(whole, ["before", "held", "after"].map(segment).into());
    let result = run(&plan, known(), Vec::new());
    let sessions = |n: usize| result.steps[n].step.sessions.clone().unwrap();
    let opened = [0, 1, 2].map(|n| sessions(n).opened);
    assert_eq!(opened.iter().sum::<u64>(), 8, "{opened:?}");
    assert!(opened[0] <= 4, "nobody comes before his time: {opened:?}");
    let most = [0, 1, 2].map(|n| sessions(n).present_max);
    assert!(most.is_sorted(), "{most:?}");
    assert_eq!(most[2], 8);
    assert_eq!(sessions(0).open.unwrap().count, opened[0]);
}
