//! Finds the PostgreSQL connection-pool size to run with, and shows where the time goes: the wait
//! for a connection apart from the server's work, each driver against the same requests.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::float_cmp
    )
)]

pub mod address;
pub mod check;
pub mod cli;
pub mod conditions;
pub mod connect;
pub mod context;
pub mod control;
mod course;
mod defaults;
pub mod drivers;
pub mod evidence;
pub mod exhaust;
pub mod failure;
mod fingerprint;
#[cfg(test)]
mod golden;
pub mod lifecycle;
pub mod observe;
pub mod one_pool;
pub mod protocol;
mod recommendation;
mod remedy;
mod results;
pub mod scale;
pub mod server;
pub mod sweep;
pub mod target;
mod text;
pub mod wire;
pub mod workload_commands;
pub mod workloads;
