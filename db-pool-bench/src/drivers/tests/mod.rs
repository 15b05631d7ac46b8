//! Tests of the drivers on real servers: all of them must report the same results.

#[allow(clippy::print_stdout)]
#[path = "../../../tests/common/bouncer.rs"]
mod bouncer;

mod allocations;
mod full_server;
mod pgbouncer;
mod round_trips;
mod tls;
#[path = "../../../tests/common/tls_server.rs"]
mod tls_server;
mod variants;
mod wire;
