//! Run of a scenario: its plan, its steps, the searches for rates, worker processes and clean-up.

mod calibration;
pub(crate) mod cleanup;
mod cluster_checks;
mod connection_storm;
pub(crate) mod doubts;
mod outage;
mod rate_searches;
mod redis_run;
mod replica_watch;
mod run_plan;
mod run_step;
mod run_target;
mod setting;
mod worker;
pub(crate) mod workload;

pub(crate) use redis_run::RedisRun;
pub(crate) use worker::RedisWorker;
