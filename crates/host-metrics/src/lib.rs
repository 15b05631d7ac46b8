//! Metrics of a host and of its processes.
//!
//! [`source`] reads counters and gauges from `/proc`, `/sys` and control groups. [`mod@derive`]
//! converts two readings of a counter to a rate with its error. [`metric`] is the table of all
//! metrics. [`follow`] selects processes and follows them, with their descendants, over time.
//!
//! Names and command lines of processes may contain secrets. Callers that read processes must
//! therefore choose how secrets are masked: see [`Masking`].
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::float_cmp
    )
)]

mod clock;
pub mod derive;
pub mod figure;
pub mod follow;
mod masking;
pub mod metric;
pub mod source;
pub mod spread;
pub mod tick_schedule;

pub use masking::{CommandLine, Masking};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
