//! Behaviour of `db-pool-bench` on real servers.
//!
//! One program for all of it: each more would be linked with the whole bench again. Only what must
//! have its process or its cores to itself (what is measured, what is counted) stands beside this.
#![allow(
    clippy::expect_used,
    clippy::float_cmp,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used
)]

#[path = "../common/bouncer.rs"]
mod bouncer;
#[path = "../common/certificates.rs"]
mod certificates;
#[path = "../common/mod.rs"]
mod common;
#[path = "../common/reaching.rs"]
mod reaching;
#[path = "../common/scripting.rs"]
mod scripting;

mod bad_input;
mod checkout;
mod connections;
mod drivers;
mod exhaust;
mod find_rate;
mod guards;
mod hangs;
mod hints;
mod interrupts;
mod killed;
mod lifecycle;
mod observe;
mod pgbouncer;
mod protocols;
mod real_servers;
mod scale;
mod script;
mod script_errors;
mod script_failures;
mod session_settings;
mod sweep;
mod tls;
mod wire;
mod workers;
mod workload;
