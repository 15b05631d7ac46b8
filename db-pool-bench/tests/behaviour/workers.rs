//! Tests of a load that several processes of the program create together on a real server.

use crate::common::{PASSWORD, Talk, bench, postgres, report};
use crate::scripting::write;
use bench_report::{Status, Step, StepEnd, WarningCode};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use test_support::{Ended, RunningProgram, TestDirectory, ending_bound, eventually};
use testbed::Postgres;

/// Flags of a step with 200 requests per second: 250 requests in 1.25 s, 50 of them in the warm-up.
const INSERTS: &str = "--rate 200 --warmup 250ms --duration 1s --repeats 1 --seed 7";

/// Starts a server with a table of requests. Returns the server, the directory of a script that
/// inserts one row for each request, and the flags that select that script.
fn counted() -> (Postgres, TestDirectory, String) {
    let server = postgres(&[]);
    Talk::to(server.url()).execute("CREATE TABLE hits (user_number int8)");
    let scripts = TestDirectory::new();
    write(
        &scripts,
        "hit.sql",
        "\\set n random(1, :most)\nINSERT INTO hits VALUES (:n);",
    );
    let script = scripts.path().join("hit.sql");
    let args = format!("--script {} --define most=9", script.display());
    (server, scripts, args)
}

/// Runs `scenario` to its end on the server at `url`. Returns the exit code, `None` after a signal,
/// and all printed text, which must not contain the password.
fn ended(place: &TestDirectory, url: &str, scenario: &str, args: &str) -> (Option<i32>, String) {
    let mut command = bench(place, scenario, args);
    let Ended { code, said, .. } = RunningProgram::start(command.env("DATABASE_URL", url)).end();
    assert!(!said.contains(PASSWORD), "{said}");
    (code, said)
}

fn attempted(step: &Step) -> u64 {
    step.operations.values().map(|one| one.attempted).sum()
}

#[test]
fn workers_send_the_planned_requests_of_each_setting_exactly_as_one_process_does() {
    let (server, _scripts, script) = counted();
    let talk = Talk::to(server.url());
    let settings = "--driver wire,direct,deadpool,sqlx --pool-sizes 3,4";
    let steps = 8;
    for workers in ["", "--workers 3"] {
        talk.execute("TRUNCATE hits");
        let place = TestDirectory::new();
        let args = format!("{settings} {INSERTS} {script} {workers}");
        let (code, said) = ended(&place, server.url(), "sweep", &args);
        assert_eq!(code, Some(0), "{said}");
        let report = report(&place);
        assert_eq!(
            (report.status, report.steps.len()),
            (Status::Complete, steps)
        );
        for step in &report.steps {
            assert_eq!(step.end, StepEnd::Completed, "{}", step.name);
            assert_eq!(attempted(step), 200, "{workers} {}", step.name);
            let led = !workers.is_empty();
            assert_eq!(step.generator.parent_cpu_ns.is_some(), led);
            assert!(step.server.is_some() && step.figures.contains_key("time.cpu_ratio"));
            if let Some(pool) = &step.pool {
                let size = step.parameter("pool_size").unwrap();
                assert_eq!(pool.max_size as f64, size, "all pools together");
            }
        }
        let hits = talk.names("SELECT count(*)::text FROM hits");
        assert_eq!(hits, [(250 * steps).to_string()], "as the server has them");
        let recommended = report.summary.recommendations.len();
        assert_eq!(recommended, 4, "the parent concludes from the whole");
        talk.assert_nothing_is_left();
    }
}

#[test]
fn workers_go_through_the_network_delay_of_their_parent() {
    let place = TestDirectory::new();
    let args = "--pool-size 4 --users 4 --network-delay 5ms --workload point-select \
                --protocol simple --repeats 1 --warmup 100ms --duration 500ms --workers 2";
    // Without a URL, the workers must use the throwaway server of their parent.
    let mut command = bench(&place, "scale", args);
    let Ended { code, said, .. } = RunningProgram::start(&mut command).end();
    assert_eq!(code, Some(0), "{said}");
    let report = place.report("run/db-pool-bench.scale.json");
    let step = &report.steps[0];
    let service = step.operations["select"].service.as_ref().unwrap();
    assert!(service.min_ns >= 10_000_000, "both directions: {service:?}");
    assert_eq!(report.config["workers"], 2);
    let figures = &report.summary.figures;
    assert!(figures.contains_key("deadpool.little_discrepancy_ratio"));
}

