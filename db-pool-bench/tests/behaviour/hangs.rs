//! Tests with servers that stop answering in the middle of a step, and runs in which no request
//! succeeds.

use std::time::{Duration, Instant};

use bench_report::{QuantileKind, Report, Status, StepEnd};
use test_support::{Ended, RunningProgram, TestDirectory};
use testbed::{Faults, Postgres, Proxy};

use crate::common::{PASSWORD, Ran, Talk, bench, postgres};
use crate::scripting::write;

const FROZEN: Faults = Faults {
    delay: Duration::ZERO,
    refuse: false,
    stall: true,
    cut_after_bytes: None,
    bytes_per_s: None,
};

/// Runs `scenario` on a server that answers for one second after the output line `begins`, and then
/// hangs until the run saves its report. Returns how the run ended, and its report.
fn frozen(scenario: &str, args: &str, begins: &str) -> (Ended, Report) {
    let server = postgres(&[]);
    let (proxy, url) = behind_a_proxy(&server);
    let place = TestDirectory::new();
    write(&place, "one.sql", "SELECT 1;");
    let mut command = bench(&place, scenario, args);
    command.env("DATABASE_URL", &url);
    command.env(testbed::token::ENV, testbed::token::mark([url.as_str()]));
    let mut running = RunningProgram::start(&mut command);
    running.wait_for(begins);
    std::thread::sleep(Duration::from_secs(1));
    proxy.set(FROZEN);
    running.wait_for("phase: save");
    proxy.set(Faults::default());
    let ended = running.end();
    Talk::to(server.url()).assert_nothing_is_left();
    (
        ended,
        place.report(format!("run/db-pool-bench.{scenario}.json")),
    )
}

fn behind_a_proxy(server: &Postgres) -> (Proxy, String) {
    let target = server.url().rsplit('@').next().unwrap();
    let target = target.split('/').next().unwrap();
    let proxy = Proxy::start(target.parse().unwrap(), Faults::default()).unwrap();
    let url = server.url().replace(target, &proxy.address().to_string());
    (proxy, url)
}

#[test]
fn a_server_that_freezes_while_tables_are_filled_ends_the_run_with_a_remedy() {
    let server = postgres(&[]);
    let (proxy, url) = behind_a_proxy(&server);
    let place = TestDirectory::new();
    let mut command = bench(&place, "sweep", "--scale 50");
    command.env("DATABASE_URL", format!("{url}?connect_timeout=2"));
    let mut running = RunningProgram::start(&mut command);
    running.wait_for("phase: prepare");
    std::thread::sleep(Duration::from_millis(500));
    proxy.set(FROZEN);
    let frozen = Instant::now();
    running.wait_for("phase: save");
    let took = frozen.elapsed();
    assert!(took < Duration::from_secs(45), "{took:?}");
    proxy.set(Faults::default());
    let ended = running.end();
    assert_eq!(ended.code, Some(1), "{}", ended.said);
    for told in [
        "has stopped answering",
        "again when the server answers",
        "pg_isready",
    ] {
        assert!(ended.said.contains(told), "{told}: {}", ended.said);
    }
    let report = place.report("run/db-pool-bench.sweep.json");
    assert_eq!(report.status, Status::Failed);
    Talk::to(server.url()).assert_nothing_is_left();
}

#[test]
fn a_server_that_takes_long_to_make_a_schema_is_waited_for() {
    let server = postgres(&[]);
    let talk = Talk::to(server.url());
    // The comment on the schema must wait for this lock; logins need not.
    talk.execute("BEGIN; LOCK TABLE pg_description IN ACCESS EXCLUSIVE MODE");
    let place = TestDirectory::new();
    let url = format!("{}?connect_timeout=2", server.url());
    let mut command = place.command(
        env!("CARGO_BIN_EXE_db-pool-bench"),
        &["workload", "init", "--url", &url],
    );
    let running = RunningProgram::start(&mut command);
    // A frozen server is waited for this long.
    std::thread::sleep(Duration::from_secs(26));
    talk.execute("ROLLBACK");
    let ended = running.end();
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert_eq!(talk.schemas(), ["plimsoll_workload"]);
}

