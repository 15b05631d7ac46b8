//! Load engine: rate curve, pacer, recorder, cancellation, steps and their order.
//!
//! Three rules hold it together. Latency runs from the instant a request was *due*, so a server
//! that stalls shows in the figures however the generator waited. Every phase of an arrival is
//! recorded apart, and they add up (`Recorder`). The generator accuses itself ([`self_check`]):
//! what it spoilt is named with the figures concerned.
//!
//! [`run_requests`] runs one step of requests and answers, [`run_connections`] one of connections that
//! stay open from step to step, and [`run_traced`] a load that changes and whose requests are followed
//! one by one.
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
    observer::{Observer, Tick},
    rule_window::BrokenRule,
    run_connections::{HeldResult, run_connections},
    run_requests::{StartError, run_requests},
    run_traced::{TracedResult, run_traced},
    self_check,
    step_result::{StepResult, WORST_INTERVAL_P99_NS},
};
pub use held::{
    connection_factory::{
        ConnectionFactory, ConnectionId, HeldConnection, HeldOperations, Incoming,
    },
    held_load::{HeldLoad, HeldSettings, WorkerGone},
    held_step::HeldLevel,
};
pub use load::{opening_order::OpeningOrder, pacer::Pacer};
pub use plan::{
    curve_segments::NamedSegment,
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
    run_on_workers::run_on_workers,
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
pub use requests::target::{Session, Target, TargetFactory, UserId};
pub use traced::{
    actor::{Actor, RunView},
    traced_plan::{Excused, TracedPlan},
};
