//! Tests of held connections against an endpoint that behaves as each test sets it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod endpoint;

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bench_report::{Histogram, Load, StepEnd};
use endpoint::{Endpoint, TIMEOUT, closed_loop, hold, open_loop, start};
use load_engine::{Cancel, HeldLevel, Observer, Phase, Tick, run_connections};

const SHORT: Duration = Duration::from_millis(300);

fn errors(kind: &str, count: u64) -> BTreeMap<String, u64> {
    BTreeMap::from([(kind.to_owned(), count)])
}

#[test]
fn connections_live_on_from_step_to_step_and_every_message_counts_once() {
    let endpoint = Endpoint::new();
    let mut load = start(&endpoint, TIMEOUT);
    for (connections, opened) in [(10, 10), (30, 20), (90, 60)] {
        let held = hold(&mut load, &open_loop(40, SHORT), connections);
        let step = &held.result.step;
        assert_eq!(step.end, StepEnd::Completed);
        assert_eq!(held.open, connections);
        let connect = &step.operations["connect"];
        assert_eq!((connect.attempted, connect.succeeded), (opened, opened));
        assert_eq!(connect.phases.len(), 2);
        let echo = &step.operations["echo"];
        assert_eq!(
            (echo.attempted, echo.succeeded),
            (150, 150),
            "500/s for 300 ms"
        );
        let mean = |times: &Option<Histogram>| times.as_ref().unwrap().mean_ns;
        let parts = mean(&echo.pacing_lag) + mean(&echo.backlog) + mean(&echo.call);
        assert!((parts / mean(&echo.response) - 1.0).abs() < 0.01);
        let checks = held.checks.unwrap();
        assert_eq!(
            (checks.attempted, checks.succeeded),
            (connections, connections)
        );
        assert!(step.generator.cpu_per_operation_ns.is_some());
        for name in ["open_connections", "latency.p50_ns", "latency.max_ns"] {
            let series = held.result.series.iter().find(|s| s.name == name).unwrap();
            assert!(!series.is_empty(), "{name}");
        }
    }
    load.close_beyond(30, || false).unwrap();
    assert_eq!(
        (load.open(), endpoint.closed.load(Ordering::SeqCst)),
        (30, 60)
    );
}

#[test]
fn talkers_of_a_closed_loop_talk_until_the_end_and_the_others_only_when_they_are_checked() {
    let endpoint = Endpoint::new();
    let mut load = start(&endpoint, TIMEOUT);
    let held = hold(&mut load, &closed_loop(3, SHORT), 20);
    let echo = &held.result.step.operations["echo"];
    assert!(echo.response.is_none(), "nothing is due");
    assert_eq!(echo.succeeded, echo.attempted);
    let messages = endpoint.messages.load(Ordering::SeqCst);
    assert_eq!(messages, echo.attempted + 20, "each is checked once");
    assert!(matches!(
        held.result.step.load,
        Load::Closed { users: 3, .. }
    ));
}

#[test]
fn an_endpoint_that_is_full_breaks_the_step_before_it_is_held() {
    let endpoint = Endpoint::new();
    endpoint.most.store(50, Ordering::SeqCst);
    let mut load = start(&endpoint, TIMEOUT);
    let held = hold(&mut load, &open_loop(10, SHORT), 80);
    assert!(held.connects_broke && held.checks.is_none());
    assert!(matches!(held.result.step.end, StepEnd::Failed { .. }));
    let step = &held.result.step;
    let connect = &step.operations["connect"];
    assert_eq!((held.open, connect.succeeded), (50, 50));
    let refused = connect.errors["full"];
    assert!((1..=30).contains(&refused), "{refused}");
    assert_eq!(step.failures[0].phase, "greet");
    assert!(step.generator.cpu_ns > 0, "of the time that opening took");
    assert!(held.result.warnings.is_empty());
    let held = hold(&mut load, &open_loop(10, SHORT), 50);
    assert_eq!(held.result.step.end, StepEnd::Completed);
    assert!(!held.result.step.operations.contains_key("connect"));
}

/// Observer that calls the function once, at the first tick of the step.
struct OnFirstTick<F>(Option<F>);

impl<F: FnOnce()> Observer for OnFirstTick<F> {
    fn tick(&mut self, _: &Tick) {
        if let Some(then) = self.0.take() {
            then();
        }
    }
}

fn hold_while(
    load: &mut load_engine::HeldLoad<endpoint::EndpointFactory>,
    plan: &load_engine::StepPlan,
    connections: u64,
    then: impl FnOnce(),
) -> load_engine::HeldResult {
    let level = HeldLevel {
        connections,
        allowed_failures: 0,
        in_flight: 1,
    };
    let mut observer = OnFirstTick(Some(then));
    run_connections(load, plan, level, &Cancel::new(), &mut observer)
}

