//! Facts about numbers that the benches and the analyzer need before they may conclude from
//! them: intervals, comparisons, the knee of a sweep, the Universal Scalability Law, queues.
//!
//! Everything here is a pure function: no I/O, no clock, and every random draw comes from a seed
//! that the caller passes. Input that carries no answer (too few samples, zero variance where a
//! variance is divided by, a value that is not finite) gives `None` or a typed error. Nothing
//! panics and nothing returns NaN.
//!
//! The unit of evidence is the repeat of a step, not the request: requests follow each other
//! closely and pooling them invents certainty (see [`effective_sample_size`]).

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod bootstrap;
mod compare;
mod describe;
pub mod growth;
mod interval;
pub mod knee;
mod proportion;
pub mod queue;
mod rank;
pub mod recovery;
mod series;
mod student;
pub mod survival;
mod trend;
pub mod usl;

pub use bootstrap::bootstrap_interval;
pub use compare::{MeanDifference, minimum_detectable_difference, welch};
pub use describe::{mean, median, percentile, percentile_sorted, stdev};
pub use interval::{
    ConfidenceInterval, Estimate, MedianEstimate, mean_interval, median_interval, ratio_interval,
};
pub use proportion::proportion_at_most;
pub use rank::{RankComparison, mann_whitney};
pub use series::{effective_sample_size, warmup_cut};
pub use trend::{MannKendall, mann_kendall, theil_sen};
