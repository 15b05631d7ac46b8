//! Watches a PostgreSQL server beside a load: activity of its sessions, waits and locks, statements,
//! counters of its views, CPU time of its processes. Whatever sends the load, a pool, a script or a
//! service in front of the database, the evidence is the same.
//!
//! ```no_run
//! # fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use bench_cli::bench::EvidenceSource as _;
//! use load_engine::Cancel;
//! use pg_connect::Address;
//! use pg_evidence::{EvidenceCollector, Scope};
//!
//! let address = Address::parse("postgres://app@db/shop")?;
//! let mut watch = EvidenceCollector::start(Scope::Everyone, address, "example", Cancel::default())?;
//! if let Some(capacity) = watch.begin_step() {
//!     capacity?;
//!     watch.measure_begins();
//!     std::thread::sleep(std::time::Duration::from_secs(5));
//!     watch.measure_ends();
//!     let evidence = watch.end_step();
//!     println!("{:?}", evidence.value(bench_report::names::postgres::SESSIONS_LOCK_MEAN));
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A figure that cannot be read is `unavailable` with its reason, and never zero. Nothing on the
//! server is changed, no statement shows its values, and no message the data of a row.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::float_cmp
    )
)]

mod blockers;
mod collection;
pub mod failure;
pub mod fingerprint;
pub mod gap;
mod lock_table;
mod locks;
mod objects;
mod processes;
mod server;
mod sessions;
pub mod settings;
mod statements;

pub use collection::{
    collector::EvidenceCollector,
    traced_evidence::{SegmentEvidence, TracedEvidence},
};
pub use server::{
    capacity::Capacity,
    client::{BEGIN_TRIES, BEGIN_WITHOUT_TIMEOUTS, Client, QueryValue},
    server_message::ServerMessage,
};
pub use sessions::{
    backend_monitor::Leaked, backend_watch::SessionsLeft, events::dominant_event, scope::Scope,
    session_tracker::SessionChanges,
};
