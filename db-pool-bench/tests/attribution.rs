//! Four causes are planted, each on a real server. The step's evidence must show the planted one as the
//! largest part of the users' time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::float_cmp,
    clippy::print_stdout
)]

mod common;
#[path = "common/scripting.rs"]
mod scripting;

use common::{Talk, postgres, report, sweep};
use scripting::write;
use test_support::{RunningProgram, TestDirectory};

struct Case {
    planted: &'static str,
    users: u64,
    pool_size: u64,
    script: &'static str,
    largest: &'static str,
}

const CASES: [Case; 4] = [
    Case {
        planted: "one row that everybody updates",
        users: 8,
        pool_size: 8,
        script: "BEGIN; UPDATE hot SET n = n + 1 WHERE id = 1; SELECT pg_sleep(0.002); COMMIT;",
        largest: "time.lock_ratio",
    },
    Case {
        planted: "a scan for want of an index",
        users: 3,
        pool_size: 3,
        script: "SELECT count(*) FROM wide WHERE value = 4711;",
        largest: "time.cpu_ratio",
    },
    Case {
        planted: "transactions left open while the client works",
        users: 4,
        pool_size: 4,
        script: "BEGIN; SELECT n FROM hot WHERE id = 1;\n\\sleep 20 ms\nCOMMIT;",
        largest: "time.client_ratio",
    },
    Case {
        planted: "a pool that is too small",
        users: 12,
        pool_size: 1,
        script: "SELECT n FROM hot WHERE id = 1;",
        largest: "time.checkout_ratio",
    },
];

#[test]
fn what_was_planted_is_the_largest_part_of_the_users_time() {
    let server = postgres(&[("max_parallel_workers_per_gather", "0")]);
    Talk::to(server.url()).execute(
        "CREATE TABLE hot AS SELECT 1 AS id, 0 AS n;
         CREATE TABLE wide AS SELECT value FROM generate_series(1, 200000) AS value;
         ANALYZE wide;
",
    );
    for case in CASES {
        let place = TestDirectory::new();
        write(&place, "planted.sql", case.script);
        let args = format!(
            "--script planted.sql --driver deadpool --pool-sizes {} --users {} --repeats 1 \
             --warmup 0 --duration 1500ms",
            case.pool_size, case.users
        );
        let running = RunningProgram::start(sweep(&place, &args).env("DATABASE_URL", server.url()));
        let end = running.end();
        assert_eq!(end.code, Some(0), "{}: {end:?}", case.planted);
        let step = report(&place).steps.remove(0);
        let times = step
            .figures
            .iter()
            .filter(|(name, _)| name.starts_with("time."));
        let largest = times.max_by(|a, b| a.1.total_cmp(b.1)).unwrap();
        assert_eq!(
            largest.0, case.largest,
            "{}: {:?}",
            case.planted, step.figures
        );
        println!("{}: {:?}", case.planted, step.figures);
    }
}
