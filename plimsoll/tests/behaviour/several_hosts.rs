//! Tests of workers of `redis-bench` that are started one by one with `--worker I/N --start-at T`,
//! as on several hosts, and of the merge of their reports.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use crate::common::{said, tool};
use bench_report::{Operation, Report, Status, StepEnd, WarningCode};
use nix::sys::signal::Signal;
use test_support::{Ended, RunningProgram, TestDirectory, contention};
use testbed::{Redis, RedisOptions};

/// Arguments of a load of 200 reads per second: half a second of warm-up and half a second
/// measured.
const READS: &str =
    "pool --workload get --client pooled --rate 200 --warmup 500ms --duration 500ms";

/// Start time that the workers of a test share, and their time for preparing each step, as values
/// of flags. Both are long enough for this machine, even if it is busy.
struct Schedule {
    starts: SystemTime,
    start_at: String,
    prepare: String,
}

impl Schedule {
    fn new(patience: f64) -> Self {
        let enough = Duration::from_secs(3).mul_f64(contention() * patience);
        let starts = SystemTime::now() + enough;
        let since_1970 = starts.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        Self {
            starts,
            start_at: format!("{:.3}", since_1970.as_secs_f64()),
            prepare: format!("{}ms", enough.as_millis()),
        }
    }

    /// Waits until the time `later` after the start; returns at once if that has passed.
    fn wait(&self, later: Duration) {
        let left = (self.starts + later).duration_since(SystemTime::now());
        std::thread::sleep(left.unwrap_or_default());
    }
}

/// Starts one worker of a scenario; `worker` is its value of `--worker`, such as `0/2`. The worker
/// writes its report into `directory`.
fn start(
    (place, redis): (&TestDirectory, &Redis),
    schedule: &Schedule,
    (worker, directory): (&str, &str),
    flags: &str,
) -> RunningProgram {
    let (start_at, prepare) = (&schedule.start_at, &schedule.prepare);
    let line = format!(
        "{flags} --worker {worker} --start-at {start_at} --prepare-time {prepare} --run-dir {directory}"
    );
    let args: Vec<&str> = line.split_whitespace().collect();
    RunningProgram::start(tool(place, "redis-bench", &args).env("REDIS_URL", redis.url()))
}

fn report(place: &TestDirectory, directory: &str) -> Report {
    place.report(format!("{directory}/redis-bench.pool.json"))
}

/// Merges the reports in `files` into `whole.json`. Returns the exit code, and the text on stderr
/// and stdout.
fn merge(place: &TestDirectory, files: &[&str]) -> (Option<i32>, String) {
    let args = [&["merge", "--output", "whole.json"], files].concat();
    let output = tool(place, "bottleneck-analyzer", &args).output().unwrap();
    let told = said(&output);
    assert!(!told.contains("panicked"), "{told}");
    (output.status.code(), told)
}

const ZERO: &str = "0/redis-bench.pool.json";
const ONE: &str = "1/redis-bench.pool.json";

/// Returns the sum of the histograms of response times of `parts`, as pairs of a bucket's upper
/// value in nanoseconds and its count.
fn buckets<'a>(parts: impl IntoIterator<Item = &'a Operation>) -> Vec<(u64, u64)> {
    let mut counts = BTreeMap::new();
    for part in parts {
        let recorded = part.response.as_ref().unwrap().decode().unwrap();
        for bucket in recorded.iter_recorded() {
            *counts.entry(bucket.value_iterated_to()).or_insert(0) += bucket.count_at_value();
        }
    }
    counts.into_iter().collect()
}

fn keys(redis: &Redis) -> Vec<String> {
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_connection().unwrap();
    redis::cmd("KEYS").arg("*").query(&mut connection).unwrap()
}

fn is_late(report: &Report) -> bool {
    let mut warnings = report.warnings.iter();
    warnings.any(|warning| warning.code == WarningCode::WorkerLate)
}

/// Runs two workers with `flags`, and a third one with the flags `other` of another plan, into the
/// directories `0`, `1` and `other`. Repeats the run with more time if this machine made a worker
/// late.
fn both_and_another(place: &TestDirectory, redis: &Redis, flags: &str, other: &str) {
    for patience in [1.0, 2.0, 4.0, 8.0] {
        let schedule = Schedule::new(patience);
        let all = [
            ("0/2", "0", flags),
            ("1/2", "1", flags),
            ("1/2", "other", other),
        ];
        let running = all.map(|(worker, directory, flags)| {
            start((place, redis), &schedule, (worker, directory), flags)
        });
        let ended = running.map(RunningProgram::end);
        if ["0", "1", "other"]
            .iter()
            .any(|directory| is_late(&report(place, directory)))
        {
            continue;
        }
        for Ended { code, said, .. } in ended.iter().take(2) {
            assert_eq!(*code, Some(0), "{said}");
            assert!(said.contains("bottleneck-analyzer merge"), "{said}");
        }
        return;
    }
    panic!("a worker was late each time");
}

