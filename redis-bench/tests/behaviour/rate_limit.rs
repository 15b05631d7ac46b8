//! Tests of the scenario `rate-limit`: the decisions of each limiter against its model and against
//! the limit.
use crate::common::{self, bench, report};
use bench_report::{Operation, Report, Step};
use test_support::{Ended, RunningProgram, TestDirectory};
use testbed::{Faults, Proxy, Redis};

const ALGORITHMS: [&str; 6] = [
    "fixed-window",
    "sliding-log",
    "sliding-log-list",
    "sliding-counter",
    "token-bucket",
    "gcra",
];

/// Runs `rate-limit` with `args` on `redis`, and returns what it printed and its report.
fn run(redis: &Redis, args: &str) -> (String, Report) {
    let place = TestDirectory::new();
    let repeats = if args.contains("--repeats") {
        ""
    } else {
        "--repeats 1"
    };
    let args = format!("rate-limit --run-dir run --warmup 0 {repeats} {args}");
    let args: Vec<&str> = args.split_whitespace().collect();
    let output = bench(&place, &args)
        .env("REDIS_URL", redis.url())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    (said, report(&place, "rate-limit"))
}

/// Returns the step of `report` with this limiter.
fn step<'a>(report: &'a Report, limiter: &str) -> &'a Step {
    let mut steps = report.steps.iter();
    let found = steps.find(|step| step.is_with(&[("limiter", limiter)]));
    found.unwrap_or_else(|| panic!("no step of {limiter}"))
}

fn figure(step: &Step, name: &str) -> f64 {
    let found = step.figures.get(&format!("limiter.{name}"));
    *found.unwrap_or_else(|| panic!("no {name}: {:?}", step.figures))
}

/// Ten times as many requests as the limit allows, from 100 clients: every decision of every
/// algorithm is that of its model, and no stretch of time exceeds the algorithm's bound.
#[test]
fn each_atomic_limiter_decides_as_its_model_at_ten_times_the_limit() {
    let redis = common::redis();
    // 5 limiters × 40 a second, from 100 users with a request in about 50 ms each.
    let (said, report) = run(
        &redis,
        "--limit 20/500ms --keys 5 --users 100 --think-time 50ms --duration 5s --verify",
    );
    for algorithm in ALGORITHMS {
        let step = step(&report, algorithm);
        let decisions = figure(step, "decisions");
        assert!(decisions > 1_000.0, "{algorithm}: {decisions} {said}");
        assert_eq!(figure(step, "agreed"), decisions, "{algorithm}: {said}");
        assert_eq!(figure(step, "disagreed"), 0.0, "{algorithm}");
        assert_eq!(figure(step, "unverified"), 0.0, "{algorithm}");
        let (worst, bound) = (
            figure(step, "worst_window_ratio"),
            figure(step, "bound_ratio"),
        );
        assert!(worst <= bound, "{algorithm}: {worst} > {bound}");
        assert!(figure(step, "windows") >= 5.0 * 8.0, "{algorithm}: {said}");
        let refused = &step.operations["refused"];
        assert!(refused.succeeded > 0, "{algorithm}: {said}");
        assert!(said.contains("decisions are those of its model"), "{said}");
        assert!(figure(step, "server_ns") > 0.0, "{algorithm}");
    }
    assert!(said.contains("Time of the server's thread"), "{said}");
    for exact in ["sliding-log", "sliding-log-list"] {
        assert!(figure(step(&report, exact), "worst_window_ratio") <= 1.0);
    }
    assert_eq!(
        figure(step(&report, "fixed-window"), "over_admitted_ratio"),
        0.0
    );
    assert!(
        report
            .warnings
            .iter()
            .all(|warning| { warning.code != bench_report::WarningCode::ServerDiffers }),
        "{:?}",
        report.warnings
    );
    assert!(common::keys(&redis).is_empty(), "{said}");
}

/// Requests only around the edges of windows get the limit before an edge, and once more after it.
#[test]
fn a_fixed_window_admits_twice_the_limit_at_an_edge_and_a_log_does_not() {
    let redis = common::redis();
    let (said, report) = run(
        &redis,
        "--algorithm fixed-window,sliding-log --limit 20/500ms --keys 2 --users 20 \
         --burst-at edge --duration 4s --verify",
    );
    let fixed = step(&report, "fixed-window");
    let worst = figure(fixed, "worst_window_ratio");
    assert!((1.9..=2.0).contains(&worst), "{worst}: {said}");
    assert_eq!(figure(fixed, "over_admitted_ratio"), 0.0, "{said}");
    let worst = figure(step(&report, "sliding-log"), "worst_window_ratio");
    assert!((0.9..=1.0).contains(&worst), "{worst}: {said}");
    assert!(said.contains("server's thread for a decision"), "{said}");
}

