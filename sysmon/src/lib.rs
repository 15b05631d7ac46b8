//! `sysmon` records the machine while something else is measured. This library contains its commands, and the
//! recording of figures over time.
//!
//! The crate `host-metrics` reads the machine and derives figures. A [`recording`] keeps them in bounded
//! memory and writes them into a report, which `show` reads. `marks` are named instants that another process
//! adds to a recording.
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
mod command;
#[cfg(feature = "export")]
pub(crate) mod export;
pub(crate) mod growth;
pub mod label_text;
mod mark;
mod marks;
pub mod masking;
pub(crate) mod own_cost;
mod points;
pub(crate) mod process_history;
mod record;
pub mod recording;
pub(crate) mod render;
pub(crate) mod rolling;
pub(crate) mod sampler;
mod sampling_flags;
mod saver;
pub(crate) mod series_store;
pub mod settings;
mod show;
mod signals;
pub mod stream;
#[cfg(all(test, target_os = "linux"))]
mod tests;
mod wall_clock;
#[cfg(feature = "watch")]
pub mod watch;
