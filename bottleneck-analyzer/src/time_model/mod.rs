//! Division of the time of one call, in one currency: nanoseconds of the mean call.
//!
//! Means add up where percentiles do not, so the parts of a model sum to the whole. What the
//! server does inside a call is sampled as sessions by state; by Little's law sessions ÷
//! throughput is the time that each call spent in that state (Little, *A Proof for the Queuing
//! Formula L = λW*, Operations Research 9(3), 1961).

pub(crate) mod checkout;
mod phases;
pub(crate) mod postgres;
mod redis;
mod websocket;

use crate::assessment::{ComponentKind, TimeModel};
use crate::source_report::SourceReport;

/// The model of step `index`; `None` where nothing finished.
pub(crate) fn of_step(source: &SourceReport, index: usize) -> Option<TimeModel> {
    let step = source.report.steps.get(index)?;
    match source.component()? {
        ComponentKind::Postgres => postgres::of_step(source, index),
        ComponentKind::Redis => redis::model(source, index, step),
        ComponentKind::Websocket => websocket::model(source, index, step),
        ComponentKind::Machine => None,
    }
}
