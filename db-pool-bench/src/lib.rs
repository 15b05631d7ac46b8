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
pub mod cli;
pub mod connect;
pub mod control;
pub mod drivers;
pub mod evidence;
pub mod failure;
pub mod observe;
pub mod server;
pub mod sweep;
pub mod wire;
pub mod workloads;