#[test]
fn a_server_that_freezes_in_an_open_loop_makes_the_p99_a_bound_wherever_it_is_told() {
    let args = "--driver deadpool --pool-sizes 4 --rate 300 --script one.sql --warmup 0 \
                --duration 5s --repeats 1";
    let (ended, report) = frozen("sweep", args, "phase: measure");
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    let step = &report.steps[0];
    assert_eq!(step.end, StepEnd::Completed);
    let one = &step.operations["one"];
    assert_eq!(one.attempted, 1_500);
    assert!(one.errors.is_empty() && one.censored > 600, "{one:?}");
    let p99 = one.latency_at(0.99).unwrap();
    assert_eq!(p99.kind, QuantileKind::AtLeast);
    assert!(p99.ns > 4_000_000_000, "{p99:?}");
    let told = one.with_censored.as_ref().unwrap();
    assert_eq!(told.percentiles_ns.p99, p99.ns);
    let table = &ended.said;
    let shown = bench_cli::table::quantile(Some(p99));
    for told in [&shown, "unanswered", &one.censored.to_string(), "carried"] {
        assert!(table.contains(told), "{told}: {table}");
    }
    let mut series = report.series.iter();
    let p99s = series
        .find(|series| series.name == "latency.p99_ns")
        .unwrap();
    let highest = p99s.max.iter().flatten().copied().fold(0.0, f64::max);
    assert!(
        highest > 4e9,
        "the chart never shows more than {highest} ns"
    );
}

#[test]
fn a_rule_ends_every_load_whose_server_freezes() {
    for (scenario, args, begins) in [
        (
            "sweep",
            "--driver wire --pool-sizes 4 --users 4 --repeats 1",
            "phase: measure",
        ),
        (
            "sweep",
            "--driver sqlx --pool-sizes 4 --rate 200 --repeats 1",
            "phase: measure",
        ),
        (
            "scale",
            "--driver deadpool --pool-size 4 --users 4 --repeats 1",
            "phase: measure",
        ),
        (
            "lifecycle",
            "--driver deadpool --pool-size 4 --peak-rate 200 --idle 1s",
            "phase: measure deadpool",
        ),
    ] {
        let args = format!("{args} --script one.sql --duration 60s --stop-on p99>500ms");
        let (ended, report) = frozen(scenario, &args, begins);
        assert_eq!(
            (ended.code, report.status),
            (Some(3), Status::Stopped),
            "{scenario}: {}",
            ended.said
        );
        let last = report.steps.last().unwrap();
        let StepEnd::Stopped { rule, .. } = &last.end else {
            panic!("{scenario}: {:?}", last.end);
        };
        assert_eq!(rule, "p99>500ms", "{scenario}");
        assert!(last.window.measured_s() < 30.0, "{scenario}");
    }
}

#[test]
fn a_rule_ends_exhaust_too_when_its_server_freezes() {
    let args = "--holder slow-query --pool-size 4 --duration 60s --keep 1s --stop-on p99>500ms";
    let (ended, report) = frozen("exhaust", args, "phase: measure");
    assert_eq!((ended.code, report.status), (Some(3), Status::Stopped));
}

#[test]
fn what_lifecycle_cuts_off_is_censored_and_not_forgotten() {
    let args =
        "--driver deadpool --pool-size 4 --peak-rate 200 --duration 3s --idle 1s --script one.sql";
    let (_, report) = frozen("lifecycle", args, "phase: measure deadpool");
    let censored: u64 = report.steps.iter().map(bench_report::Step::censored).sum();
    assert!(censored > 0);
}

