//! Load engine: rate curve, pacer, recorder, cancellation, steps and their order.
//!
//! Three rules hold it together. Latency runs from the instant a request was *due*, so a server
//! that stalls shows in the figures however the generator waited. Every phase of an arrival is
//! recorded apart, and they add up ([`Recorder`]). The generator accuses itself ([`self_check`]):
//! what it spoilt is named with the figures concerned.
//!
//! [`run_requests`] runs one step of requests and answers; scenarios of another shape (broadcast,
//! idle connections) take the parts that they need.
#![cfg_attr(test, allow(clippy::float_cmp))]

mod arrivals;
mod attack;
mod backlog;
mod cancel;
pub mod checkout;
mod cohort;
mod cpu_use;
mod crew;
mod curve;
mod failure;
mod failure_sample;
mod flight;
mod guard;
mod interval;
mod opening_order;
mod overdue;
mod pacer;
mod part_tally;
pub mod plan;
mod recorder;
pub mod self_check;
mod shard;
mod shared;
mod step;
mod step_order;
mod tally;
mod target;
mod timeline;
mod worker;

pub use arrivals::{Arrivals, WorkerShare};
pub use attack::{
    CARRIED_RATIO, Observer, StartError, StepResult, Tick, WORST_INTERVAL_P99_NS, run_requests,
};
pub use cancel::Cancel;
pub use checkout::CheckoutTimestamps;
pub use cohort::InFlight;
pub use cpu_use::{CpuReading, CpuUse, LoadThreads};
pub use curve::{CurveError, RateCurve};
pub use failure::{Failure, SensitiveText};
pub use guard::{BrokenRule, RuleWindow, StopRule};
pub use interval::{Interval, IntervalQuantile};
pub use opening_order::OpeningOrder;
pub use pacer::{Pacer, WaitStrategy};
pub use recorder::{Recorder, Within, claim_shard};
pub use step::{LoadPlan, Phase, RuntimeKind, StepPlan, available_threads};
pub use step_order::{PlannedStep, shuffled_steps};
pub use target::{Outcome, Part, PoolSample, Session, Target, TargetFactory, Timestamps, UserId};