#[test]
fn two_workers_started_at_one_instant_make_the_load_of_one_and_their_reports_add_up() {
    let redis = Redis::start(&RedisOptions::default()).unwrap();
    let place = TestDirectory::new();
    let flags = format!("{READS} --repeats 2");
    both_and_another(&place, &redis, &flags, &format!("{flags} --seed 9"));
    assert_eq!(keys(&redis), [""; 0], "each plan's keys are removed");
    let (zero, one) = (report(&place, "0"), report(&place, "1"));
    let (code, told) = merge(&place, &[ONE, ZERO]);
    assert_eq!(code, Some(0), "{told}");
    let whole = place.report("whole.json");
    assert_eq!(whole.status, Status::Complete);
    assert_eq!(
        (
            whole.steps.len(),
            whole.config["workers_joined"]["n"].as_u64()
        ),
        (2, Some(2))
    );
    for ((whole, zero), one) in whole.steps.iter().zip(&zero.steps).zip(&one.steps) {
        let parts = [&zero.operations["get"], &one.operations["get"]];
        assert_eq!(parts.map(|get| get.attempted), [50, 50], "each its share");
        assert_eq!(whole.operations["get"].attempted, 100);
        assert_eq!(buckets([&whole.operations["get"]]), buckets(parts));
        assert_eq!(whole.server, zero.server, "worker 0 watches the server");
        assert!(zero.server.is_some() && one.server.is_none());
        assert_eq!(whole.pool.as_ref().unwrap().max_size, 8, "a pool of 4 each");
        let apart = zero.window.start_ns.abs_diff(one.window.start_ns);
        assert!(apart < 1_000_000_000, "{apart} ns apart");
    }
    wrong_reports_are_refused_with_their_reason(&place);
}

/// Asserts that reports that do not belong together cannot be merged. The calling test has written
/// the reports into `place`.
fn wrong_reports_are_refused_with_their_reason(place: &TestDirectory) {
    let write = |name: &str, text: &str| std::fs::write(place.path().join(name), text).unwrap();
    let whole = std::fs::read_to_string(place.path().join(ZERO)).unwrap();
    write("empty.json", "");
    write("cut.json", &whole[..whole.len() / 2]);
    write("copy.json", &whole);
    write(
        "future.json",
        &whole.replace("plimsoll.report/1", "plimsoll.report/9"),
    );
    let redis_alone =
        include_str!("../../../crates/bench-report/tests/golden/redis-bench.cache-1.json");
    write("alone.json", redis_alone);
    let own_seed = report(place, "0").config["seed"].to_string();
    let other_plan = format!("seed is 9, not {own_seed}");
    for (files, code, part) in [
        (&[ZERO, "other/redis-bench.pool.json"][..], 1, &*other_plan),
        (&[ZERO, ZERO], 1, "is a second report of worker 0"),
        (
            &[ZERO, "copy.json"],
            1,
            "copy.json is a second report of worker 0",
        ),
        (&["empty.json", ONE], 1, "empty.json"),
        (&["cut.json", ONE], 1, "cut.json"),
        (&["future.json", ONE], 1, "plimsoll.report/9"),
        (
            &[ZERO, "alone.json"],
            1,
            "alone.json is not the report of a worker",
        ),
        (&["nowhere.json"], 1, "nowhere.json"),
        (&[], 2, "FILE"),
    ] {
        std::fs::remove_file(place.path().join("whole.json")).ok();
        let (ended, told) = merge(place, files);
        assert_eq!(ended, Some(code), "{files:?}: {told}");
        assert!(told.contains(part), "{files:?}: {told}");
        assert!(!place.path().join("whole.json").exists(), "{files:?}");
    }
    let (code, told) = merge(place, &[ONE]);
    assert_eq!(code, Some(1), "{told}");
    let missing = "the report of worker 0/2 is missing: its share of the load is in no figure \
                   (about 100 arrivals over 2 steps)";
    assert!(told.contains(missing), "{told}");
    let merged = place.report("whole.json");
    assert_eq!(merged.status, Status::Failed);
    assert!((merged.steps[0].figures["arrivals_not_made"] - 50.0).abs() < 1e-9);
    assert_eq!(merged.steps[0].operations["get"].attempted, 50);
}

