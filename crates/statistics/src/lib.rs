//! Statistics that the benches and the analyzer need before they may conclude from figures:
//! intervals, the knee of a sweep, the Universal Scalability Law, trends, recovery from a
//! disturbance.
//!
//! Everything here is a pure function: no I/O, no clock, and every random draw comes from a seed
//! that the caller passes. Input that carries no answer (too few samples, zero variance where a
//! variance is divided by, a value that is not finite) gives `None` or a typed error. Nothing
//! panics and nothing returns NaN.
//!
//! The unit of evidence is the repeat of a step, not the request: requests follow each other
//! closely, and pooling them would invent certainty.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

#[cfg(test)]
mod close;
mod describe;
mod detectable;
mod interval;
#[cfg(test)]
mod invariants;
pub mod knee;
mod proportion;
pub mod recovery;
mod student;
mod trend;
pub mod usl;

pub use describe::{mean, median, percentile_sorted};
pub use detectable::minimum_detectable_difference;
pub use interval::{ConfidenceInterval, Estimate, mean_interval, ratio_interval};
pub use proportion::proportion_at_most;
pub use trend::{MannKendall, mann_kendall, theil_sen};