/// Users who wait as long as they are told are refused rarely, and get the whole limit.
#[test]
fn users_who_obey_retry_after_are_refused_less_often() {
    let redis = common::redis();
    let refused = |how: &str| {
        let args = "--algorithm gcra --limit 10/100ms --keys 1 --users 4 --duration 2s --verify";
        let (said, report) = run(&redis, &format!("{args} --retry-after {how}"));
        let step = step(&report, "gcra");
        assert_eq!(figure(step, "disagreed"), 0.0, "{said}");
        let admitted = step.operations["admitted"].succeeded;
        step.operations["refused"].succeeded as f64 / admitted as f64
    };
    let (obeying, ignoring) = (refused("obey"), refused("ignore"));
    // Of four users who are told the same time, one is admitted and three are told to wait again.
    assert!(obeying < ignoring / 2.0, "{obeying} {ignoring}");
    assert!(obeying < 8.0, "{obeying}");
}

/// Without permission to scan, all keys of the run are removed by their names.
#[test]
fn keys_are_removed_without_a_permission_to_scan() {
    let redis = common::redis();
    let () = redis::cmd("ACL")
        .arg(&[
            "SETUSER", "app", "on", "nopass", "allkeys", "+@all", "-scan",
        ])
        .query(&mut common::connect(&redis))
        .unwrap();
    let place = TestDirectory::new();
    let args = "rate-limit --run-dir run --repeats 1 --warmup 0 --duration 300ms --verify --keys 3 \
                --limit 5/1h --users 4 --algorithm fixed-window,sliding-counter,gcra,sliding-log";
    let args: Vec<&str> = args.split_whitespace().collect();
    let url = redis.url().replace("redis://", "redis://app:x@");
    let output = bench(&place, &args).env("REDIS_URL", url).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        common::keys(&redis).is_empty(),
        "{:?}",
        common::keys(&redis)
    );
}

/// Fifty clients who each read before they write admit more than ten requests in an hour, in nearly
/// every round; one script never does.
#[test]
fn limiters_that_read_before_they_write_admit_too_many_and_scripts_do_not() {
    let redis = common::redis();
    let common = "--limit 10/1h --keys 1 --users 50 --client plain --duration 150ms";
    let (said, report) = run(
        &redis,
        &format!("--algorithm sliding-log --form atomic,racy {common} --repeats 20"),
    );
    let worst = |limiter: &str| -> Vec<f64> {
        let steps = report.steps.iter();
        let of = steps.filter(|step| step.is_with(&[("limiter", limiter)]));
        of.map(|step| figure(step, "worst_window_ratio")).collect()
    };
    assert_eq!(worst("sliding-log"), [1.0; 20], "{said}");
    let racy = worst("sliding-log/racy");
    let over = racy.iter().filter(|ratio| **ratio > 1.0).count();
    assert!(racy.len() == 20 && over >= 19, "{racy:?}");
    let (said, report) = run(&redis, &format!("--form racy {common} --repeats 3"));
    for algorithm in ALGORITHMS {
        let limiter = format!("{algorithm}/racy");
        let steps = report.steps.iter();
        let mut of = steps.filter(|step| step.is_with(&[("limiter", &limiter)]));
        let is_over = of.any(|step| figure(step, "worst_window_ratio") > 1.0);
        assert!(is_over, "{algorithm}: {said}");
    }
}

/// Runs `check` up to three times until it succeeds: a limiter that reads a client's clock, and decides or
/// counts later, admits too much if the machine stops the client in between. Panics with what `check`
/// said at last.
fn in_one_of_three_runs(check: impl Fn() -> Result<(), String>) {
    let mut told = String::new();
    for _ in 0..3 {
        match check() {
            Ok(()) => return,
            Err(why) => told = why,
        }
    }
    panic!("{told}");
}

