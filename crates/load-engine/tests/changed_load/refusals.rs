//! Tests of changes of a load that are refused, or that come too late to change anything.

use super::*;

#[test]
fn a_change_that_cannot_be_made_is_refused_with_its_reason() {
    let plan = open(100.0, 8, MS(1_500));
    let asks = |plan: &StepPlan, load: &str| {
        let load: LoadCurve = load.parse().unwrap();
        let factory = known(Known::default());
        let (result, refused) = run_and_change(plan, &factory, move |control| control.change(load));
        assert_eq!(result.step.curve, None, "nothing has changed");
        assert!(result.step.segments.is_empty());
        refused.unwrap_err()
    };
    assert_eq!(asks(&plan, "5"), ChangeError::HeldSetting);
    let counted = closed(2, MS(300)).asking(3).taking_changes();
    assert_eq!(asks(&counted, "5"), ChangeError::CountedRequests);
    let taking = plan.clone().taking_changes();
    let ChangeError::TooLong { curve, left } = asks(&taking, "ramp:1..5/1h") else {
        panic!("it must not fit");
    };
    assert!(curve == Duration::from_hours(1) && left < plan.measure);
    let short = open(100.0, 8, MS(90)).taking_changes();
    assert_eq!(asks(&short, "5"), ChangeError::StepOver, "no tick is left");
    let mut single = closed(1, MS(500)).taking_changes();
    (single.runtime, single.threads) = (RuntimeKind::PerCore, 2);
    let few = ChangeError::TooFewThreads {
        threads: 1,
        wanted: 2,
    };
    assert_eq!(asks(&single, "2"), few);
}

#[test]
fn the_warm_up_is_not_changed_and_a_step_that_is_over_says_so() {
    let mut plan = open(100.0, 8, MS(1_500)).taking_changes();
    plan.warmup = MS(1_000);
    let (result, (refused, applied, control)) =
        run_and_change(&plan, &known(Known::default()), |control| {
            let refused = control.change(400.0).unwrap_err();
            let mut asked = control.change(400.0);
            while asked == Err(ChangeError::WarmUp) {
                std::thread::sleep(MS(5));
                asked = control.change(400.0);
            }
            (refused, asked.unwrap(), control.clone())
        });
    assert_eq!(refused, ChangeError::WarmUp);
    assert!(applied.at_ns > result.step.window.measure_start_ns);
    assert_eq!(control.change(5.0), Err(ChangeError::StepOver));
}

#[test]
fn a_change_that_was_to_come_after_the_end_has_changed_nothing() {
    let plan = open(200.0, 8, MS(60_000)).taking_changes();
    let (sender, received) = mpsc::channel::<LoadControl>();
    let cancel = Cancel::new();
    let signal = cancel.clone();
    let changing = std::thread::spawn(move || {
        let applied = received.recv().unwrap().change(900.0);
        signal.cancel();
        applied.unwrap()
    });
    let observer = &mut HandsOver(sender);
    let result = run_requests(&plan, &known(Known::default()), &cancel, observer).unwrap();
    let (step, applied) = (&result.step, changing.join().unwrap());
    assert_eq!(step.end, StepEnd::Interrupted);
    // A tick is up to a second away, and a signal a few hundredths.
    let is_changed = applied.at_ns < step.window.measure_end_ns;
    assert_eq!(step.curve.is_some(), is_changed);
    assert_eq!(step.segments.len(), if is_changed { 2 } else { 0 });
    if !is_changed {
        assert_eq!(step.load, plan.load.reported(0));
    }
}

/// Observer that requests a change of the load from within `tick`, on the controller's own thread,
/// and keeps the answers.
#[derive(Default)]
struct AsksItself {
    control: Option<LoadControl>,
    answers: Arc<Mutex<Vec<Result<AppliedChange, ChangeError>>>>,
}

impl Observer for AsksItself {
    fn load_control(&mut self, control: &LoadControl) {
        self.control = Some(control.clone());
    }

    fn tick(&mut self, _: &Tick) {
        let answer = self.control.as_ref().unwrap().change(5.0);
        self.answers.lock().unwrap().push(answer);
    }
}

#[test]
fn an_observer_that_asks_on_the_controllers_thread_does_not_wait_for_itself() {
    let plan = open(100.0, 8, MS(250)).taking_changes();
    let mut observer = AsksItself::default();
    run_requests(
        &plan,
        &known(Known::default()),
        &Cancel::new(),
        &mut observer,
    )
    .unwrap();
    let answers = observer.answers.lock().unwrap();
    assert!(!answers.is_empty());
    assert!(
        answers
            .iter()
            .all(|answer| *answer == Err(ChangeError::OwnThread))
    );
}
