//! Behaviour of `db-pool-bench` on real servers.
//!
//! All of these tests are one program, because each program must be linked with the whole bench. Only tests
//! that need a process or cores of their own, because they measure or count, are separate programs.
#![allow(
    clippy::expect_used,
    clippy::float_cmp,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used
)]

#[path = "../common/bouncer.rs"]
mod bouncer;
#[path = "../common/mod.rs"]
mod common;
#[path = "../common/reaching.rs"]
mod reaching;
#[path = "../common/scripting.rs"]
mod scripting;
#[path = "../common/tls_server.rs"]
mod tls_server;

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