#[test]
fn a_killed_worker_is_named_and_the_tables_of_the_run_are_removed() {
    let server = postgres(&[]);
    let place = TestDirectory::new();
    let args = "--driver deadpool --pool-sizes 4 --workload point-select --rate 200 --warmup 0 \
                --duration 5s --repeats 3 --workers 2";
    let mut command = bench(&place, "sweep", args);
    let mut running = RunningProgram::start(command.env("DATABASE_URL", server.url()));
    running.wait_for("phase: measure");
    let workers = running.children();
    assert_eq!(workers.len(), 2);
    for pid in &workers {
        let shown = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
        assert!(shown.ends_with("db-pool-bench\0worker\0"), "{shown:?}");
    }
    std::thread::sleep(std::time::Duration::from_millis(600));
    kill(Pid::from_raw(workers[1]), Signal::SIGKILL).unwrap();
    let Ended { code, said, .. } = running.end();
    assert_eq!(code, Some(1), "{said}");
    let killed = format!("(pid {}) was killed by signal 9", workers[1]);
    assert!(said.contains(&killed), "{said}");
    let report = report(&place);
    assert_eq!((report.status, report.steps.len()), (Status::Failed, 1));
    let lost = |w: &&bench_report::Warning| w.code == WarningCode::WorkerLost;
    let lost = report.warnings.iter().find(lost).unwrap();
    assert!(lost.message.contains(&killed), "{lost:?}");
    assert_eq!(attempted(&report.steps[0]), 500, "the other's half");
    let not_made = report.steps[0].figures["arrivals_not_made"];
    assert!((1.0..=500.0).contains(&not_made), "{not_made}");
    Talk::to(server.url()).assert_nothing_is_left();
}

#[test]
fn a_signal_ends_parent_and_workers_in_order() {
    let server = postgres(&[]);
    let place = TestDirectory::new();
    let args = "--driver sqlx --pool-sizes 4 --warmup 0 --duration 60s --workers 2";
    let mut command = bench(&place, "sweep", args);
    let mut running = RunningProgram::start(command.env("DATABASE_URL", server.url()));
    running.wait_for("phase: measure");
    let workers = running.children();
    running.signal(Signal::SIGINT);
    let ended = running.end();
    assert!(ended.took <= ending_bound(), "{:?}", ended.took);
    ended.assert_interrupted("with workers");
    assert_eq!(report(&place).status, Status::Interrupted);
    eventually("the workers have exited", || {
        let is_gone = |pid: &i32| kill(Pid::from_raw(*pid), None).is_err();
        workers.iter().all(is_gone)
    });
    Talk::to(server.url()).assert_nothing_is_left();
}

#[test]
fn workers_that_would_share_a_connection_are_refused_and_so_is_the_command_by_hand() {
    let place = TestDirectory::new();
    for (scenario, args, part) in [
        ("sweep", "--workers 3", "use --pool-sizes 3 or more"),
        ("scale", "--workers 9", "use --pool-size 9 or more"),
        (
            "scale",
            "--workers 4 --pool-size 4",
            "use --users 4 or more",
        ),
        ("exhaust", "--workers 2", "--workers"),
    ] {
        let (code, said) = ended(&place, "postgres://127.0.0.1:1/x", scenario, args);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(part), "{args}: {said}");
        assert!(!place.path().join("run").exists(), "nothing was begun");
    }
    let mut by_hand = place.command(env!("CARGO_BIN_EXE_db-pool-bench"), &["worker"]);
    by_hand.stdin(std::process::Stdio::null());
    let Ended { code, said, .. } = RunningProgram::start(&mut by_hand).end();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("worker processes of --workers"), "{said}");
}
