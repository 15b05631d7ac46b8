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

mod check;
mod cli;
mod conditions;
mod connect;
mod context;
mod control;
mod defaults;
pub mod drivers;
mod exhaust;
pub mod failure;
#[cfg(test)]
mod golden;
mod lifecycle;
mod load_sharing;
mod observe;
mod one_pool;
pub mod protocol;
mod recommendation;
mod remedy;
mod results;
mod run_server;
mod scale;
mod server;
mod sweep;
mod target;
mod text;
pub mod time_shares;
pub mod wire;
mod worker;
mod workload_commands;
pub mod workloads;

pub use cli::run;
