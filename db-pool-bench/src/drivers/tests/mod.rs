//! Tests of the drivers on real servers: all of them must report the same results.

#[allow(clippy::print_stdout)]
#[path = "../../../tests/common/bouncer.rs"]
mod bouncer;
#[path = "../../../tests/common/certificates.rs"]
mod certificates;

mod allocations;
mod full_server;
mod pgbouncer;
mod round_trips;
mod tls;
mod variants;
mod wire;
