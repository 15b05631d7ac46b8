//! Tests of changes of a load that several worker processes make together.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use bench_report::StepEnd;

use super::run_on_workers::run_on_workers;
use super::tests::{Counter, VERSION, open_loop, start};
use super::worker_processes::WorkerProcesses;
use crate::control::cancel::Cancel;
use crate::control::load_control::{AppliedChange, LoadControl};
use crate::control::observer::Observer;
use crate::control::step_result::StepResult;
use crate::plan::load_change::ChangeError;
use crate::plan::load_curve::LoadCurve;
use crate::plan::load_plan::LoadPlan;
use crate::plan::step_plan::{RuntimeKind, StepPlan};
use crate::plan::think_time::ThinkTime;

struct HandsOver(Sender<LoadControl>);

impl Observer for HandsOver {
    fn load_control(&mut self, control: &LoadControl) {
        let _ = self.0.send(control.clone());
    }
}

type Asked = Result<AppliedChange, ChangeError>;

/// Runs `plan` on `count` new workers while another thread changes the load to `load`. Returns the
/// step's result, and the answer to the change.
fn run_and_change(
    plan: &StepPlan,
    (count, counter): (u64, &Counter),
    load: LoadCurve,
) -> (StepResult, Asked) {
    let mut workers = start(count, counter, VERSION, None).unwrap();
    let changed = change_on(&mut workers, plan, load);
    assert!(workers.lost().is_none());
    changed
}

fn change_on(
    workers: &mut WorkerProcesses,
    plan: &StepPlan,
    load: LoadCurve,
) -> (StepResult, Asked) {
    let (sender, received) = mpsc::channel::<LoadControl>();
    let changing = std::thread::spawn(move || received.recv().unwrap().change(load));
    let mut observer = HandsOver(sender);
    let result = run_on_workers(plan, &"here", workers, &Cancel::new(), &mut observer);
    (result.unwrap(), changing.join().unwrap())
}

#[test]
fn workers_change_together_and_make_what_one_process_would() {
    let counter = Counter::default();
    let plan = open_loop(300.0, Duration::from_secs(2)).taking_changes();
    let (result, applied) = run_and_change(&plan, (3, &counter), LoadCurve::Constant(900.0));
    let (step, applied) = (&result.step, applied.unwrap());
    assert_eq!(step.end, StepEnd::Completed);
    let changed_s = (applied.at_ns - step.window.measure_start_ns) as f64 / 1e9;
    let attempted = step.operations["hit"].attempted;
    let off = attempted as f64 - (300.0 * changed_s + 900.0 * (2.0 - changed_s));
    assert!(off.abs() <= 1.01, "{off}");
    assert_eq!(counter.0.load(Ordering::Relaxed), attempted);
    let [planned, changed] = &step.segments[..] else {
        panic!("{:?}", step.segments);
    };
    assert_eq!(
        (planned.name.as_str(), changed.name.as_str()),
        ("planned", "change_1")
    );
    assert_eq!(planned.attempted() + changed.attempted(), attempted);
    let off = planned.attempted() as f64 - 300.0 * changed_s;
    assert!(off.abs() <= 1.01, "{off}");
    assert_eq!(changed.spans[0].start_ns, applied.at_ns);
    let change = &step.curve.as_ref().unwrap().changes[0];
    assert_eq!(
        (change.at_ns, change.curve.as_str()),
        (applied.at_ns, "900")
    );
}

#[test]
fn users_whom_a_change_adds_are_shared_out_among_the_workers() {
    let think_time = ThinkTime::Constant(Duration::from_millis(10));
    let load = LoadPlan::Closed {
        users: 3,
        think_time,
    };
    let plan = StepPlan::new("closed", load, Duration::from_secs(2)).taking_changes();
    let counter = Counter::default();
    let (result, applied) = run_and_change(&plan, (2, &counter), LoadCurve::Constant(7.0));
    assert_eq!(applied.unwrap().segment, 1);
    assert_eq!(result.step.end, StepEnd::Completed);
    let sessions = result.step.sessions.as_ref().unwrap();
    assert_eq!((sessions.opened, sessions.present_max), (4, 7));
    let users = |name: &str| {
        let series = result.series.iter().find(|series| series.name == name);
        let values = series.unwrap().mean.iter().flatten().copied();
        values.fold(0.0, f64::max)
    };
    assert_eq!(
        (users("load.users"), users("load.intended_users")),
        (7.0, 7.0)
    );
}

#[test]
fn a_change_for_which_the_workers_have_too_few_threads_is_refused_by_the_parent() {
    let load = LoadPlan::Closed {
        users: 2,
        think_time: ThinkTime::Constant(Duration::from_millis(10)),
    };
    let mut plan = StepPlan::new("closed", load, Duration::from_millis(500)).taking_changes();
    (plan.runtime, plan.threads) = (RuntimeKind::PerCore, 4);
    let (result, refused) = run_and_change(&plan, (2, &Counter::default()), 4.0.into());
    let (threads, wanted) = (1, 2);
    assert_eq!(refused, Err(ChangeError::TooFewThreads { threads, wanted }));
    assert!(result.step.curve.is_none() && result.step.segments.is_empty());
}

#[test]
fn the_arrivals_that_a_lost_worker_did_not_make_are_those_of_the_changed_load() {
    let counter = Counter::default();
    let mut workers = start(3, &counter, VERSION, Some(4)).unwrap();
    let plan = open_loop(300.0, Duration::from_secs(2)).taking_changes();
    let (result, applied) = change_on(&mut workers, &plan, LoadCurve::Constant(900.0));
    let StepEnd::Failed { reason } = &result.step.end else {
        panic!("{:?}", result.step.end);
    };
    let heard_s = reason.split("its last interval ended ").nth(1).unwrap();
    let heard_s: f64 = heard_s.split(' ').next().unwrap().parse().unwrap();
    let window = result.step.window;
    let changed_s = (applied.unwrap().at_ns - window.measure_start_ns) as f64 / 1e9;
    // A third of 300 a second until the change, and of 900 from then on.
    let at_first = 100.0 * (changed_s - heard_s).max(0.0);
    let wanted = at_first + 300.0 * (2.0 - heard_s.max(changed_s));
    let off = result.step.figures["arrivals_not_made"] - wanted;
    // The instant is told to a hundredth of a second.
    assert!(off.abs() < 4.0, "{off} of {wanted}: {reason}");
    // The others have made theirs.
    let made = result.step.operations["hit"].attempted as f64;
    let off = made - (200.0 * changed_s + 600.0 * (2.0 - changed_s));
    assert!(off.abs() <= 2.01, "{off}");
}