/// With a single client nobody decides in between, and each racy limiter keeps its algorithm's bound.
#[test]
fn a_single_client_of_a_racy_limiter_is_held_to_the_limit() {
    let redis = common::redis();
    let args = "--form racy --limit 10/500ms --keys 1 --users 1 --think-time 1ms --duration 1500ms";
    for (algorithm, bound) in ALGORITHMS.into_iter().zip([2.0, 1.0, 1.0, 2.0, 1.9, 1.9]) {
        in_one_of_three_runs(|| {
            let (said, report) = run(&redis, &format!("--algorithm {algorithm} {args}"));
            let step = step(&report, &format!("{algorithm}/racy"));
            let worst = figure(step, "worst_window_ratio");
            let is_held = (0.5..=bound).contains(&worst);
            is_held
                .then_some(())
                .ok_or(format!("{algorithm}: {worst} {said}"))
        });
    }
}

/// A client that ends between counting and setting the expiry leaves a counter that locks everybody
/// out, and which the run removes.
#[test]
fn counters_that_never_expire_are_found_and_removed() {
    let redis = common::redis();
    let args =
        "--algorithm fixed-window --form racy --limit 5/100ms --keys 3 --users 10 --duration 1s";
    let (said, report) = run(&redis, &format!("{args} --crash 100%"));
    let locked = step(&report, "fixed-window/racy");
    assert_eq!(figure(locked, "never_expiring"), 3.0, "{said}");
    assert!(figure(locked, "under_admitted_ratio") > 0.5, "{said}");
    assert!(said.contains("locked out for ever"), "{said}");
    assert!(common::keys(&redis).is_empty(), "{said}");
    let (said, report) = run(&redis, args);
    let step = step(&report, "fixed-window/racy");
    assert_eq!(figure(step, "never_expiring"), 0.0, "{said}");
}

const LIBRARIES: [&str; 12] = [
    "rate-limit-redis",
    "rate-limiter-flexible",
    "upstash-fixed",
    "upstash-sliding",
    "upstash-bucket",
    "limits-moving",
    "pyrate-limiter",
    "django-ratelimit",
    "redis-rate",
    "spring-cloud-gateway",
    "spring-cloud-gateway-old",
    "laravel",
];

/// Each library's limiter admits and refuses without an error, and roughly holds its limit where
/// all clients have the same clock.
#[test]
fn the_limiters_of_libraries_roughly_hold_their_limit() {
    let redis = common::redis();
    let ran = |libraries: &[&str]| {
        let libraries = libraries.join(",");
        run(
            &redis,
            &format!(
                "--library {libraries} --limit 20/1s --keys 2 --users 20 --think-time 20ms \
                 --duration 2200ms"
            ),
        )
    };
    let runs: Vec<(String, Report)> = std::thread::scope(|scope| {
        let thirds = LIBRARIES.chunks(4);
        let thirds: Vec<_> = thirds
            .map(|third| scope.spawn(move || ran(third)))
            .collect();
        thirds.into_iter().map(|one| one.join().unwrap()).collect()
    });
    for (index, library) in LIBRARIES.into_iter().enumerate() {
        let (said, report) = &runs[index / 4];
        assert_eq!(report.steps.len(), 4, "{said}");
        let step = step(report, library);
        let of = |name: &str| step.operations[name].succeeded;
        assert!(
            of("admitted") >= 20 && of("refused") > 20,
            "{library}: {said}"
        );
        let failures: u64 = step.operations.values().map(Operation::failures).sum();
        assert_eq!(failures, 0, "{library}: {said}");
        // A bucket of 20 tokens and those of a second, or twice the limit at an edge.
        let worst = figure(step, "worst_window_ratio");
        assert!((0.9..=2.05).contains(&worst), "{library}: {worst} {said}");
        assert_eq!(figure(step, "never_expiring"), 0.0, "{library}");
    }
    assert_eq!(common::keys(&redis), [""; 0]);
}

/// Clocks that are 5 s apart: a bucket that stores the time of whoever came last is filled again
/// and again, and one that decides by the server's clock, or lets no time go back, is not.
#[test]
fn clocks_that_are_apart_fill_a_bucket_that_trusts_them_without_end() {
    let redis = common::redis();
    let (said, report) = run(
        &redis,
        "--library spring-cloud-gateway,spring-cloud-gateway-old --algorithm token-bucket \
         --form client-clock,racy --clock-skew 0,5s --limit 10/1s --keys 1 --users 2 --verify \
         --think-time 2ms --duration 2s",
    );
    let worst = |limiter: &str| figure(step(&report, limiter), "worst_window_ratio");
    assert!(worst("spring-cloud-gateway-old") > 5.0, "{said}");
    assert!(worst("token-bucket/racy") > 5.0, "{said}");
    assert!(worst("spring-cloud-gateway") <= 3.0, "{said}");
    // The clock goes 5 s ahead once, which fills the bucket once more.
    assert!(worst("token-bucket/client-clock") <= 3.0, "{said}");
    let cured = step(&report, "token-bucket/client-clock");
    assert_eq!(figure(cured, "disagreed"), 0.0, "{said}");
    assert_eq!(
        figure(cured, "agreed"),
        figure(cured, "decisions"),
        "{said}"
    );
}

