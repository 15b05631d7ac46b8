//! A toolbox for making load: rate curve, pacer, recorder, cancellation, step and sweep.
//!
//! Three rules hold it together. Latency runs from the instant a request was *due*, so a server
//! that stalls shows in the figures however the generator waited. Every phase of an arrival is
//! recorded apart, and they add up ([`recorder`]). The generator accuses itself ([`self_check`]):
//! what it spoilt is named with the figures concerned.
//!
//! [`attack::run`] is the request/response driver, one user of the toolbox; scenarios of another
//! shape (broadcast, idle connections) take the parts that they need.
#![cfg_attr(test, allow(clippy::float_cmp))]

pub mod arrivals;
pub mod attack;
mod backlog;
pub mod cancel;
pub mod checkout;
mod cohort;
pub mod cpu_use;
mod crew;
pub mod curve;
mod failure;
mod failure_sample;
mod flight;
pub mod guard;
pub mod interval;
mod overdue;
pub mod pacer;
mod part_tally;
pub mod plan;
pub mod recorder;
pub mod self_check;
mod shard;
mod shared;
pub mod step;
pub mod sweep;
mod tally;
pub mod target;
mod timeline;
pub mod turn;
mod worker;

pub use arrivals::{Arrivals, Worker};
pub use attack::{Observer, StepResult};
pub use cancel::Cancel;
pub use checkout::CheckoutMarks;
pub use cohort::InFlight;
pub use curve::{CurveError, RateCurve};
pub use failure::{Failure, Said};
pub use guard::{Broken, StopRule};
pub use pacer::{Pacer, Waiting};
pub use recorder::{Recorder, Within};
pub use step::{LoadPlan, Phase, RuntimeKind, StepPlan};
pub use target::{Factory, Marks, Outcome, Part, PoolSample, Session, Target, UserId};
pub use turn::Turn;
