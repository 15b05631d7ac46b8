//! Load engine: plans of load, threads and processes that make the load, and the records of each
//! step.
//!
//! Three rules hold everywhere. Response time runs from the instant at which a request was *due*,
//! so that a stalled server shows in the figures although the generator had to wait. The phases of
//! a request are recorded separately and add up to its response time. The generator checks itself
//! and names the figures that it may have distorted.
//!
//! [`run_requests`] runs one step of requests and answers. [`run_connections`] runs one step of
//! connections that stay open from step to step. [`run_traced`] runs a changing load whose requests
//! are each recorded with their timestamps.
#![cfg_attr(test, allow(clippy::float_cmp))]

#[cfg(test)]
extern crate self as load_engine;

mod control;
mod held;
mod load;
mod plan;
mod processes;
mod record;
mod requests;
mod traced;

pub use control::{
    cancel::Cancel,
    load_control::{AppliedChange, LoadControl},
    observer::{Observer, Tick},
    rule_window::BrokenRule,
    run_connections::{HeldResult, run_connections},
    run_requests::{StartError, run_requests},
    run_traced::{TracedResult, run_traced},
    self_check::is_thin_percentile,
    step_result::StepResult,
};
pub use held::{
    connection_factory::{
        ConnectionFactory, ConnectionId, HeldConnection, HeldOperations, Incoming,
    },
    held_load::{HeldLoad, HeldSettings, WorkerGone},
    held_step::HeldLevel,
    message_counts::Traffic,
};
pub use load::{opening_order::OpeningOrder, pacer::Pacer};
pub use plan::{
    curve_segments::NamedSegment,
    load_change::ChangeError,
    load_curve::{FittedCurve, LoadCurve},
    load_curve_error::LoadCurveError,
    load_plan::{LoadPlan, SessionOpening},
    phase::Phase,
    rate_curve::CurveError,
    step_order::{PlannedStep, shuffled_steps},
    step_plan::{RuntimeKind, StepPlan, WaitStrategy, available_threads},
    stop_rule::StopRule,
    think_time::{Pauses, ThinkTime, ThinkTimeError},
    wall_time::WallTime,
    worker_share::{WorkerShare, WorkerShareError},
};
pub use processes::{
    parent_connection::{WorkerError, WorkerScenario, serve_worker},
    run_on_workers::{run_connections_on_workers, run_on_workers},
    worker_processes::{WorkerProcesses, WorkersError},
    worker_step::WorkerStep,
};
pub use record::{
    checkout,
    failure::{Failure, SensitiveText},
    operation_table::{OperationId, OperationSpec, OperationTable},
    outcome::{Outcome, Part},
    pool_sums::PoolSample,
    recording_cost::recording_cost_ns,
    timestamps::Timestamps,
    traced_request::TracedRequest,
};
pub use requests::target::{ArrivalInstants, Session, Target, TargetFactory, UserId};
pub use traced::{
    actor::{Actor, RunView},
    traced_plan::{Excused, TracedPlan},
};