#[test]
fn connections_that_are_lost_are_found_by_the_check_and_not_charged_to_the_next_step() {
    let endpoint = Endpoint::new();
    let mut load = start(&endpoint, TIMEOUT);
    let held = hold_while(&mut load, &closed_loop(2, SHORT), 20, || {
        endpoint.lose_below(5);
    });
    let checks = held.checks.unwrap();
    assert_eq!((checks.attempted, checks.succeeded), (20, 15));
    assert_eq!((checks.errors, held.open), (errors("gone", 5), 15));
    load.close_beyond(15, || false).unwrap();
    let held = hold(&mut load, &closed_loop(2, SHORT), 15);
    let checks = held.checks.unwrap();
    assert_eq!((checks.attempted, checks.succeeded), (15, 15));
}

#[test]
fn a_step_that_lost_all_its_connections_ends_at_once() {
    let endpoint = Endpoint::new();
    let mut load = start(&endpoint, TIMEOUT);
    let long = open_loop(4, Duration::from_mins(10));
    let held = hold_while(&mut load, &long, 20, || endpoint.lose_below(u64::MAX));
    assert_eq!(held.checks.unwrap().errors, errors("gone", 20));
    assert_eq!(held.open, 0);
    assert!(held.result.step.window.measured_s() < 300.0);
}

#[test]
fn a_rule_ends_a_step_whose_endpoint_hangs_and_the_connections_stay_open() {
    let endpoint = Endpoint::new();
    let mut load = start(&endpoint, Duration::from_mins(10));
    let plan = load_engine::StepPlan {
        stop_rules: vec!["p99>500ms".parse().unwrap()],
        ..open_loop(5, Duration::from_mins(10))
    };
    let held = hold_while(&mut load, &plan, 20, || {
        endpoint.hangs.store(true, Ordering::SeqCst);
    });
    let step = &held.result.step;
    assert!(
        matches!(&step.end, StepEnd::Stopped { rule, .. } if rule == "p99>500ms"),
        "{:?}",
        step.end
    );
    let echo = &step.operations["echo"];
    assert!(echo.censored > echo.never_started, "five were under way");
    assert_eq!(echo.attempted, echo.succeeded + echo.censored);
    assert!(held.checks.is_none(), "a check would wait for its time-out");
    assert_eq!(held.open, 20);
    endpoint.hangs.store(false, Ordering::SeqCst);
    let held = hold(&mut load, &open_loop(5, SHORT), 20);
    assert_eq!(held.result.step.operations["echo"].succeeded, 150);
    assert_eq!(held.checks.unwrap().succeeded, 20);
}

#[test]
fn messages_without_an_answer_fail_and_so_does_a_check() {
    let endpoint = Endpoint::new();
    let mut load = start(&endpoint, Duration::from_millis(50));
    hold(&mut load, &closed_loop(4, SHORT), 20);
    endpoint.hangs.store(true, Ordering::SeqCst);
    let held = hold(&mut load, &closed_loop(4, SHORT), 20);
    let echo = &held.result.step.operations["echo"];
    assert_eq!((echo.succeeded, echo.censored), (0, 0));
    assert_eq!(echo.errors, errors("timeout.echo", echo.attempted));
    assert_eq!(held.checks.unwrap().errors, errors("timeout.echo", 20));
    assert_eq!(held.open, 0, "who does not answer the check is closed");
}

#[test]
fn a_wrong_answer_is_a_failure_of_its_own_kind() {
    let endpoint = Endpoint::new();
    endpoint.is_wrong.store(true, Ordering::SeqCst);
    let mut load = start(&endpoint, TIMEOUT);
    let held = hold(&mut load, &open_loop(4, SHORT), 20);
    let echo = &held.result.step.operations["echo"];
    assert_eq!(echo.errors, errors("wrong", 150));
}

/// Observer that cancels the step when the given phase begins; at the first tick if it is `None`.
struct CancelAt(Option<Phase>, Cancel);

impl Observer for CancelAt {
    fn phase(&mut self, phase: Phase) {
        if Some(phase) == self.0 {
            self.1.cancel();
        }
    }

    fn tick(&mut self, _: &Tick) {
        if self.0.is_none() {
            self.1.cancel();
        }
    }
}

#[test]
fn a_signal_ends_the_step_in_every_phase_and_forgets_nothing_under_way() {
    for (at, censored) in [
        (Some(Phase::Connect), None),
        (None, Some(5)),
        (Some(Phase::Drain), Some(5)),
    ] {
        let endpoint = Endpoint::new();
        endpoint.hangs.store(true, Ordering::SeqCst);
        let mut load = start(&endpoint, Duration::from_mins(10));
        let cancel = Cancel::new();
        let mut observer = CancelAt(at, cancel.clone());
        let level = HeldLevel {
            connections: 20,
            allowed_failures: 0,
            in_flight: 1,
        };
        let plan = closed_loop(5, Duration::from_secs(1));
        let held = run_connections(&mut load, &plan, level, &cancel, &mut observer);
        assert_eq!(held.result.step.end, StepEnd::Interrupted, "{at:?}");
        let echo = held.result.step.operations.get("echo");
        assert_eq!(echo.map(|echo| echo.censored), censored, "{at:?}");
    }
}
