//! Behaviour of `redis-bench` on real servers.
//!
//! All of these tests are one program, because each program must be linked with the whole bench. Only tests
//! that need cores of their own, because they measure or count, are separate programs.
#![allow(
    clippy::expect_used,
    clippy::float_cmp,
    clippy::panic,
    clippy::unwrap_used
)]

#[path = "../common/mod.rs"]
mod common;

mod burst;
mod checkout;
mod client_cache;
mod clients;
mod cluster;
mod cluster_changes;
mod connection_counts;
mod habits;
mod interrupts;
mod key_hints;
mod logins;
mod memory;
mod memory_limits;
mod nodes;
mod observe;
mod outages;
mod permissions;
mod rate_limit;
mod recovery;
mod refusals;
mod replay;
mod replicas;
mod resp3;
mod runs;
mod scripts;
mod sentinels;
mod sessions;
mod strangers;
mod tls;
mod usage;
mod workers;
