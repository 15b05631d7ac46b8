//! Four planted causes, each on a real server: the step's evidence must show the planted one as
//! the largest part of the users' time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::float_cmp,
    clippy::print_stdout
)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use bench_cli::bench::EvidenceSource as _;
use common::{Talk, postgres};
use db_pool_bench::failure::{from_pool, from_postgres};
use db_pool_bench::time_shares::{self, ExtraUsers};
use deadpool_postgres::{Manager, Pool, PoolError};
use load_engine::{
    Cancel, Failure, LoadPlan, Observer, OperationId, OperationTable, Outcome, Phase, Session,
    StepPlan, Target, TargetFactory, Timestamps, UserId, WorkerShare, run_requests,
};
use pg_connect::Address;
use pg_evidence::EvidenceCollector;
use tokio_postgres::NoTls;

const APPLICATION: &str = "plimsoll_planted";

/// Work of a user on its connection.
#[derive(Debug, Clone, Copy)]
enum Act {
    Sql(&'static str),
    /// The client's own work, the connection held.
    Pause(Duration),
}

/// Users who all do the same on connections of one pool.
#[derive(Debug)]
struct Planted {
    address: Address,
    pool_size: usize,
    acts: &'static [Act],
}

impl TargetFactory for Planted {
    type Target = PlantedTarget;

    fn operations(&self) -> OperationTable {
        OperationTable::from(&["act"])
    }

    async fn build(&self, _: WorkerShare) -> Result<PlantedTarget, Failure> {
        let manager = Manager::new(self.address.config(APPLICATION), NoTls);
        let pool = Pool::builder(manager)
            .max_size(self.pool_size)
            .build()
            .unwrap();
        Ok(PlantedTarget(pool, self.acts))
    }
}

struct PlantedTarget(Pool, &'static [Act]);

impl Target for PlantedTarget {
    type Session = PlantedSession;

    async fn open(&self, _: UserId) -> Result<PlantedSession, Failure> {
        Ok(PlantedSession(self.0.clone(), self.1))
    }

    async fn close(&self) {
        self.0.close();
    }
}

struct PlantedSession(Pool, &'static [Act]);

impl Session for PlantedSession {
    async fn request(&mut self, timestamps: &mut Timestamps) -> Outcome {
        let failed = |error: PoolError| Outcome::failed(OperationId::FIRST, from_pool(&error));
        let client = match self.0.get().await {
            Ok(client) => client,
            Err(error) => return failed(error),
        };
        timestamps.acquired();
        for act in self.1 {
            match act {
                Act::Sql(sql) => {
                    if let Err(error) = client.batch_execute(sql).await {
                        return Outcome::failed(OperationId::FIRST, from_postgres(&error));
                    }
                }
                Act::Pause(time) => tokio::time::sleep(*time).await,
            }
        }
        timestamps.done();
        Outcome::success(OperationId::FIRST)
    }
}

/// Tells the watch when to look, as a bench does.
struct Watching<'a>(&'a mut EvidenceCollector);

impl Observer for Watching<'_> {
    fn phase(&mut self, phase: Phase) {
        match phase {
            Phase::Measure => self.0.measure_begins(),
            Phase::Drain => drop(self.0.measure_ends()),
            _ => {}
        }
    }
}

struct Case {
    planted: &'static str,
    users: u64,
    pool_size: usize,
    acts: &'static [Act],
    largest: &'static str,
}

const CASES: [Case; 4] = [
    Case {
        planted: "one row that everybody updates",
        users: 8,
        pool_size: 8,
        acts: &[
            Act::Sql("BEGIN; UPDATE hot SET n = n + 1 WHERE id = 1"),
            Act::Sql("SELECT pg_sleep(0.002)"),
            Act::Sql("COMMIT"),
        ],
        largest: "time.lock_ratio",
    },
    Case {
        planted: "a scan for want of an index",
        users: 3,
        pool_size: 3,
        acts: &[Act::Sql("SELECT count(*) FROM wide WHERE value = 4711")],
        largest: "time.cpu_ratio",
    },
    Case {
        planted: "transactions left open while the client works",
        users: 4,
        pool_size: 4,
        acts: &[
            Act::Sql("BEGIN; SELECT n FROM hot WHERE id = 1"),
            Act::Pause(Duration::from_millis(20)),
            Act::Sql("COMMIT"),
        ],
        largest: "time.client_ratio",
    },
    Case {
        planted: "a pool that is too small",
        users: 12,
        pool_size: 1,
        acts: &[Act::Sql("SELECT n FROM hot WHERE id = 1")],
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
    let address = Address::parse(server.url()).unwrap();
    let mut watch = EvidenceCollector::start(address.clone(), APPLICATION, Cancel::new()).unwrap();
    for case in CASES {
        let load = LoadPlan::Closed {
            users: case.users,
            think_time: load_engine::ThinkTime::NONE,
        };
        let plan = StepPlan::new(case.planted, load, Duration::from_millis(1_500));
        let factory = Arc::new(Planted {
            address: address.clone(),
            pool_size: case.pool_size,
            acts: case.acts,
        });
        watch.begin_step().unwrap().unwrap();
        let mut step = run_requests(&plan, &factory, &Cancel::new(), &mut Watching(&mut watch))
            .unwrap()
            .step;
        time_shares::record(&mut step, watch.end_step(), ExtraUsers::default());
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