/// Runs `sql` as the script of a short sweep. If `ours` is true, the server counts as a throwaway
/// one.
fn scripted(server: &Postgres, sql: &str, args: &str, ours: bool) -> Ran {
    let place = TestDirectory::new();
    write(&place, "a.sql", sql);
    let args = format!("--driver deadpool --pool-sizes 1,2,4 --warmup 0 --script a.sql {args}");
    let mut command = bench(&place, "sweep", &args);
    command.env("DATABASE_URL", server.url());
    if ours {
        command.env(testbed::token::ENV, testbed::token::mark([server.url()]));
    }
    let output = command.output().unwrap();
    let said =
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert!(!said.contains(PASSWORD), "{said}");
    Ran {
        report: place.report("run/db-pool-bench.sweep.json"),
        code: output.status.code().unwrap(),
        said,
    }
}

#[test]
fn a_run_in_which_nothing_succeeds_has_failed_and_says_what_the_server_said() {
    let server = postgres(&[]);
    let ran = scripted(&server, "SELECT 1/0;", "--duration 300ms --repeats 2", true);
    assert_eq!(
        (ran.code, ran.report.status),
        (1, Status::Failed),
        "{}",
        ran.said
    );
    let attempted: u64 = ran
        .report
        .steps
        .iter()
        .map(|s| s.operations["a"].attempted)
        .sum();
    let told =
        format!("none of {attempted} requests succeeded; {attempted} failed with sqlstate.22012");
    let said = ran.said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        said.contains(&told) && said.contains("division by zero"),
        "{}",
        ran.said
    );
}

#[test]
fn where_the_guard_of_a_server_that_is_not_ours_stops_every_step_the_guard_is_told() {
    let server = postgres(&[]);
    let ran = scripted(&server, "SELECT 1/0;", "--duration 2s --repeats 2", false);
    assert_eq!(
        (ran.code, ran.report.status),
        (3, Status::Stopped),
        "{}",
        ran.said
    );
    for step in &ran.report.steps {
        let StepEnd::Stopped { rule, .. } = &step.end else {
            panic!("{:?}", step.end);
        };
        assert_eq!(rule, "errors>10%");
    }
}

#[test]
fn writes_to_a_server_that_only_reads_have_failed_however_few_they_are() {
    let server = postgres(&[]);
    let talk = Talk::to(server.url());
    talk.execute("CREATE TABLE t (n int); INSERT INTO t VALUES (1)");
    talk.execute("ALTER DATABASE plimsoll SET default_transaction_read_only = on");
    // Too few requests for a guard to judge.
    let args = "--duration 800ms --repeats 1 --rate 10";
    let ran = scripted(&server, "UPDATE t SET n = n + 1;", args, false);
    assert_eq!(
        (ran.code, ran.report.status),
        (1, Status::Failed),
        "{}",
        ran.said
    );
    assert!(ran.said.contains("sqlstate.25006"), "{}", ran.said);
}

#[test]
fn a_stall_in_one_repeat_of_several_stands_in_the_table() {
    let server = postgres(&[]);
    let talk = Talk::to(server.url());
    talk.execute("CREATE SEQUENCE calls");
    // The four-hundredth request of the run sleeps, in whichever repeat it is made.
    let sql = "SELECT pg_sleep(CASE WHEN nextval('calls') = 400 THEN 1.5 ELSE 0 END);";
    let args = "--users 1 --duration 3s --repeats 2 --stop-on errors>90%";
    let ran = scripted(&server, sql, args, true);
    assert_eq!(ran.code, 0, "{}", ran.said);
    let has = |line: &str, title: &str| line.split_whitespace().any(|word| word == title);
    let is_head = |line: &&str| has(line, "worst") && has(line, "max");
    let mut table = ran.said.lines().skip_while(|line| !is_head(line)).skip(1);
    // Matches a duration, and not a rate such as 1.50 k/s.
    let sleeps = |line: &&str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let took_s = |pair: &[&str]| pair[0].parse::<f64>().ok().filter(|_| pair[1] == "s");
        let mut times = words.windows(2).filter_map(took_s);
        line.starts_with(" deadpool") && times.any(|seconds| seconds >= 1.5)
    };
    assert!(table.any(|line| sleeps(&line)), "{}", ran.said);
}
