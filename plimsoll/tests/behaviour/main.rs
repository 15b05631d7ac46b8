//! Behaviour of the suite, of its tools on several hosts, and of the commands of the README, on real
//! servers.
//!
//! All of these tests are one program, because each program must be linked with every bench, and
//! because most of them wait for time to pass: several run at a time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

#[path = "../common/mod.rs"]
mod common;

mod database_hosts;
mod doctor;
mod interrupts;
mod manifest;
mod outcomes;
mod readme;
mod several_hosts;
mod suite;
