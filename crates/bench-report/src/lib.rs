//! The report is the interface between the tools: a bench writes one, the analyzer reads many,
//! and one written last year is readable this year.
//!
//! The types here *are* schema 1 (`plimsoll.report/1`); the JSON Schema under `docs/schema/` is
//! generated from them. Three rules hold everywhere: units stand in field names (`_ns`,
//! `_bytes`, `_per_s`, `_ratio`), what could not be read is absent with its reason rather than
//! zero, and no secret ever enters a report ([`redaction`]).
#![cfg_attr(test, allow(clippy::float_cmp))]

mod changing_load;
pub mod clock;
pub mod environment;
mod failure;
mod found_rate;
pub mod histogram;
pub mod json;
mod latency;
mod load;
mod load_share;
pub mod manifest;
mod mark;
pub mod merge;
mod operation;
mod place;
mod pool;
pub mod redaction;
pub mod report;
mod series;
mod server_evidence;
mod spike_recovery;
mod step;
pub mod store;
mod summary;
mod warning;

pub use changing_load::{CurveUnit, SessionUse, StepCurve, StepSegment, StepSpan};
pub use clock::ClockAnchor;
pub use environment::Environment;
pub use failure::FailureSample;
pub use found_rate::{FoundRate, RateSearchEnd, RateVerdict, TriedRate};
pub use histogram::Histogram;
pub use latency::{Latency, QuantileEstimate, QuantileKind};
pub use load_share::{ARRIVALS_NOT_MADE, share_of};
pub use mark::Mark;
pub use operation::{CensoredPercentiles, Operation};
pub use place::{ReportPlace, Unsaved};
pub use pool::{CheckoutParts, PoolUsage};
pub(crate) use report::SCHEMA;
pub use report::{Report, Status, Tool};
pub use series::Series;
pub use server_evidence::{EvidenceRow, ServerEvidence};
pub use spike_recovery::SpikeRecovery;
pub use step::{Generator, Load, Pacing, Parameter, Step, StepEnd, Window};
pub use store::{ReportFile, StoreError};
pub use summary::{Comparison, Growing, GrowthVerdict, Limit, LimitOwner, Recommendation, Summary};
pub use warning::{Warning, WarningCode};
