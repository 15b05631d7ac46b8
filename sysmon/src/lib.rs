//! `sysmon` records the machine while something else is measured: what it reads, how it turns
//! that into figures over time, and the commands around it.
//!
//! The crate `host-metrics` reads and derives; a [`recording`] holds what comes of it in bounded
//! memory, and writes it into a report, which [`mod@show`] reads back. [`marks`] reach it from
//! outside.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::float_cmp
    )
)]

pub mod cli;
pub mod command;
#[cfg(feature = "export")]
pub mod export;
pub mod growth;
pub mod label_text;
pub mod mark;
pub mod marks;
pub mod masking;
pub mod own_cost;
pub mod points;
pub mod process_history;
pub mod record;
pub mod recording;
pub mod render;
pub mod rolling;
pub mod sampler;
pub mod sampling_flags;
pub mod saver;
pub mod series_store;
pub mod settings;
pub mod show;
pub mod signals;
pub mod stream;
pub mod wall_clock;
#[cfg(feature = "watch")]
pub mod watch;
