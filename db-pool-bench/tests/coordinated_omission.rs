//! The heart of it: a server that stalls must show in what users felt, not only in the few
//! requests that it held.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use bench_report::clock::monotonic_ns;
use bench_report::{Histogram, Operation, Pacing, Step, StepEnd};
use common::postgres;
use db_pool_bench::address::Address;
use db_pool_bench::drivers::{Deadpool, Setup};
use db_pool_bench::workloads::{Schema, Tables, Workload};
use load_engine::{Cancel, LoadPlan, Observer, Phase, StepPlan, attack};
use testbed::Postgres;

const RATE_PER_S: u64 = 1_000;
const SECONDS: u64 = 10;
const STOP: Duration = Duration::from_secs(1);
const CONNECTIONS: u64 = 8;

fn setup(server: &Postgres) -> Setup {
    let address = Address::parse(server.url()).unwrap();
    let schema = Schema::of_run("coordinated-omission");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let rows = runtime.block_on(async {
        let client = address.connect("a_test").await.unwrap();
        schema.create(&client, 1).await.unwrap()
    });
    Setup {
        address,
        application: "a_test".to_owned(),
        pool_size: CONNECTIONS,
        checkout_timeout: Duration::from_secs(30),
        workload: Workload::PointSelect,
        tables: Arc::new(Tables::own(schema.name(), rows)),
        seed: 1,
    }
}

/// Tells when measuring begins.
struct TellMeasure(Sender<()>);

impl Observer for TellMeasure {
    fn phase(&mut self, phase: Phase) {
        if phase == Phase::Measure {
            self.0.send(()).unwrap();
        }
    }
}

fn run(plan: &StepPlan, factory: &Arc<Deadpool>, observer: &mut dyn Observer) -> Step {
    let step = attack::run(plan, factory, &Cancel::new(), observer)
        .unwrap()
        .step;
    assert_eq!(step.end, StepEnd::Completed);
    step
}

/// What these connections can serve: how fast a queue is worked off.
fn capacity_per_s(factory: &Arc<Deadpool>) -> f64 {
    let load = LoadPlan::Closed {
        users: 4 * CONNECTIONS,
        think_time: Duration::ZERO,
    };
    let mut plan = StepPlan::new("capacity", load, Duration::from_secs(1));
    plan.warmup = Duration::from_millis(300);
    run(&plan, factory, &mut ()).throughput_per_s()
}

/// Runs the open loop, stops the server in the middle; the step, and how long the server stood.
fn run_with_a_stop(server: &Postgres, factory: &Arc<Deadpool>) -> (Step, f64) {
    let load = LoadPlan::Open {
        rate_per_s: RATE_PER_S as f64,
        pacing: Pacing::Constant,
        // Far above all that can come due during the stop.
        in_flight_cap: 4_096,
    };
    let mut plan = StepPlan::new("stop", load, Duration::from_secs(SECONDS));
    plan.warmup = Duration::from_millis(500);
    let (sender, measuring) = channel();
    std::thread::scope(|scope| {
        let stopper = scope.spawn(move || {
            measuring.recv().unwrap();
            std::thread::sleep(Duration::from_millis(SECONDS * 1_000 / 2));
            server.pause();
            let paused_ns = monotonic_ns();
            std::thread::sleep(STOP);
            let stood_ns = monotonic_ns() - paused_ns;
            server.resume();
            stood_ns as f64
        });
        let step = run(&plan, factory, &mut TellMeasure(sender));
        (step, stopper.join().unwrap())
    })
}

fn mean(histogram: Option<&Histogram>) -> f64 {
    histogram.unwrap().mean_ns
}

fn assert_phases_add_up(select: &Operation) {
    let parts = mean(select.pacing_lag.as_ref())
        + mean(select.backlog.as_ref())
        + mean(select.call.as_ref());
    let whole = mean(select.response.as_ref());
    assert!(
        (parts / whole - 1.0).abs() < 0.005,
        "pacing lag + backlog + call: {parts} of {whole}"
    );
    let parts = mean(select.checkout.as_ref()) + mean(select.service.as_ref());
    let whole = mean(select.call.as_ref());
    assert!(
        (parts / whole - 1.0).abs() < 0.005,
        "checkout + service: {parts} of {whole}"
    );
}

#[test]
fn a_server_that_stands_still_for_a_second_shows_in_everyone_who_was_due_in_it() {
    let server = postgres(&[]);
    let factory = Arc::new(Deadpool(setup(&server)));
    let capacity = capacity_per_s(&factory);
    let (step, stood_ns) = run_with_a_stop(&server, &factory);
    let select = &step.operations["select"];
    let planned = RATE_PER_S * SECONDS;
    assert_eq!(select.attempted, planned, "none is lost");
    assert_eq!(
        (select.succeeded, select.censored),
        (select.attempted, 0),
        "{:?}",
        select.errors
    );

    // Who came due a time x into the stop waits for its rest and for those who came before:
    // stop − x·(1 − rate ÷ capacity). At least half the stop, then, up to x = ½·stop ÷ (1 − …).
    let expected = 0.5 * stood_ns / 1e9 / SECONDS as f64 / (1.0 - RATE_PER_S as f64 / capacity);
    let response = select.response.as_ref().unwrap();
    let felt = response
        .decode()
        .unwrap()
        .count_between(stood_ns as u64 / 2, u64::MAX) as f64
        / planned as f64;
    assert!(
        (felt - expected).abs() <= 0.01,
        "{felt} of responses took half the stop, not {expected} (at {capacity}/s)"
    );

    let felt_longest = response.percentiles_ns.p999 as f64;
    assert!(
        felt_longest >= 0.9 * stood_ns,
        "p99.9 of {felt_longest} ns hides a stop of {stood_ns} ns"
    );
    let service = select.service.as_ref().unwrap();
    let (felt, in_service) = (response.percentiles_ns.p99, service.percentiles_ns.p99);
    assert!(
        in_service < felt / 10,
        "only those in service felt the stop as service: {in_service} of {felt}"
    );
    assert_phases_add_up(select);
}
