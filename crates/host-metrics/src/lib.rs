//! Metrics of a host and of its processes.
//!
//! [`source`] reads counters and gauges from `/proc`, `/sys` and control groups, of the host and of
//! its processes. [`rate_window`] turns two readings of a counter into a rate with its error.
//!
//! Names and command lines of processes may hold secrets, so whoever reads processes says how
//! secrets are masked: see [`Masking`].
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
mod masking;
pub mod rate_window;
pub mod source;

pub use masking::{CommandLine, Masking};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
