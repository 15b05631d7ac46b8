//! Reads the reports of one run, says what limits each component, ranks what keeps it from its
//! objectives, and recommends what to promise.
//!
//! The way through: [`run`] reads and aligns the reports, [`facts`] joins them, the rules turn
//! facts into [`conclusions`], and [`analysis`] files it all as an [`assessment`], which
//! [`render`] shows. Nothing here opens a socket, and every conclusion carries evidence that
//! points into a report.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod analysis;
pub mod assessment;
mod catalogue;
pub mod cli;
pub mod completeness;
pub mod conclusions;
mod cost;
pub mod cpu_use;
mod demand;
pub mod facts;
pub mod figures;
pub mod gates;
pub mod limiting_factor;
pub mod machine;
pub mod objectives;
pub mod operating_point;
mod postgres;
mod queueing;
pub mod ranking;
pub mod reading;
mod redis;
pub mod render;
pub mod requests;
mod rules;
pub mod run;
pub mod source;
pub mod sweep;
pub mod target;
pub mod thresholds;
pub mod time_model;
pub mod verdict;

pub use assessment::Assessment;
pub use run::RunReports;
pub use thresholds::Thresholds;
