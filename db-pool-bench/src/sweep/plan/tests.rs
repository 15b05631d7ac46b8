//! Tests of the plan of a sweep.

use bench_report::Parameter;
use clap::Parser as _;
use load_engine::WallTime;

use super::*;
use crate::cli::{PoolBenchCli, PoolBenchCommand};

pub(in crate::sweep) fn flags(args: &str) -> SweepFlags {
    let words = ["db-pool-bench", "sweep"]
        .into_iter()
        .chain(args.split_whitespace());
    let PoolBenchCommand::Sweep(flags) = PoolBenchCli::try_parse_from(words).unwrap().command
    else {
        panic!("a sweep was asked for");
    };
    *flags
}

fn step(args: &str, setting: usize) -> StepPlan {
    PoolSweepPlan::new(&flags(args))
        .unwrap()
        .step(PlannedStep { setting, repeat: 1 })
}

#[test]
fn pools_are_contended_by_the_same_users_and_without_a_pool_the_users_are_swept() {
    let args = "--pool-sizes 2,8 --driver deadpool,direct";
    let closed = |setting| match step(args, setting).load {
        LoadPlan::Closed { users, .. } => users,
        LoadPlan::Open { .. } => panic!("no rate was given"),
    };
    assert_eq!([closed(0), closed(1)], [2, 8], "direct");
    assert_eq!([closed(2), closed(3)], [16, 16], "deadpool");
    assert_eq!(step(args, 2).parameters["pool_size"], Parameter::Integer(2));
    assert!(!step(args, 0).parameters.contains_key("pool_size"));
}

#[test]
fn an_open_loop_has_far_more_in_flight_than_any_pool_holds() {
    let cap = |setting| {
        step(
            "--pool-sizes 2,500 --driver deadpool,direct --rate 100",
            setting,
        )
        .load
        .sessions()
    };
    assert_eq!([cap(0), cap(1), cap(2), cap(3)], [2, 500, 1_024, 4_000]);
}

#[test]
fn per_core_no_thread_is_left_without_a_connection() {
    assert_eq!(
        step("--pool-sizes 1,64 --driver deadpool --runtime per-core", 0).threads,
        1
    );
    assert!(step("--pool-sizes 1,64 --driver deadpool", 0).threads >= 1);
}

#[test]
fn sizes_are_crossed_with_every_hold_and_delay() {
    let args = "--pool-sizes 2,4 --driver deadpool --hold 0,exp:5ms --network-delay 0,1ms";
    let flags = flags(args);
    let plan = PoolSweepPlan::new(&flags).unwrap();
    let names: Vec<String> = plan.settings.iter().map(|s| s.name()).collect();
    assert_eq!(names.len(), 8);
    assert_eq!(names[0], "deadpool, pool of 2");
    assert_eq!(names[7], "deadpool, pool of 4, hold exp:5ms, delay 1ms");
}

#[test]
fn flags_that_contradict_each_other_get_a_sentence() {
    let soon = "--url postgres://h/d --worker 0/2 --start-at";
    let soon = format!("{soon} {}", WallTime::now().after(Duration::from_mins(5)));
    let search = "--find-rate p99<50ms";
    for (args, part) in [
        ("--table t --workload mixed".to_owned(), "--table t"),
        (format!("{search} --app-instances 3"), "recommends none"),
        (format!("{soon} {search}"), "search from one host"),
        (format!("{soon} --workers 2"), "give one of them"),
        (format!("{soon} --pool-sizes 1,4"), "--pool-sizes 2 or more"),
        (format!("{soon} --users 1"), "--users 2 or more"),
        ("--workers 3".to_owned(), "cannot share 2 connections"),
    ] {
        let refused = PoolSweepPlan::new(&flags(&args)).unwrap_err();
        let told = refused.downcast_ref::<UsageError>().map(|told| &*told.0);
        assert!(
            told.is_some_and(|told| told.contains(part)),
            "{args}: {refused}"
        );
    }
    let shared = flags("--workers 2 --find-rate p99<50ms");
    assert!(
        PoolSweepPlan::new(&shared).is_ok(),
        "the parent decides on the rates"
    );
}

#[test]
fn hosts_share_each_step_at_instants_that_all_compute_alike() {
    let start = WallTime::now().after(Duration::from_mins(5));
    let args = |worker: u64, more: &str| {
        format!(
            "--url postgres://h/d --driver deadpool --pool-sizes 2,4 --repeats 2 --start-at {start} \
             --worker {worker}/2 {more}"
        )
    };
    let all = [args(0, ""), args(1, ""), args(1, "--hold 1ms")].map(|args| flags(&args));
    let plans = all
        .each_ref()
        .map(|flags| PoolSweepPlan::new(flags).unwrap());
    let [zero, one, other] = plans.each_ref().map(PoolSweepPlan::config);
    let hash = |config: &BTreeMap<String, Value>| config["worker"]["plan_hash"].clone();
    assert_eq!(hash(&zero), hash(&one));
    assert_ne!(hash(&one), hash(&other));
    assert_eq!(zero["seed"], one["seed"], "drawn from the start");
    let [zero, one, _] = plans.each_ref().map(PoolSweepPlan::planned);
    assert_eq!((zero.steps.len(), zero.over), (4, one.over));
    for ((variant, mine), (theirs, their_plan)) in zero.steps.iter().zip(&one.steps) {
        assert_eq!((variant, &mine.name), (theirs, &their_plan.name));
        assert_eq!(mine.starts_at, their_plan.starts_at);
        assert_eq!([mine.process.index, their_plan.process.index], [0, 1]);
    }
}
