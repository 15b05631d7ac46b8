//! Report: the interface between the tools. A bench writes one, the analyzer reads many, and a
//! report of last year can be read this year.
//!
//! The types of this crate *are* schema 1 (`plimsoll.report/1`); the JSON Schema under
//! `docs/schema/` is generated from them. Three rules apply everywhere. Field names contain units
//! (`_ns`, `_bytes`, `_per_s`, `_ratio`). A value that could not be read is absent with its reason
//! instead of zero. Secrets never enter a report ([`redaction`]).
#![cfg_attr(test, allow(clippy::float_cmp))]

pub mod clock;
pub mod histogram;
mod histogram_payload;
mod json;
pub mod manifest;
pub mod names;
pub mod plain_text;
pub mod plausibility;
pub mod redaction;
mod run;
pub mod run_id;
mod steps;
pub mod store;

pub use histogram::Histogram;
pub(crate) use run::report::SCHEMA;
pub use run::{
    environment::{Cgroup, Environment},
    found_rate::{FoundRate, RateSearchEnd, RateVerdict, TriedRate},
    mark::Mark,
    report::{Report, Status, Tool},
    series::Series,
    summary::{Comparison, Growing, GrowthVerdict, Limit, LimitOwner, Recommendation, Summary},
    warning::{Warning, WarningCode},
};
pub use steps::{
    changing_load::{CurveChange, CurveUnit, SessionUse, StepCurve, StepSegment, StepSpan},
    failure::FailureSample,
    latency::{Latency, QuantileEstimate, QuantileKind},
    load_share::share_of,
    operation::{CensoredPercentiles, Operation},
    pool::{CheckoutParts, PoolUsage},
    server_evidence::{EvidenceRow, ServerEvidence},
    spike_recovery::SpikeRecovery,
    step::{Generator, Load, Pacing, Parameter, Step, StepEnd, Window},
};