#[test]
fn segments_of_a_curve_that_two_workers_share_add_up_to_all_arrivals() {
    let redis = Redis::start(&RedisOptions::default()).unwrap();
    let place = TestDirectory::new();
    let curve = "pool --workload get --client pooled --rate ramp:100..300/1s --repeats 1";
    both_and_another(&place, &redis, curve, &format!("{curve} --seed 9"));
    let (code, told) = merge(&place, &[ZERO, ONE]);
    assert_eq!(code, Some(0), "{told}");
    let step = &place.report("whole.json").steps[0];
    assert_eq!(step.operations["get"].attempted, 200);
    let names: Vec<&str> = step.segments.iter().map(|one| &*one.name).collect();
    assert_eq!(names, ["low", "middle", "high"]);
    let parts = step.segments.iter().map(|one| &one.operations["get"]);
    assert_eq!(buckets(parts), buckets([&step.operations["get"]]));
    let shares =
        ["0", "1"].map(|directory| report(&place, directory).steps[0].operations["get"].attempted);
    assert_eq!(shares, [100, 100]);
}

#[test]
fn a_worker_that_is_held_up_past_the_start_loses_that_step_and_says_so() {
    let redis = Redis::start(&RedisOptions::default()).unwrap();
    let place = TestDirectory::new();
    let flags = format!("{READS} --repeats 2");
    let schedule = Schedule::new(1.0);
    let here = (&place, &redis);
    let zero = start(here, &schedule, ("0/2", "0"), &flags);
    let mut one = start(here, &schedule, ("1/2", "1"), &flags);
    one.wait_for("phase: prepare");
    one.signal(Signal::SIGSTOP);
    schedule.wait(Duration::from_millis(300));
    one.signal(Signal::SIGCONT);
    let Ended { code, said, .. } = one.end();
    assert_eq!(code, Some(1), "{said}");
    zero.end();
    let late = report(&place, "1");
    assert!(is_late(&late), "{said}");
    let StepEnd::Failed { reason } = &late.steps[0].end else {
        panic!("{:?}", late.steps[0].end);
    };
    assert!(
        reason.contains("worker 1/2") && said.contains("worker 1/2"),
        "{reason}"
    );
    let (code, told) = merge(&place, &[ZERO, ONE]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("warning: worker 1/2: worker 1/2"), "{told}");
    let whole = place.report("whole.json");
    assert_eq!(whole.status, Status::Failed);
    assert!(matches!(whole.steps[0].end, StepEnd::Failed { .. }));
    let made = |step: usize| whole.steps[step].operations["get"].attempted;
    assert_eq!(
        (made(0), whole.steps[0].figures["arrivals_not_made"]),
        (50, 50.0)
    );
    assert_eq!((made(1), &whole.steps[1].end), (100, &StepEnd::Completed));
    assert!(keys(&redis).is_empty());
}

#[test]
fn a_rule_that_fires_ends_its_own_worker_and_the_other_goes_on() {
    let redis = Redis::start(&RedisOptions::default()).unwrap();
    let place = TestDirectory::new();
    let flags = "pool --workload get --client pooled --rate 200 --warmup 200ms --duration 5s \
                 --repeats 2 --stop-on p99>1500ms";
    let schedule = Schedule::new(1.0);
    let here = (&place, &redis);
    let zero = start(here, &schedule, ("0/2", "0"), flags);
    let mut one = start(here, &schedule, ("1/2", "1"), flags);
    one.wait_for("phase: measure");
    one.signal(Signal::SIGSTOP);
    std::thread::sleep(Duration::from_secs(3));
    one.signal(Signal::SIGCONT);
    let Ended { code, said, .. } = one.end();
    assert_eq!(code, Some(3), "{said}");
    let Ended { code, said, .. } = zero.end();
    assert_eq!(code, Some(0), "{said}");
    let (zero, one) = (report(&place, "0"), report(&place, "1"));
    assert_eq!((zero.steps.len(), one.steps.len()), (2, 1));
    let marked = |w: &&bench_report::Warning| w.code == WarningCode::WorkerLost;
    let mark = one.warnings.iter().find(marked).unwrap();
    assert!(mark.message.contains("a rule ended worker 1/2"), "{mark:?}");
    let (code, told) = merge(&place, &[ZERO, ONE]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("worker 1/2 told of 1 of 2 steps"), "{told}");
    let whole = place.report("whole.json");
    assert_eq!(whole.status, Status::Stopped);
    assert!(matches!(whole.steps[0].end, StepEnd::Stopped { .. }));
    assert!(matches!(whole.steps[1].end, StepEnd::Failed { .. }));
    assert!(
        keys(&redis).is_empty(),
        "the one that ended removes them when all are done"
    );
}
