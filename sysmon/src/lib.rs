//! `sysmon` records the machine while something else is measured: what it reads, how it turns
//! that into figures over time, and the commands around it.
//!
//! Raw samples ([`source`]) are apart from what is derived from them ([`mod@derive`], [`follow`]);
//! a [`recording`] holds both together in bounded memory, and says it in a report, which
//! [`mod@show`] reads back. [`marks`] reach it from outside.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::float_cmp
    )
)]

pub mod cadence;
pub mod cli;
pub mod command;
pub mod derive;
pub mod export;
pub mod figure;
pub mod follow;
pub mod growth;
pub mod mark;
pub mod marks;
pub mod own_cost;
pub mod points;
pub mod record;
pub mod recording;
pub mod render;
pub mod rolling;
pub mod sampler;
pub mod saver;
pub mod series_store;
pub mod show;
pub mod signals;
pub mod source;
pub mod stream;
pub mod wall_clock;
pub mod watch;
