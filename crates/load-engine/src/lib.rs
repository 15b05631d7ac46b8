//! Load engine: plans of load, threads and processes that make the load, and the records of each
//! step.
//!
//! Three rules hold everywhere. Response time runs from the instant at which a request was *due*,
//! so that a stalled server shows in the figures although the generator had to wait. The phases of
//! a request are recorded separately and add up to its response time ([`Recorder`]). The generator
//! checks itself ([`self_check`]) and names the figures that it may have distorted.
//!
//! [`run_requests`] runs one step of requests and answers. [`run_connections`] runs one step of
//! connections that stay open from step to step. [`run_traced`] runs a changing load whose requests
//! are each recorded with their timestamps.
#![cfg_attr(test, allow(clippy::float_cmp))]

mod control;
mod held;
mod load;
mod plan;
mod processes;
mod record;
mod requests;
mod traced;

pub use control::cancel::Cancel;
pub use control::load_control::{AppliedChange, LoadControl};
pub use control::observer::{Observer, Tick};
pub use control::rule_window::BrokenRule;
pub use control::run_connections::{HeldResult, run_connections};
pub use control::run_requests::{StartError, run_requests};
pub use control::run_traced::{TracedResult, run_traced};
pub use control::self_check;
pub use control::step_result::{CARRIED_RATIO, StepResult, WORST_INTERVAL_P99_NS};
pub use held::connection_factory::{
    ConnectionFactory, ConnectionId, HeldConnection, HeldOperations, Incoming,
};
pub use held::held_load::{HeldLoad, HeldSettings, WorkerGone};
pub use held::held_step::HeldLevel;
pub use load::opening_order::OpeningOrder;
pub use load::pacer::Pacer;
pub use plan::arrivals::Arrivals;
pub use plan::curve_segments::NamedSegment;
pub use plan::host_schedule::HostSchedule;
pub use plan::load_change::ChangeError;
pub use plan::load_curve::{FittedCurve, LoadCurve};
pub use plan::load_curve_error::LoadCurveError;
pub use plan::load_plan::{LoadPlan, SessionOpening};
pub use plan::phase::Phase;
pub use plan::rate_curve::{CurveError, RateCurve};
pub use plan::rate_search::RateSearch;
pub use plan::segments::SegmentIndex;
pub use plan::step_order::{PlannedStep, shuffled_steps};
pub use plan::step_plan::{RuntimeKind, StepPlan, WaitStrategy, available_threads};
pub use plan::stop_rule::StopRule;
pub use plan::think_time::{Pauses, ThinkTime, ThinkTimeError};
pub use plan::user_schedule::{Presence, UserSchedule};
pub use plan::wall_time::WallTime;
pub use plan::worker_share::{WorkerShare, WorkerShareError};
pub use processes::parent_connection::{WorkerError, WorkerScenario, serve_worker};
pub use processes::run_on_workers::run_on_workers;
pub use processes::worker_processes::{WorkerProcesses, WorkersError};
pub use processes::worker_step::WorkerStep;
pub use record::checkout;
pub use record::cohort_counts::InFlightAges;
pub use record::failure::{Failure, SensitiveText};
pub use record::interval::Interval;
pub use record::interval_quantile::IntervalQuantile;
pub use record::operation_table::{OperationId, OperationSpec, OperationTable};
pub use record::outcome::{Outcome, Part};
pub use record::pool_sums::PoolSample;
pub use record::recorder::{Recorder, claim_shard};
pub use record::timestamps::{CheckoutTimestamps, PhaseEnds, Timestamps};
pub use record::traced_request::TracedRequest;
pub use record::within::Within;
pub use requests::target::{Session, Target, TargetFactory, UserId};
pub use traced::actor::{Actor, RunView};
pub use traced::traced_plan::{Excused, TracedPlan};
