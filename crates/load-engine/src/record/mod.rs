//! Records of requests: timestamps, outcomes, histograms and counts. Recording never waits for
//! another thread's work.

pub mod checkout;
pub(crate) mod checkout_tally;
pub(crate) mod cohort_counts;
pub(crate) mod failure;
pub(crate) mod failure_samples;
pub(crate) mod in_flight_request;
pub(crate) mod interval;
pub(crate) mod interval_quantile;
pub(crate) mod lazy_histogram;
#[cfg(test)]
mod memory_tests;
pub(crate) mod operation_table;
pub(crate) mod operation_tally;
pub(crate) mod outcome;
pub(crate) mod part_tally;
pub(crate) mod pool_sums;
pub(crate) mod recorder;
pub(crate) mod recording_cost;
mod recording_text;
pub(crate) mod session_tally;
mod shard;
pub(crate) mod step_recorder;
pub(crate) mod tally_sums;
pub(crate) mod timestamps;
pub(crate) mod traced_request;
pub(crate) mod within;
