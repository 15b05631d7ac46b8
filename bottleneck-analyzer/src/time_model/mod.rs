//! Time models: division of the mean time of a call into parts, in nanoseconds.
//!
//! Means are used because they add up to the whole, while percentiles do not. Activities inside the server
//! are known as numbers of sessions in each state, from samples. By Little's law, sessions ÷ throughput is
//! the time that a call spends in a state (Little, *A Proof for the Queuing Formula L = λW*, Operations
//! Research 9(3), 1961).

pub(crate) mod checkout;
pub(crate) mod machine;
mod phases;
pub(crate) mod postgres;
mod redis;
mod tail;
mod websocket;

use crate::assessment::TimeModel;
use crate::component::TimeDivision;
use crate::source_report::SourceReport;

/// Computes the time model of step `index`; `None` if no call finished, if there is no such step,
/// or if the report is of the machine.
pub(crate) fn of_step(source: &SourceReport, index: usize) -> Option<TimeModel> {
    let step = source.report.steps.get(index)?;
    let mut model = match source.component()?.definition().time_division? {
        TimeDivision::SampledSessions => postgres::of_step(source, index),
        TimeDivision::CommandTimes => redis::model(source, index, step),
        TimeDivision::ConnectionPhases => websocket::model(source, index, step),
    }?;
    model.tail = tail::of_step(source, index, step);
    Some(model)
}