/// Clients whose clocks are half a window ahead begin the count of each window early, so that it
/// expires in the middle of the window of the others, who then get the limit once more.
#[test]
fn clocks_that_are_apart_let_the_count_of_a_fixed_window_expire_too_early() {
    let redis = common::redis();
    let common = "--limit 10/500ms --keys 1 --users 4 --think-time 2ms --duration 3s --verify \
                  --algorithm fixed-window --form client-clock --library upstash-fixed";
    let limiters = ["fixed-window/client-clock", "upstash-fixed"];
    let over = |report: &Report| {
        limiters.map(|limiter| figure(step(report, limiter), "over_admitted_ratio"))
    };
    let disagreed = |report: &Report| figure(step(report, limiters[0]), "disagreed");
    in_one_of_three_runs(|| {
        let (said, report) = run(&redis, &format!("{common} --clock-skew 0,250ms"));
        let is_early = over(&report).iter().all(|over| (0.5..=1.0).contains(over))
            && disagreed(&report) > 10.0;
        is_early
            .then_some(())
            .ok_or(format!("{:?} {said}", over(&report)))
    });
    in_one_of_three_runs(|| {
        let (said, report) = run(&redis, common);
        let is_held = over(&report) == [0.0, 0.0] && disagreed(&report) == 0.0;
        is_held
            .then_some(())
            .ok_or(format!("{:?} {said}", over(&report)))
    });
}

/// While the server is stopped, users decide themselves as they were told to.
#[test]
fn users_decide_themselves_while_redis_stalls() {
    for (policy, is_open) in [("open", true), ("closed", false)] {
        let redis = common::redis();
        let proxy = Proxy::start(([127, 0, 0, 1], redis.port()).into(), Faults::default()).unwrap();
        let place = TestDirectory::new();
        let args = format!(
            "rate-limit --run-dir run --repeats 1 --warmup 0 --algorithm gcra --limit 5/500ms \
             --keys 1 --users 5 --think-time 5ms --duration 4s --stop-on p99>1h --on-stall {policy} \
             --stall-after 50ms --verify"
        );
        let args: Vec<&str> = args.split_whitespace().collect();
        let url = format!("redis://{}/", proxy.address());
        let mut running = RunningProgram::start(bench(&place, &args).env("REDIS_URL", url));
        running.wait_for("3s left");
        proxy.set(Faults {
            stall: true,
            ..Faults::default()
        });
        std::thread::sleep(std::time::Duration::from_millis(1_200));
        proxy.set(Faults::default());
        let Ended { code, said, .. } = running.end();
        assert_eq!(code, Some(0), "{said}");
        let report = report(&place, "rate-limit");
        let step = step(&report, "gcra");
        assert!(figure(step, "without_answer") >= 5.0, "{said}");
        let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("got no answer in time"), "{said}");
        assert_eq!(figure(step, "disagreed"), 0.0, "{said}");
        let errors = &step.operations["undecided"].errors;
        assert!(errors.contains_key("timeout.decision"), "{errors:?}");
        // 5 users × 24 requests a second instead of 10, or none of them.
        let over = figure(step, "over_admitted_ratio");
        assert_eq!(over > 0.2, is_open, "{policy}: {over} {said}");
    }
}

/// A server without the module is told before any load, with what to do.
#[test]
fn a_server_without_redis_cell_is_refused() {
    let redis = common::redis();
    let place = TestDirectory::new();
    let args = ["rate-limit", "--library", "redis-cell", "--run-dir", "run"];
    let output = bench(&place, &args)
        .env("REDIS_URL", redis.url())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_ne!(output.status.code(), Some(0), "{said}");
    assert!(
        said.contains("CL.THROTTLE") && said.contains("redis-cell"),
        "{said}"
    );
}
